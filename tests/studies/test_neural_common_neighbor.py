import numpy as np
import pandas as pd
import pytest
import torch

from netopsy.lab import run
from netopsy.studies import load
from netopsy.studies.graphs import neural_common_neighbor as study
from netopsy.studies.graphs._ncn_data import attachment_graph, digits_links, network_links, present
from netopsy.studies.graphs._ncn_measures import COUNT, GAE, NCN, NCNC, SEEN, TUNED, setting
from netopsy.studies.graphs._ncn_recipes import RECIPES
from netopsy.studies.graphs._ncn_verdicts import judge

CLAIMS = [
    "neural-common-neighbor-1",
    "neural-common-neighbor-2",
    "neural-common-neighbor-3",
    "neural-common-neighbor-4",
]


def table(count=0.85, ncn=0.93, seen=0.9, ncnc=0.97, growth=0.1, ratio=1.8, spread=0.002):
    """A made-up table of 5 seeds."""
    random, rows = np.random.default_rng(0), []
    for seed in range(5):
        for drop in (0.0, 0.2, 0.4):
            hits = {NCN: ncn, NCNC: ncnc + growth * drop}
            if drop == 0:
                hits |= {"common neighbours": count, GAE: 0.8, COUNT: 0.91, SEEN: seen, TUNED: ncnc}
            for model, value in hits.items():
                noisy = {f"Hits@{k}": value + float(random.normal(0, spread)) for k in (20, 50, 100)}
                at = {"network": "digits", "drop": drop, "seed": seed}
                rows.append({**at, "measure": "held out", "model": model, **noisy})
        rows.append({"measure": "counts", "seed": seed, "which": "test links", "mean": 3.0, "distance": 0.0})
    for repeat in range(3):
        for nodes in (1000, 2000):
            for model, value in ((GAE, 1.0), (NCN, ratio + float(random.normal(0, spread))), (NCNC, 9.0)):
                rows.append({"measure": "cost", "model": model, "nodes": nodes, "repeat": repeat, "value": value})
    return pd.DataFrame(rows)


def verdict(name, **options):
    return next(each for each in judge(table(**options), study.Config()) if each.claim == name)


def test_all_hold_where_the_table_says_so():
    found = judge(table(), study.Config())
    assert [each.claim for each in found] == CLAIMS
    assert [each.verdict for each in found] == ["holds"] * 4
    assert found[1].estimate == pytest.approx(0.03, abs=0.005)
    assert found[2].estimate == pytest.approx(0.1, abs=0.02)
    assert found[3].estimate == pytest.approx(1.8, abs=0.02)


