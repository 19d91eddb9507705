import numpy as np
import pandas as pd
import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.lab.subjects.classifiers import NETWORKS, ClassifierSetting, trained
from netopsy.studies import load
from netopsy.studies.interpretability.causal_paths.measure import scaled
from netopsy.studies.interpretability.causal_paths.plan import BASELINES, CAUSAL, SCALES, SHUFFLED


def table(
    restricted=0.9,
    ablated=0.05,
    ratios=(-1.0, -1.0, -1.0, 0.5),
    halves=0.9,
    soft=0.9,
    others_too=0.1,
    shuffled=-1.0,
    spread=0.05,
):
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
                "restricted on others": others_too + noise(),
                "ablated": ablated + noise(),
                "ablated random": 0.8 + noise(),
                "AUROC whole": 0.99,
                "AUROC restricted": 0.9,
            }
            rows.append({**at, "measure": "class", "class": label, **values})
            counts = {"causes": 1, "nodes": 1, "rule": "input"}, {"causes": 4, "nodes": 8, "rule": "z test"}
            rows += [{**at, "measure": "layer", "class": label, **each} for each in counts]
            rows.append({**at, "measure": "halves", "class": label, "repeat": 0, "value": halves + noise()})
            rows.append({**at, "measure": "beta", "class": label, "beta": 0.1, "repeat": 0, "value": soft})
        for image in range(20):
            for scale in SCALES:
                others = {
                    name: float(np.exp(-ratio + random.normal(0, 0.2)))
                    for name, ratio in zip(BASELINES, ratios, strict=True)
                }
                rows.append(
                    {
                        **at,
                        "measure": "lipschitz",
                        "scale": scale,
                        "image": image,
                        CAUSAL: 1.0,
                        SHUFFLED: float(np.exp(-shuffled + random.normal(0, 0.2))),
                        **others,
                    }
                )
    return pd.DataFrame(rows)


def verdict(number, **options):
    return verdicts("causal-paths", table(**options))[number]


def test_all_hold_where_the_table_says_so():
    found = list(verdicts("causal-paths", table()).values())
    assert [each.verdict for each in found] == ["holds"] * 4


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"others_too": 0.8}, "does not hold"),
        (3, {"shuffled": 0.5}, "does not hold"),
        (1, {"restricted": 0.3}, "does not hold"),
        (1, {"restricted": 0.41, "spread": 0.2}, "undecided"),
        (2, {"ablated": 0.7}, "does not hold"),
        (3, {"ratios": (-1.0, -1.0, 0.5, 0.5)}, "does not hold"),
        (3, {"ratios": (-1.0, -1.0, 0.0, 0.5)}, "undecided"),
        (4, {"halves": 0.5}, "does not hold"),
        (4, {"soft": 0.3}, "does not hold"),
        (4, {"halves": 0.7, "spread": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


def test_maps_are_scaled_alike():
    maps = torch.tensor([[[-4.0, 2.0]], [[3.0, 3.0]]])
    assert scaled(lambda images: maps, "largest is 1", maps).tolist() == [[[1.0, 0.5]], [[1.0, 1.0]]]
    assert scaled(lambda images: maps, "0 to 1", maps).tolist() == [[[1.0, 0.0]], [[0.0, 0.0]]]


def test_networks_of_the_paper_preset_run():
    preset = load("causal-paths").configuration("paper")
    assert [setting.network for setting in preset.settings] == ["lenet", "vgg11"]
    for name, make in NETWORKS.items():
        size = 8 if name == "small lenet" else 32
        assert make(channels=3, size=size, classes=5, seed=0)(torch.rand(2, 3, size, size)).shape == (2, 5)


def test_a_run_trains_the_same_network_again():
    one, other = (trained(ClassifierSetting(steps=20), 1)[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_likeness_by_chance_is_that_of_random_graphs_of_the_size():
    """Of 8 nodes two draws of 4 share 2 on average, of the 6 that are in either."""
    found = verdicts("causal-paths", table())[4].part("median Jaccard similarity of two halves")
    assert found.beside["by chance, for as many causes"] == pytest.approx(2 / 6)
