import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import verdicts

from netopsy.lab.statistics import rank_correlation
from netopsy.lab.subjects.parties import (
    DIGITS,
    HALF,
    NOISY,
    REWIRED,
    SAME,
)
from netopsy.studies.graphs.graph_valuation.measure import estimates
from netopsy.studies.graphs.graph_valuation.plan import FIVE

EIGHT = (*FIVE, HALF, NOISY, REWIRED)


def table(
    rising=True, still=0.0, aligned=0.5, same=0.7, other=0.3, moved=1.0, leak=0.0, lower=0.5, shift=0.0, helpful=True
):
    """A made-up table: two graphs and five seeds, ten buyers, five runs."""
    random, rows = np.random.default_rng(0), []
    for seed in range(5):
        for graph in ("random", "karate"):
            for turn, fraction in enumerate((0.0, 0.05, 0.2, 0.4)):
                value = aligned * (turn if rising else 0.5 / max(turn, 1)) + random.uniform(0, 0.01) * (turn > 0)
                if turn == 0:
                    value = still
                if turn == 1:
                    value = aligned
                ways = {"aligned": value, "unaligned": 1.0, "direct": value / 2, "asymmetric": graph == "random"}
                rows.append({"measure": "structure", "graph": graph, "seed": seed, "fraction": fraction, **ways})
        for data in (DIGITS, "cora"):
            for start in range(10):
                for seller in FIVE:
                    value = (same if seller == SAME else other) + random.normal(0, 0.01)
                    numbers = {"relevance": value, "diversity": 1 - value, "mean relevance": value}
                    rows.append(
                        {
                            "measure": "relevance",
                            "data": data,
                            "seed": seed,
                            "start": start,
                            "seller": seller,
                            **numbers,
                        }
                    )
        for copy in range(4):
            noise = random.uniform(0, 1e-9)
            for change, S, R in (
                ("copy", noise, 0.9),
                ("rewired", noise + moved, 0.9 + leak),
                ("permuted", noise + shift, 0.9 - lower),
            ):
                numbers = {"disparity": S, "relevance": R, "diversity": 0.1}
                rows.append({"measure": "disentangled", "seed": seed, "copy": copy, "change": change, **numbers})
        for start in range(3):
            order = random.permutation(len(EIGHT))
            for turn, seller in enumerate(EIGHT):
                gain = turn if helpful else order[turn]
                numbers = {"relevance": turn / 10, "disparity": -turn + 10.0, "gain": gain / 10}
                rows.append({"measure": "useful", "seed": seed, "start": start, "seller": seller, **numbers})
    return pd.DataFrame(rows)


def test_all_hold_where_the_table_says_so():
    found = list(verdicts("graph-valuation", table()).values())
    assert [each.verdict for each in found] == ["holds"] * 4


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"rising": False}, "does not hold"),
        (1, {"still": 1e-3}, "does not hold"),
        (1, {"aligned": 0.9}, "does not hold"),
        (2, {"same": 0.45}, "does not hold"),
        (2, {"same": 0.3}, "does not hold"),
        (3, {"moved": 1e-9}, "does not hold"),
        (3, {"leak": 1e-12}, "does not hold"),
        (3, {"lower": 0.1}, "does not hold"),
        (3, {"shift": 1e-12}, "does not hold"),
        (4, {"helpful": False}, "undecided"),
    ],
)
def test_each_part_of_a_claim_can_fail(number, options, answer):
    assert verdicts("graph-valuation", table(**options))[number].verdict == answer


def test_all_signals_and_all_directions_come_near_the_exact_value():
    rows = pd.DataFrame(estimates(0, 40, (8, 39, 2000)))
    last = rows[rows["count"] == 2000].set_index("way")["ratio"]
    assert last["directions"] == pytest.approx(1)
    assert last["signals"] == pytest.approx(1, abs=0.1)


def test_rank_correlation():
    assert rank_correlation(np.array([1, 2, 3]), np.array([1, 4, 9])) == pytest.approx(1)
    assert rank_correlation(np.array([1, 2, 3]), np.ones(3)) == 0
