import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import verdicts

from netopsy.studies.graphs.noisy_label_clustering.plan import ATTRIBUTES, FD, LABELS, LFD, PAGERANK, SETTLED, Config


def table(
    together=0.8,
    by_chance=0.2,
    real=0.9,
    cora=0.8,
    settled=0.85,
    growth=0.0,
    slower=1.2,
    bound=0.5,
    varied=0.0,
    spread=0.02,
):
    """A made-up table of 3 runs."""
    random, rows = np.random.default_rng(0), []

    def near(value):
        return float(value + random.normal(0, spread))

    for seed in range(3):
        for start in range(20):
            for right in (0.5, 0.9):
                values = {FD: near(0.4), LABELS: near(0.5), PAGERANK: 0.5}
                values[LFD] = near(together if right > 0.5 else by_chance)
                levels = {"inside": right, "outside": right}
                rows.append({"measure": "accuracy", "seed": seed, "start": start, **levels, **values})
            for turn, weight in enumerate((0.001, 0.01, 0.1, 1.0)):
                value = near(0.1 if weight in (0.001, 1.0) else 0.7 + varied * turn)
                rows.append({"measure": "eps", "seed": seed, "start": start, "eps": weight, "value": value})
        for turn, nodes in enumerate((1_000, 10_000, 100_000)):
            touched = 1000 * nodes**growth
            cost = {"value": 1.0 if turn else slower + 0.01 * seed, "touched": touched, "share of bound": bound}
            rows.append({"measure": "size", "seed": seed, "nodes": nodes, "edges": 5 * nodes, "f1": 0.9, **cost})
    for graph, found in (("digits", real), ("cora", cora)):
        for label in range(10):
            for draw in range(10):
                values = {FD: near(0.7), LABELS: near(0.75), LFD: near(found), PAGERANK: 0.5, ATTRIBUTES: 0.5}
                values |= {LFD + SETTLED: settled, FD + SETTLED: 0.5, "correct inside": 0.9, "correct outside": 0.9}
                rows.append({"measure": "real", "graph": graph, "class": label, "draw": draw, **values})
    return pd.DataFrame(rows)


def verdict(number, **options):
    config = Config(real=("digits", "cora"))
    return verdicts("noisy-label-clustering", table(**options), config)[number]


def test_all_hold_where_the_table_says_so():
    found = verdicts("noisy-label-clustering", table(), Config(real=("digits", "cora")))
    assert [each.verdict for each in found.values()] == ["holds"] * 5


def test_networks_that_are_not_here_are_named():
    found = verdicts("noisy-label-clustering", table(), Config(real=("digits", "cora", "citeseer")))[3]
    assert found.verdict == "undecided"
    assert found.part("other networks").rule == "not on this machine: citeseer"


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"together": 0.5}, "does not hold"),
        (1, {"together": 0.53, "spread": 0.1}, "undecided"),
        (1, {"by_chance": 0.6}, "does not hold"),
        (2, {"real": 0.76}, "does not hold"),
        (2, {"real": 0.76, "spread": 0.5}, "undecided"),
        (2, {"settled": 0.7}, "does not hold"),
        (3, {"cora": 0.7}, "does not hold"),
        (3, {"settled": 0.45}, "does not hold"),
        (4, {"growth": 0.3}, "does not hold"),
        (4, {"slower": 3.0}, "does not hold"),
        (4, {"bound": 1.1}, "does not hold"),
        (5, {"varied": 0.1}, "does not hold"),
        (5, {"varied": 0.03, "spread": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer
