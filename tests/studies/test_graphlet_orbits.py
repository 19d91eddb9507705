from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import verdicts

from netopsy.data.graphs import graph
from netopsy.graphs.graphlet_orbits import UNSEEN
from netopsy.lab.statistics import r_squared
from netopsy.lab.subjects.networks import labelled
from netopsy.studies.graphs import graphlet_orbits
from netopsy.studies.graphs.graphlet_orbits import all_features, in_a_process, labels, name_of, walks


def table(violations=0, explained=0.9, seconds=5.0, megabytes=900.0, gain=(0.1, 0.1, 0.1, 0.0), bare=0.05, spread=0.01):
    """A made-up table of 5 runs on 4 graphs."""
    random, rows = np.random.default_rng(0), []
    at = {"family": "uniform", "graph": "uniform 0", "nodes": 50}
    rows.append({**at, "measure": "identity", "length": 3, "violations": violations})
    rows += [{**at, "measure": "explained", "key": name_of(key), "value": explained} for key in UNSEEN]
    for nodes in (1000, 10000):
        cost = {"nodes": nodes, "edges": 9, "seconds": seconds, "megabytes": megabytes, "entries": 9}
        rows.append({"measure": "growth", "graph": f"{nodes} nodes", **cost})
    rows.append({"measure": "network", "graph": "USAir", "nodes": 332, "edges": 2126, "seconds": 0.1})
    for name, more in zip(("karate", "roles", "blocks", "digits"), gain, strict=True):
        for seed in range(5):
            for fold in range(2):
                run = {"measure": "chosen", "graph": name, "seed": seed, "fold": fold}
                rows.append({**run, "kind": "orbit", "choice": "3-4-4", "value": 0.6 + more + random.normal(0, spread)})
                rows.append({**run, "kind": "orbit but the edge", "choice": "3-4-4", "value": 0.6 + bare})
                rows.append({**run, "kind": "walk", "choice": "window 1", "value": 0.6})
    return pd.DataFrame(rows)


def verdict(number, **options):
    return verdicts("graphlet-orbits", table(**options))[number]


def test_all_hold_where_the_table_says_so():
    found = verdicts("graphlet-orbits", table())
    assert [each.verdict for each in found.values()] == ["holds"] * 3
    assert found[1].part("R² above 1 - 1e-6 by").beside["largest R²"] == pytest.approx(0.9)
    assert found[2].part("seconds for 10,000 nodes").estimate.value == 5.0
    part = found[3].part("F1, orbit less window")
    assert part.estimate.value == pytest.approx(0.1, abs=0.02)  # of the second best of four graphs


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"violations": 1}, "does not hold"),
        (1, {"explained": 1.0}, "does not hold"),
        (2, {"seconds": 61.0}, "does not hold"),
        (2, {"megabytes": 2001.0}, "does not hold"),
        (2, {"megabytes": None}, "undecided"),
        (3, {"gain": (0.1, 0.1, 0.0, 0.0)}, "holds"),
        (3, {"gain": (0.1, -0.1, -0.1, -0.1)}, "does not hold"),
        (3, {"bare": 0.0}, "does not hold"),
        (3, {"gain": (0.02, 0.02, 0.02, 0.0), "spread": 0.1}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


def test_a_regression_explains_all_or_nothing():
    random = np.random.default_rng(0)
    given = np.stack([np.ones(100), random.normal(size=100), random.normal(size=100)], 1)
    assert r_squared(given, given @ [3.0, -2.0, 5.0]) == pytest.approx(1)
    assert r_squared(given, random.normal(size=100)) < 0.2
    assert r_squared(given, np.full(100, 2.0)) is None


def test_what_walks_see_is_explained_and_the_rest_is_not():
    rows = pd.DataFrame(walks("preferential", 2))
    assert rows["violations"].sum() == 0
    assert set(rows["key"].dropna()) <= {name_of(key) for key in UNSEEN}
    assert rows["value"].max() < 1


def test_labels_that_structure_gives_away_are_told_and_random_ones_are_not(monkeypatch):
    """The two clubs hang together; what is chosen on the training nodes finds them, but not clubs drawn at random."""
    rows = pd.DataFrame(labels("karate", (0, 1), (1,), 8, 2, 2))
    assert len(rows[rows["measure"] == "chosen"]) == 2 * 2 * 3
    candidates = rows[rows["measure"] == "candidate"]
    assert candidates[candidates["kind"] == "orbit"]["choice"].nunique() == 28
    assert rows["value"].between(0, 1).all()
    chosen = rows[rows["measure"] == "chosen"].groupby("kind")["value"].mean()
    assert (chosen > 0.8).all()
    club = labelled("karate", 0)
    drawn = replace(club, labels=np.random.default_rng(0).permutation(club.labels))
    monkeypatch.setattr(graphlet_orbits, "labelled", lambda name, seed: drawn)
    by_chance = pd.DataFrame(labels("karate", (0,), (1,), 8, 2, 2))
    assert (by_chance[by_chance["measure"] == "chosen"].groupby("kind")["value"].mean() < 0.7).all()


def test_features_are_of_one_scale():
    features = all_features(graph("karate").adjacency, [1, 2], 8)
    assert len(features) == 30
    for values in features.values():
        assert (values**2).sum(1).mean() == pytest.approx(10)


def test_a_graph_is_counted_in_a_process_of_its_own():
    (found,) = in_a_process("50", "3")
    assert (found["nodes"], found["edges"]) == (50, 141)
    assert found["entries"] > 141
    assert np.isfinite(found["seconds"])
    assert found["seconds"] > 0
    assert found["megabytes"] is None or found["megabytes"] > 50
