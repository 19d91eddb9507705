"""The study of what a network sees: verdicts on made-up rows, what is special in its measures."""

import numpy as np
import pytest
import torch
from scipy import stats
from tests.studies.made_up import verdicts

from netopsy.lab import Tables
from netopsy.studies.interpretability.cnn_visualization.judge import ranks_by_run


def synthesis_rows(gain=0.4, spread=0.1, errors=(0.1, 0.3, 0.5), noise=0.01, seeds=4):
    """A made-up table: what a second network makes of preferred images, and errors by layer."""
    random, rows = torch.Generator().manual_seed(0), []

    def normal(mean, sd):
        return mean + sd * float(torch.randn((), generator=random))

    for seed in range(seeds):
        for name in "abcdefghijklmnop":
            for condition in ("none", "blur", "blur + TV + jitter"):
                mean = 0.1 + (gain if condition == "blur + TV + jitter" else 0)
                judged = {"measure": "judged", "seed": seed, "class": name, "condition": condition}
                rows.append({**judged, "value": normal(mean, spread)})
        rows += [{"measure": "natural", "seed": seed, "condition": who, "value": 0.6} for who in ("own", "judge")]
        for way in ("inverted", "expected"):
            for image in range(12):
                for depth, mean in enumerate(errors):
                    at = {"measure": way, "seed": seed, "image": image, "layer": f"layer{depth}", "depth": depth}
                    rows.append({**at, "value": normal(mean, noise)})
    return rows


def unit_rows(first=1.0, last=3.0, settling=0.8, own=12, other=9.0, seeds=4, rotations=10):
    """A made-up table: epochs until filters settle, and unique detectors of units and of rotated bases."""
    random, rows = torch.Generator().manual_seed(0), []

    def normal(mean, sd):
        return mean + sd * float(torch.randn((), generator=random))

    for seed in range(seeds):
        for depth, (layer, mean, count) in enumerate((("one", first, 12), ("two", 2.0, 24), ("three", last, 48))):
            at = {"seed": seed, "layer": layer, "depth": depth}
            rows += [{"measure": "alike", **at, "epoch": float(e), "value": e / 3} for e in range(4)]
            rows += [{"measure": "settled", **at, "unit": u, "value": normal(mean, settling)} for u in range(count)]
            rows.append({"measure": "settled", **at, "unit": count, "value": None})
        rows.append({"measure": "accuracy", "seed": seed, "weights": "trained", "value": 0.9})
        for weights, (before, after) in {"trained": (own, other), "random weights": (1, 1.0)}.items():
            counts = {"measure": "unique", "seed": seed, "weights": weights, "detectors": 9, "match": 0.1}
            rows.append({**counts, "rotation": -1, "share": 0.0, "value": before})
            for rotation in range(rotations):
                for share in (0.5, 1.0):
                    value = round(normal(after, 1.0)) if share == 1 else before
                    rows.append({**counts, "rotation": rotation, "share": share, "value": value})
    return rows


def verdict(number, **options):
    of_units = {"first", "last", "settling", "own", "other"}
    rows = synthesis_rows(**{key: value for key, value in options.items() if key not in of_units})
    rows += unit_rows(**{key: value for key, value in options.items() if key in of_units})
    return verdicts("cnn-visualization", rows)[number]


def test_all_hold_where_the_rows_say_so():
    found = verdicts("cnn-visualization", [*synthesis_rows(), *unit_rows()])
    assert [each.verdict for each in found.values()] == ["holds"] * 4
    assert found[1].estimate == pytest.approx(0.4, abs=0.05)
    assert found[3].estimate == pytest.approx(2.0, abs=0.3)
    assert found[4].estimate == pytest.approx(3.0, abs=0.5)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"gain": 0.02}, "does not hold"),
        (1, {"gain": 0.12, "spread": 0.3}, "undecided"),
        (2, {"errors": (0.5, 0.3, 0.1)}, "does not hold"),
        (2, {"errors": (0.3, 0.1, 0.5)}, "does not hold"),  # larger at the end, but not in order
        (2, {"errors": (0.1, 0.1, 0.1)}, "does not hold"),
        (3, {"last": 0.0}, "does not hold"),
        (3, {"last": 1.05, "settling": 2.0}, "undecided"),
        (4, {"other": 14.0}, "does not hold"),
        (4, {"other": 12.3}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


def test_rank_correlations_are_scipys():
    random = np.random.default_rng(0)
    rows = [
        {"measure": "inverted", "seed": seed, "image": image, "depth": depth, "value": float(random.integers(4))}
        for seed in (0, 1)
        for image in range(5)
        for depth in range(4)
    ]
    found = ranks_by_run(Tables(rows), "inverted")
    for seed in (0, 1):
        own = np.array([row["value"] for row in rows if row["seed"] == seed]).reshape(5, 4)
        each = [stats.spearmanr(range(4), line).statistic if np.ptp(line) else 0.0 for line in own]
        assert found[seed] == pytest.approx(np.mean(each))
