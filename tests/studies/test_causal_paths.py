import numpy as np
import pandas as pd
import pytest
import torch

from netopsy.lab import run
from netopsy.studies import load
from netopsy.studies.interpretability import causal_paths as study
from netopsy.studies.interpretability._causal_measures import BASELINES, CAUSAL, SCALES, scaled
from netopsy.studies.interpretability._causal_networks import NETWORKS, Setting, trained
from netopsy.studies.interpretability._causal_verdicts import judge


def table(restricted=0.9, ablated=0.05, ratios=(-1.0, -1.0, -1.0, 0.5), halves=0.9, spread=0.05):
    """A made-up table of 3 runs with 10 classes."""
    random, rows = np.random.default_rng(0), []
    for seed in range(3):
        at = {"network": "net", "seed": seed}
        for label in range(10):
            noise = lambda: float(random.normal(0, spread))  # noqa: E731
            values = {
                "whole": 0.95,
                "restricted": restricted + noise(),
                "restricted random": 0.2 + noise(),
                "ablated": ablated + noise(),
                "ablated random": 0.8 + noise(),
                "AUROC whole": 0.99,
                "AUROC restricted": 0.9,
            }
            rows.append({**at, "measure": "class", "class": label, **values})
            rows.append({**at, "measure": "halves", "class": label, "repeat": 0, "value": halves + noise()})
            rows.append({**at, "measure": "beta", "class": label, "beta": 0.1, "repeat": 0, "value": 0.5})
        for image in range(20):
            for scale in SCALES:
                others = {
                    name: float(np.exp(-ratio + random.normal(0, 0.2)))
                    for name, ratio in zip(BASELINES, ratios, strict=True)
                }
                rows.append({**at, "measure": "lipschitz", "scale": scale, "image": image, CAUSAL: 1.0, **others})
    return pd.DataFrame(rows)


def verdict(name, **options):
    return next(each for each in judge(table(**options), study.Config()) if each.claim == name)


def test_all_hold_where_the_table_says_so():
    found = judge(table(), study.Config())
    assert [each.verdict for each in found] == ["holds"] * 4
    assert found[0].estimate == pytest.approx(0.7, abs=0.03)
    assert found[1].estimate == pytest.approx(0.75, abs=0.03)
    assert found[2].estimate == pytest.approx(-1.0, abs=0.1)
    assert "gradient SHAP 0.5" in found[2].detail or "gradient SHAP 0.4" in found[2].detail


@pytest.mark.parametrize(
    ("name", "options", "answer"),
    [
        ("causal-paths-1", {"restricted": 0.3}, "does not hold"),
        ("causal-paths-1", {"restricted": 0.4, "spread": 0.2}, "undecided"),
        ("causal-paths-2", {"ablated": 0.7}, "does not hold"),
        ("causal-paths-3", {"ratios": (-1.0, -1.0, 0.5, 0.5)}, "does not hold"),
        ("causal-paths-3", {"ratios": (-1.0, -1.0, 0.0, 0.5)}, "undecided"),
        ("causal-paths-4", {"halves": 0.5}, "does not hold"),
        ("causal-paths-4", {"halves": 0.71, "spread": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(name, options, answer):
    assert verdict(name, **options).verdict == answer


def test_maps_are_scaled_alike():
    maps = torch.tensor([[[-4.0, 2.0]], [[3.0, 3.0]]])
    assert scaled(lambda images: maps, "largest is 1", maps).tolist() == [[[1.0, 0.5]], [[1.0, 1.0]]]
    assert scaled(lambda images: maps, "0 to 1", maps).tolist() == [[[1.0, 0.0]], [[0.0, 0.0]]]


def test_smoke(tmp_path):
    found = run(load("causal-paths"), "smoke", out=tmp_path, workers=0)
    assert [each.claim for each in found.verdicts] == [
        "causal-paths-1",
        "causal-paths-2",
        "causal-paths-3",
        "causal-paths-4",
    ]
    assert set(found.figures) == {"probability", "size", "steepness", "likeness", "cost"}
    counts = found.rows["measure"].value_counts()
    classes = counts["class"]
    assert 3 <= classes <= 10
    assert counts["layer"] == 4 * classes
    assert counts["beta"] == 2 * classes
    assert counts["lipschitz"] == 2 * 6
    assert counts["cost by side"] == counts["cost by units"] == 2
    zero = found.rows[(found.rows["measure"] == "beta") & (found.rows["beta"] == 0)]
    assert zero["value"].mean() > 0.5  # weights set to almost 0 give almost the graph found with 0


def test_networks_of_the_paper_preset_run():
    preset = load("causal-paths").configuration("paper")
    assert [setting.network for setting in preset.settings] == ["lenet", "vgg11"]
    for name, make in NETWORKS.items():
        size = 8 if name == "small lenet" else 32
        assert make(3, size, 5, 0)(torch.rand(2, 3, size, size)).shape == (2, 5)


def test_a_run_trains_the_same_network_again():
    one, other = (trained(Setting(steps=20), 1)[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