@pytest.mark.parametrize(
    ("name", "options", "answer"),
    [
        ("neural-common-neighbor-1", {"count": 0.92}, "does not hold"),
        ("neural-common-neighbor-1", {"ncnc": 0.935}, "does not hold"),
        ("neural-common-neighbor-1", {"count": 0.3, "ncn": 1.5, "ncnc": 1.52, "spread": 0.1}, "undecided"),
        ("neural-common-neighbor-2", {"seen": 0.93}, "does not hold"),
        ("neural-common-neighbor-2", {"seen": 0.915, "spread": 0.03}, "undecided"),
        ("neural-common-neighbor-3", {"growth": -0.1}, "does not hold"),
        ("neural-common-neighbor-3", {"growth": 0.0, "spread": 0.02}, "undecided"),
        ("neural-common-neighbor-4", {"ratio": 4.0}, "does not hold"),
        ("neural-common-neighbor-4", {"ratio": 3.0, "spread": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(name, options, answer):
    assert verdict(name, **options).verdict == answer


def test_smoke(tmp_path):
    found = run(load("neural-common-neighbor"), "smoke", out=tmp_path, workers=0)
    assert [each.claim for each in found.verdicts] == CLAIMS
    assert set(found.figures) == {"hits", "counts", "incomplete", "networks", "cost"}
    rows = found.rows
    assert set(rows["network"].dropna()) == {"digits", "karate"}
    shares = rows[rows["measure"] == "histogram"].groupby("which")["share"].sum()
    assert len(shares) == 5
    np.testing.assert_allclose(shares, 1)
    held = rows[(rows["measure"] == "held out") & (rows["network"] == "digits")]
    assert held["AUC"].between(0, 1).all()
    mean = rows[rows["measure"] == "counts"].set_index("which")["mean"]
    assert mean["training links, batch removed"] < mean["training links"]


def test_networks_fall_back_to_those_of_networkx(monkeypatch):
    monkeypatch.delenv("NETOPSY_DATA", raising=False)
    monkeypatch.setenv("NETOPSY_CACHE", "/nowhere")
    assert present(("USAir", "cora"), ("karate",)) == ("karate",)
    adjacency, x = network_links("karate", 0)
    assert adjacency.shape == (34, 34)
    assert x.shape == (34, 64)


def test_real_networks_are_read(real_data):
    wanted = ("USAir", "nothing")
    assert present(wanted, ("karate",)) == ("USAir",)
    adjacency, _ = network_links("USAir", 0)
    assert adjacency.shape == (332, 332)
    assert adjacency.nnz == 2 * 2126


def test_features_do_not_come_from_the_links_and_graphs_are_those_asked_for():
    adjacency, x = digits_links(8, 8, 1.0, 0)
    assert adjacency.shape == (1797, 1797)
    assert x.shape == (1797, 8)
    assert not torch.equal(x, digits_links(8, 8, 1.0, 1)[1])
    grown = attachment_graph(100, 3, 0)
    assert grown.nnz == 2 * 3 * 97


def test_a_tie_with_the_learned_count_is_told_and_decides_nothing():
    apart = verdict("neural-common-neighbor-1")
    assert "GAE + count) has Hits@100 0.9" in apart.detail
    assert apart.detail.endswith("no tie")
    tied = verdict("neural-common-neighbor-1", ncn=0.911, ncnc=0.95, spread=0.003)
    assert "a tie" in tied.detail
    assert tied.verdict == "holds"


def with_citations(ncn=0.0, ncnc=0.0):
    random, rows = np.random.default_rng(1), []
    for name, recipe in RECIPES.items():
        means = {GAE: recipe.ncn - 0.05, NCN: recipe.ncn + ncn, NCNC: recipe.ncnc + (ncnc if name == "pubmed" else 0)}
        for seed in range(10):
            for model, value in means.items():
                at = {"measure": "held out", "network": name, "drop": 0.0, "seed": seed, "model": model}
                rows.append({**at, "Hits@100": value + float(random.normal(0, 0.002))})
    return pd.concat([table(), pd.DataFrame(rows)])


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({}, "holds"),
        ({"ncn": -0.06}, "does not hold"),
        ({"ncnc": -0.05}, "does not hold"),
        ({"ncnc": -0.022}, "undecided"),
    ],
)
def test_at_the_papers_scale_the_order_of_its_table_is_asked_for(options, answer):
    found = judge(with_citations(**options), load("neural-common-neighbor").configuration("paper"))[0]
    assert found.verdict == answer
    assert "pubmed, Hits@100: GAE" in found.detail
    assert "pubmed" not in judge(with_citations(**options), study.Config())[0].detail


def test_every_citation_network_has_its_recipe(monkeypatch):
    monkeypatch.delenv("NETOPSY_DATA", raising=False)
    cells = {cell.name: cell.parameters for cell in study.plan(load("neural-common-neighbor").configuration("paper"))}
    given = cells["citeseer, run 9"]
    encoder, predictor, recipe = setting(NCNC, 30, given, 0)
    assert (recipe.encoder_lr, recipe.predictor_lr, recipe.batch_size, recipe.epochs) == (8.5e-3, 7.8e-3, 384, 100)
    assert (encoder.input_dropout, encoder.dropout, encoder.layers) == (0.4, 0.75, 1)
    assert {layer.p for layer in predictor.modules() if isinstance(layer, torch.nn.Dropout)} == {0.55}
    assert (predictor.scale, predictor.offset, predictor.pt, predictor.alpha) == (6.5, 4.4, 0.75, 0.4)
    assert [setting(GAE, 30, cells[f"{name}, run 0"], 0)[2].edge_dropout for name in RECIPES] == [0.4, 0.0, 0.0]
    assert [setting(NCN, 30, cells[f"{name}, run 0"], 0)[2].batch_size for name in RECIPES] == [1152, 384, 2048]
    # Elsewhere the library's defaults stay.
    plain = setting(NCNC, 30, {**given, "recipe": None, "batch_size": 256}, 0)
    assert (plain[1].scale, plain[2].batch_size, plain[2].encoder_lr) == (5.0, 256, 4.3e-3)
