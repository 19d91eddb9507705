import numpy as np
import pandas as pd
import pytest

from netopsy.lab import run
from netopsy.studies import load
from netopsy.studies.graphs import teddy as study
from netopsy.studies.graphs._teddy_data import BLOCKS, DIGITS, NOISY_DIGITS, nodes_of
from netopsy.studies.graphs._teddy_measures import (
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
    tickets,
)
from netopsy.studies.graphs._teddy_verdicts import judge


def table(random=0.03, inverted=0.05, ugs=0.04, slower=9.0, afterwards=0.1, spread=0.004, only_gcn=0.0):
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
            at = {"graph": BLOCKS, "network": network, "seed": seed, "measure": "joint"}
            rows.append({**at, "method": DENSE, "level": 0, "value": 0.9, "seconds": 1.0})
            for method, less, took in (
                (TEDDY, 0.0, 2.0),
                (NO_TEACHER, 0.0, 1.0),
                (RANDOM_EDGES, 0.02, 2.0),
                (UGS, worse, 2 * slower + noise()),
            ):
                for level in (5, 10):
                    rows.append(
                        {**at, "method": method, "level": level, "value": 0.88 - less + noise(), "seconds": took}
                    )
            at["measure"] = "weights"
            rows.append({**at, "method": DENSE, "sparsity": 0.0, "value": 0.9})
            for method, less in ((PROJECTED, 0.0), (AFTERWARDS, afterwards)):
                for share in (0.9, 0.95):
                    rows.append({**at, "method": method, "sparsity": share, "value": 0.85 - less + noise()})
    return pd.DataFrame(rows)


def verdict(name, **options):
    return next(each for each in judge(table(**options), study.Config()) if each.claim == name)


def test_all_hold_where_the_table_says_so():
    found = judge(table(), study.Config())
    assert [each.verdict for each in found] == ["holds"] * 4
    assert [each.estimate for each in found] == pytest.approx([0.05, 0.03, 0.04, 0.1], abs=0.01)
    assert "the same gain on digits -0.0" in found[0].detail
    assert "no citation network" in found[2].detail


@pytest.mark.parametrize(
    ("name", "options", "answer"),
    [
        ("teddy-1", {"inverted": -0.02}, "does not hold"),
        ("teddy-1", {"inverted": 0.004, "spread": 0.001}, "does not hold"),
        ("teddy-1", {"inverted": 0.02, "spread": 0.2}, "undecided"),
        ("teddy-2", {"random": 0.0, "spread": 0.001}, "does not hold"),
        ("teddy-2", {"random": 0.012, "spread": 0.06}, "undecided"),
        ("teddy-3", {"ugs": -0.02}, "does not hold"),
        ("teddy-3", {"slower": 4.0}, "does not hold"),
        ("teddy-3", {"only_gcn": 0.06}, "does not hold"),
        ("teddy-3", {"ugs": 0.02, "spread": 0.08}, "undecided"),
        ("teddy-4", {"afterwards": 0.01, "spread": 0.001}, "does not hold"),
        ("teddy-4", {"afterwards": 0.03, "spread": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(name, options, answer):
    assert verdict(name, **options).verdict == answer


def test_levels_are_those_of_the_paper():
    assert sparsities(10) == pytest.approx((0.4013, 0.6513), abs=1e-4)
    assert sparsities(20) == pytest.approx((0.6415, 0.8784), abs=1e-4)


def test_graphs():
    blocks, digits, noisy = (nodes_of(name, 1) for name in (BLOCKS, DIGITS, NOISY_DIGITS))
    assert blocks.x.shape == (2000, 16)
    assert blocks.edge_index.shape == (2, 16000)
    assert blocks.train_mask.sum() == 50
    assert digits.x.shape == (1797, 64)
    assert (digits.edge_index == noisy.edge_index).all()
    assert (digits.x != noisy.x).any()
    degree = digits.edge_index[0].bincount().double()
    assert degree.std() / degree.mean() < 0.3  # nearly constant
    assert not (blocks.train_mask & blocks.test_mask).any()


def test_citation_networks_where_they_are(real_data):
    data = nodes_of("cora", 0)
    assert data.train_mask.sum() == 140
    sums = data.x.abs().sum(1)
    assert sums[sums > 0].sub(1).abs().max() < 1e-5


def test_citations_are_left_out_where_they_are_not(monkeypatch):
    monkeypatch.setattr(study, "local_planetoid", lambda: ())
    names = [cell.name for cell in study.plan(study.Config())]
    assert not any("cora" in name for name in names)
    monkeypatch.setattr(study, "local_planetoid", lambda: ("cora",))
    assert sum("cora" in cell.name for cell in study.plan(study.Config())) == 3
    named = [cell.name for cell in study.plan(load("teddy").configuration("paper"))]
    assert all(f"tickets, pubmed, {network}, run 0" in named for network in ("GCN", "GIN", "GAT"))


def test_the_preset_of_the_paper_measures_attention_too():
    given = {"hidden": 8, "epochs": 3, "levels": (1,), "rounds": (1,), "weights": (0.9,), "nodes": 200, "seed": 0}
    rows = pd.DataFrame(tickets(BLOCKS, "GAT", **given))
    assert set(rows[rows["measure"] == "joint"]["method"]) == {DENSE, TEDDY, NO_TEACHER, RANDOM_EDGES, UGS}
    assert set(rows[rows["measure"] == "weights"]["method"]) == {DENSE, PROJECTED, AFTERWARDS}
    assert "GAT" in load("teddy").configuration("paper").networks
    assert "GAT" not in load("teddy").configuration("laptop").networks


def test_smoke(tmp_path):
    found = run(load("teddy"), "smoke", out=tmp_path, workers=0)
    assert [each.claim for each in found.verdicts] == ["teddy-1", "teddy-2", "teddy-3", "teddy-4"]
    assert {each.verdict for each in found.verdicts} == {"undecided"}  # one run has no interval
    assert set(found.figures) == {"edges", "control", "joint", "time", "weights", "cost"}
    rows = found.rows
    joint = rows[(rows["measure"] == "joint") & (rows["level"] == 2) & (rows["network"] == "GCN")].set_index("method")
    assert set(joint.index) == {TEDDY, NO_TEACHER, RANDOM_EDGES, UGS}
    assert joint["edge sparsity"].nunique() == 1
    assert joint["weight sparsity"].max() - joint["weight sparsity"].min() < 1e-9
    assert joint.loc[TEDDY, "seconds"] > joint.loc[NO_TEACHER, "seconds"] * 0.5
    assert rows[rows["measure"] == "epoch"]["edges"].is_unique is False
