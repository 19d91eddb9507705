"""How the graphlet-orbits study's three claims are answered.

The unit of the last is a graph where graphs are drawn anew, and a split into folds where there is but one graph: what
is said then is about that graph alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from netopsy.lab import Estimate, Part, Tables, exact, gain, most, open_part, paired_difference
from netopsy.studies.graphs.graphlet_orbits.networks import FIXED
from netopsy.studies.graphs.graphlet_orbits.plan import EDGE, Config

EXPLAINED = 1e-6
SECONDS, MEGABYTES, NODES = 60.0, 2000.0, 10_000
MARGIN = 0.01


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """What walks see, the cost, and labels."""
    identity, explained = tables["identity"], tables["explained"]
    violations = int(identity["violations"].sum())
    beside: dict[str, Any] = {"graphs": identity["graph"].nunique()}
    yield "graphlet-orbits-1", exact("entries that differ from the mixture of orbits", violations, beside=beside)
    top = explained.sort_values("value").iloc[-1]
    beside = {"key": top["key"], "graph": top["graph"], "largest R²": float(top["value"])}
    beside |= {"largest median R² of a key": explained.groupby("key")["value"].median().max()}
    beside |= {"keys that never occurred": 15 - explained["key"].nunique()}
    unexplained = float(EXPLAINED - (1 - top["value"]))
    yield "graphlet-orbits-1", exact("R² above 1 - 1e-6 by", max(0.0, unexplained), beside=beside)

    growth = tables["growth"]
    beside = {
        f"{row.nodes:,} nodes": f"{row.seconds:.2f} s, {getattr(row, 'megabytes', None) or math.nan:.0f} MB"
        for row in growth.itertuples()
    }
    if "network" in tables:
        beside |= {str(row.graph): f"{row.seconds:.2f} s" for row in tables["network"].itertuples()}
    own = growth[growth["nodes"] == NODES]
    if own.empty or "megabytes" not in own or own["megabytes"].isna().any():
        yield "graphlet-orbits-2", open_part("cost", why=f"{NODES:,} nodes were not measured", beside=beside)
    else:
        row = own.iloc[0]
        yield "graphlet-orbits-2", exact(f"seconds for {NODES:,} nodes", float(row["seconds"]), SECONDS, beside=beside)
        yield "graphlet-orbits-2", exact(f"MB for {NODES:,} nodes", float(row["megabytes"]), MEGABYTES)

    gains = {kind: gains_over_walks(tables, kind) for kind in ("orbit", "orbit but the edge")}
    parts = [gain(name, own, MARGIN, unit=_unit(name)) for name, own in gains["orbit"].items()]
    chosen = tables["chosen"]
    beside = {f"{name} without {EDGE}": own for name, own in gains["orbit but the edge"].items()}
    for name in gains["orbit"]:
        by_kind = chosen[chosen["graph"] == name].groupby("kind")["choice"]
        often = by_kind.agg(lambda choices: choices.value_counts().index[0])
        beside |= {f"{name}, chosen most often": f"{often['orbit']} and {often['walk']}"}
    half = math.ceil(len(parts) / 2)
    yield "graphlet-orbits-3", most("F1, orbit less window", parts, half, beside=beside)
    yield "graphlet-orbits-3", f"{EDGE} is the graph itself, a walk of length 1: shown beside is the gain without it."


def gains_over_walks(tables: Tables, kind: str) -> dict[str, Estimate]:
    """For each graph F1 of the chosen orbit less that of the chosen window, paired by seed."""
    means = tables.wide("chosen", index=["graph", "seed"], columns="kind")
    return {str(name): paired_difference(own[kind], own["walk"]) for name, own in means.groupby("graph", sort=False)}


def _unit(graph: str) -> str:
    return "splits" if graph in FIXED else "graphs"
