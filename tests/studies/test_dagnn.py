import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import verdicts

from netopsy.studies.graphs.dagnn import APPNP_NAME, DAGNN_NAME, GCN_NAME, LAST, MEAN, RESIDUAL, SUM, limit


def table(gcn=(0.85, 0.1), deep=(0.85, 0.9), last=0.7, mean=0.85, plain=0.8, gap=0.0, rising=False, spread=0.005):
    """A made-up table of 5 runs: GCN of 2 and 24 layers, DAGNN of 2, 12 and 64 hops."""
    random, rows = np.random.default_rng(0), []
    means = {
        (GCN_NAME, 2): gcn[0],
        (GCN_NAME, 24): gcn[1],
        (RESIDUAL, 12): 0.8,
        (APPNP_NAME, 10): 0.86,
        (DAGNN_NAME, 2): deep[0],
        (DAGNN_NAME, 12): deep[1],
        (DAGNN_NAME, 24): deep[1],
        (DAGNN_NAME, 64): deep[1],
        (LAST, 64): last,
        (MEAN, 64): mean,
        (SUM, 64): plain,
    }
    for seed in range(5):
        for (network, depth), value in means.items():
            at = {"graph": "digits", "seed": seed, "network": network, "depth": depth}
            rows.append({**at, "measure": "accuracy", "value": value + random.normal(0, spread)})
    rows += [{"measure": "gate", "graph": "digits", "seed": 0, "hop": hop, "value": 0.5} for hop in range(3)]
    for hop in range(1, 21):
        alike = 0.5**hop + (0.5 if rising and hop == 15 else 0)
        at = {"measure": "limit", "network": "karate", "hop": hop}
        rows.append({**at, "error": 0.5**hop + gap, "predicted": 0.5**hop, "smoothness": alike})
    return pd.DataFrame(rows)


def verdict(number, **options):
    return verdicts("dagnn", table(**options))[number]


def test_all_hold_where_the_table_says_so():
    found = list(verdicts("dagnn", table()).values())
    assert [each.verdict for each in found] == ["holds"] * 4
    assert found[1].estimate == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"gcn": (0.85, 0.8)}, "does not hold"),
        (1, {"deep": (0.9, 0.85)}, "does not hold"),
        (1, {"gcn": (0.85, 0.65), "spread": 0.06}, "undecided"),
        (2, {"deep": (0.85, 0.855)}, "does not hold"),
        (2, {"deep": (0.85, 0.84), "spread": 0.08}, "undecided"),
        (3, {"plain": 0.95}, "does not hold"),
        (3, {"mean": 0.9}, "does not hold"),
        (3, {"last": 0.9}, "does not hold"),
        (4, {"gap": 1e-6}, "does not hold"),
        (4, {"rising": True}, "does not hold"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


def test_the_limit_of_a_real_network_is_as_predicted():
    rows = list(limit("karate", 50))
    assert rows[49]["error"] == pytest.approx(4.15760e-3, rel=1e-5)
    assert rows[49]["predicted"] == pytest.approx(rows[49]["error"], abs=1e-12)
