import pandas as pd
import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.core.masks import density
from netopsy.lab.subjects.tickets import SETTINGS
from netopsy.lab.subjects.tickets import load as load_data
from netopsy.models import mlp
from netopsy.sparsity.lottery_ticket import iterative_magnitude_pruning
from netopsy.studies import load
from netopsy.studies.sparsity.lottery_ticket import Config, one_shot_masks
from netopsy.training import Recipe, trainer


def table(ticket, reinit, one_shot, dense=0.98, steps=(400, 600), setting="mlp-digits", seeds=6):
    """A made-up table of results with a little scatter over seeds."""
    config = Config(settings=(setting,))
    rows = []
    for seed in range(seeds):
        scatter = 1e-4 * (seed - 2.5)
        values = [("ticket", 0, dense), ("ticket", config.matched, dense), ("ticket", config.sparse, ticket)]
        values += [(c, r, reinit) for r in config.compared for c in ("reinit", "random ticket")] + [
            ("one-shot", config.sparse, one_shot)
        ]
        rows += [
            {
                "setting": setting,
                "seed": seed,
                "condition": condition,
                "round": r,
                "accuracy": value + scatter * (1 if condition == "ticket" else -1),
                "early_stop_step": steps[condition == "reinit"] + 5 * seed,
            }
            for condition, r, value in values
        ]
    return pd.DataFrame(rows)


def answers(*arguments, **options):
    rows = table(*arguments, **options).assign(measure="networks")
    return {number: each.verdict for number, each in verdicts("lottery-ticket", rows, Config()).items()}


def test_verdicts_follow_the_criteria():
    good = answers(0.98, 0.97, 0.975)
    assert good[1] == "holds"
    assert good[2] == "holds"
    assert good[3] == "holds"
    assert good[4] == "undecided"


def test_verdicts_go_the_other_way_on_the_opposite_numbers():
    bad = answers(0.97, 0.98, 0.98, steps=(600, 600))
    assert set(bad.values()) == {"does not hold", "undecided"}
    assert bad[2] == "does not hold"
    assert answers(0.981, 0.98, 0.9, steps=(400, 600))[1] == "does not hold"  # +0.1 point is not +0.2


def test_one_shot_masks_have_the_numbers_of_the_round():
    data = SETTINGS["mlp-digits"].data
    train = load_data(data)[0]
    found = iterative_magnitude_pruning(mlp([64, 30, 10]), trainer(train, Recipe(steps=20)), rounds=4)
    masks = one_shot_masks(found, 4, "layer")
    assert {n: int(m.sum()) for n, m in masks.items()} == {n: int(m.sum()) for n, m in found.masks[4].items()}
    assert any(not torch.equal(masks[name], found.masks[4][name]) for name in masks)
    assert density(one_shot_masks(found, 4, "global")) == pytest.approx(density(found.masks[4]), abs=1e-3)


def test_every_setting_of_the_paper_preset_exists():
    config = load("lottery-ticket").presets["paper"]
    assert set(config.settings) <= set(SETTINGS)
    assert config.seeds == 5


def test_warmup_needs_failure_at_the_high_rate_and_success_at_a_lower_one():
    names = ("resnet20-high", "resnet20-low", "resnet20-warmup")

    def verdict(*gains):
        parts = []
        for name, gain in zip(names, gains, strict=True):
            part = table(0.9, 0.9, 0.9, dense=0.9, setting=name)
            ticket = (part["condition"] == "ticket") & (part["round"] == Config().matched)
            part.loc[ticket, "accuracy"] += gain
            parts.append(part)
        rows = pd.concat(parts).assign(measure="networks")
        return verdicts("lottery-ticket", rows, Config(settings=names))[4].verdict

    assert verdict(-0.02, 0.02, 0.0) == "holds"
    assert verdict(0.02, 0.02, 0.02) == "does not hold"
    assert verdict(-0.02, -0.02, -0.02) == "does not hold"
    assert verdict(0.0, 0.02, 0.02) == "undecided"  # an interval about 0 is no failure shown
