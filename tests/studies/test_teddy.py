import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import verdicts

from netopsy.lab.subjects.nodes import BLOCKS, DIGITS
from netopsy.studies.graphs.teddy import (
    AFTERWARDS,
    DENSE,
    INVERTED,
    NO_TEACHER,
    ORDERS,
    PROJECTED,
    RANDOM,
    RANDOM_EDGES,
    TEDDY,
    UGS,
    sparsities,
)


def table(random=0.03, inverted=0.05, ugs=0.04, slower=9.0, lost=0.0, afterwards=0.1, spread=0.004, only_gcn=0.0):
    """A made-up table: what TEDDY is better by."""
    drawn, rows = np.random.default_rng(0), []
    noise = lambda: float(drawn.normal(0, spread))  # noqa: E731
    for seed in range(5):
        for graph in (BLOCKS, DIGITS):
            at = {"measure": "edges", "graph": graph, "seed": seed}
            rows.append({**at, "method": DENSE, "sparsity": 0.0, "value": 0.9})
            for order in ORDERS:
                less = {RANDOM: random, INVERTED: inverted}.get(order, 0.0) * (1 if graph == BLOCKS else -1)
                for share in (0.3, 0.5, 0.7, 0.85):
                    rows.append({**at, "method": order, "sparsity": share, "value": 0.9 - less + noise()})
        for network in ("GCN", "GIN"):
            worse = ugs - (only_gcn if network == "GIN" else 0.0)
            at = {"graph": BLOCKS, "network": network, "seed": seed, "measure": "tickets"}
            rows.append({**at, "method": DENSE, "level": 0, "value": 0.9, "seconds": 1.0})
            for method, less, took in (
                (TEDDY, 0.0, 2.0),
                (NO_TEACHER, 0.0, 1.0),
                (RANDOM_EDGES, 0.02, 2.0),
                (UGS, worse, 2 * slower + noise()),
            ):
                for level in (5, 10):
                    rows.append(
                        {**at, "method": method, "level": level, "value": 0.9 - lost - less + noise(), "seconds": took}
                    )
            at["measure"] = "weights"
            rows.append({**at, "method": DENSE, "sparsity": 0.0, "value": 0.9})
            for method, less in ((PROJECTED, 0.0), (AFTERWARDS, afterwards)):
                for share in (0.9, 0.95):
                    rows.append({**at, "method": method, "sparsity": share, "value": 0.85 - less + noise()})
    return pd.DataFrame(rows)


def verdict(number, **options):
    return verdicts("teddy", table(**options))[number]


def test_all_hold_where_the_table_says_so():
    found = list(verdicts("teddy", table()).values())
    assert [each.verdict for each in found] == ["holds"] * 4
    better = [each.parts[0].estimate.value for each in found]
    assert better == pytest.approx([0.05, 0.03, 0.04, 0.1], abs=0.01)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"inverted": -0.02}, "does not hold"),
        (1, {"inverted": 0.004, "spread": 0.001}, "does not hold"),
        (1, {"inverted": 0.02, "spread": 0.2}, "undecided"),
        (2, {"random": 0.0, "spread": 0.001}, "does not hold"),
        (2, {"random": 0.012, "spread": 0.06}, "undecided"),
        (3, {"ugs": -0.02}, "does not hold"),
        (3, {"slower": 4.0}, "does not hold"),
        (3, {"lost": 0.03}, "does not hold"),
        (3, {"only_gcn": 0.06}, "does not hold"),
        (3, {"ugs": 0.02, "spread": 0.08}, "undecided"),
        (4, {"afterwards": 0.01, "spread": 0.001}, "does not hold"),
        (4, {"afterwards": 0.03, "spread": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


def test_levels_are_those_of_the_paper():
    assert sparsities(10) == pytest.approx((0.4013, 0.6513), abs=1e-4)
    assert sparsities(20) == pytest.approx((0.6415, 0.8784), abs=1e-4)


def test_what_random_edges_reach_is_beside_and_the_dense_network_is_a_part():
    part = verdict(3).part("GCN: TEDDY less UGS")
    assert part.beside[RANDOM_EDGES] == pytest.approx(0.88, abs=0.01)
    assert verdict(3, lost=0.02).part("GCN: TEDDY less dense").estimate.value == pytest.approx(-0.02, abs=0.01)
