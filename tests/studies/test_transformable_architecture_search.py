"""``netopsy reproduce transformable-architecture-search``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.studies import load
from netopsy.studies.sparsity.transformable_architecture_search import (
    DENSE,
    DISTILLED,
    LABELS,
    PADDED,
    SEARCHED,
    SETTINGS,
    UNIFORM,
    standardised,
)

SLUG = "transformable-architecture-search"


def rows(lead: float, taught: float, missed: int) -> Iterator[dict[str, Any]]:
    """Searched sizes better by ``lead`` points, a teacher worth ``taught``, so many budgets missed."""
    for number in range(9):
        ratio = (0.3, 0.5, 0.7)[number // 3]
        share = ratio * (1.2 if number < missed else 1.04)
        yield {"measure": "searches", "ratio": ratio, "seed": number % 3, "share": share, "last": 1.5 * ratio}
    for seed in range(5):
        scatter = 0.01 * seed
        yield _row(seed, DENSE, LABELS, 50.0)
        for how in (LABELS, DISTILLED):
            base = 40 + seed + (taught + scatter if how == DISTILLED else 0.0)
            yield _row(seed, SEARCHED, how, base + lead + scatter)
            yield _row(seed, UNIFORM, how, base)
            yield from (_row(seed, f"random {k}", how, base + k - 2) for k in (1, 2, 3))
        yield _row(seed, PADDED, DISTILLED, base)


def _row(seed: int, sizes: str, how: str, value: float) -> dict[str, Any]:
    return {"measure": "networks", "seed": seed, "sizes": sizes, "training": how, "value": value, "share": 0.3}


def answers(lead: float, taught: float, missed: int) -> dict[int, str]:
    return {number: each.verdict for number, each in verdicts(SLUG, list(rows(lead, taught, missed))).items()}


def test_verdicts_follow_the_criteria() -> None:
    assert answers(lead=0.5, taught=2.0, missed=1) == {1: "holds", 2: "holds", 3: "holds"}


def test_verdicts_go_the_other_way_on_the_opposite_numbers() -> None:
    assert set(answers(lead=0.1, taught=-2.0, missed=2).values()) == {"does not hold"}


def test_a_lead_is_over_the_mean_of_the_random_sizes() -> None:
    part = verdicts(SLUG, list(rows(0.5, 2.0, 0)))[2].weakest
    assert part.estimate is not None
    assert part.estimate.value == pytest.approx(0.52)
    assert part.estimate.n == 5


def test_patches_are_standardised_one_by_one() -> None:
    images = torch.rand(4, 1, 6, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 5).view(4, 1, 1, 1)
    found = standardised(images)
    torch.testing.assert_close(found.mean((1, 2, 3)), torch.zeros(4), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.std((1, 2, 3)), torch.ones(4))
    assert standardised(torch.full((1, 1, 6, 6), 0.5)).abs().max() == 0


def test_the_paper_preset_has_the_networks_of_the_paper() -> None:
    config = load(SLUG).presets["paper"]
    assert {config.setting, config.budget_setting} <= set(SETTINGS)
    assert SETTINGS[config.budget_setting].space.flops() == 69_124_736
