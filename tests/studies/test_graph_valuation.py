import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy.sparse.csgraph import connected_components
from tests.studies.made_up import verdicts

from netopsy.lab.statistics import rank_correlation
from netopsy.lab.subjects.parties import (
    ALL,
    DIGITS,
    HALF,
    NOISY,
    OTHER,
    REWIRED,
    SAME,
    SCALED,
    SHUFFLED,
    asymmetric,
    buyers_graph,
    labelled,
    parties,
    rewired,
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


@pytest.mark.parametrize("name", ["karate", "les_miserables", "random", "digits"])
def test_rewired_copies_stay_connected_with_as_many_edges(name):
    own = buyers_graph(name, 0)
    for fraction in (0.05, 0.4):
        found = rewired(own, fraction, np.random.default_rng(0))
        assert found.sum() == own.sum()
        np.testing.assert_array_equal(found, found.T)
        assert not found.diagonal().any()
        assert connected_components(found, directed=False)[0] == 1
        changed = np.triu((found != own) & (own > 0)).sum()
        assert changed == round(fraction * own.sum() / 2)
    np.testing.assert_array_equal(rewired(own, 0.0, np.random.default_rng(0)), own)


def test_symmetry():
    assert not asymmetric(nx.to_numpy_array(nx.cycle_graph(8)))
    assert not asymmetric(buyers_graph("karate", 0))
    assert asymmetric(nx.to_numpy_array(nx.gnp_random_graph(40, 0.2, seed=1)))


def test_the_buyer_shares_no_node_and_the_classes_are_as_said():
    whole = labelled(DIGITS)
    marked = type(whole)(np.arange(len(whole.classes))[:, None].astype(float), whole.classes)
    buyer, offers = parties(marked, 8, np.random.default_rng(0))
    assert set(buyer.classes) == {8, 9, 0}
    assert set(offers[SAME].classes) == {8, 9, 0}
    assert set(offers[OTHER].classes) == {1, 2, 3}
    assert tuple(offers) == EIGHT
    assert set(offers[ALL].classes) == set(range(10))
    for name in (SAME, OTHER, ALL, REWIRED):
        assert not np.isin(offers[name].features, buyer.features).any()
    np.testing.assert_array_equal(offers[SCALED].features, 3 * offers[SAME].features)
    np.testing.assert_array_equal(
        np.sort(parties(whole, 0, np.random.default_rng(1))[1][SHUFFLED].features),
        np.sort(parties(whole, 0, np.random.default_rng(1))[1][SAME].features),
    )
    assert offers[REWIRED].graph().sum() == offers[SAME].graph().sum()


def test_all_signals_and_all_directions_come_near_the_exact_value():
    rows = pd.DataFrame(estimates(0, 40, (8, 39, 2000)))
    last = rows[rows["count"] == 2000].set_index("way")["ratio"]
    assert last["directions"] == pytest.approx(1)
    assert last["signals"] == pytest.approx(1, abs=0.1)


def test_rank_correlation():
    assert rank_correlation(np.array([1, 2, 3]), np.array([1, 4, 9])) == pytest.approx(1)
    assert rank_correlation(np.array([1, 2, 3]), np.ones(3)) == 0
