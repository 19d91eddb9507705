"""`netopsy graph predict-links`: which links a graph most likely lacks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from netopsy.cli.graph.options import File, Nodes, Out, Quiet, Seed, Table, Variable
from netopsy.cli.terminal import say
from netopsy.core.errors import lookup, require


def register(group: typer.Typer) -> None:
    """Add this file's command."""
    group.command("predict-links")(predict_links)


def predict_links(
    file: File,
    top: Annotated[int, typer.Option(help="How many of the likeliest missing links to write.")] = 20,
    out: Out = Path("links"),
    model: Annotated[
        str, typer.Option(metavar="ncn|ncnc", help="Common neighbours as they are, or completed (slower).")
    ] = "ncn",
    epochs: Annotated[int, typer.Option(help="Passes over the links in training.")] = 60,
    held_out: Annotated[
        float, typer.Option(metavar="SHARE", help="Links held out to measure on; half as many choose the epoch.")
    ] = 0.2,
    candidates: Annotated[int, typer.Option(help="Score at most so many pairs at distance two.")] = 200_000,
    table: Table = "csv",
    variable: Variable = None,
    nodes: Nodes = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Learn which pairs are linked, say how well on links held out, and write the likeliest missing links.

    Beside the model stand plain rules and a graph network without common neighbours, on the same links. Scored are
    pairs with a common neighbour that are not linked.
    """
    start = time.perf_counter()
    _check(top, model, epochs, held_out, candidates)
    from netopsy.cli.graph.options import about, unweighted, working
    from netopsy.cli.outputs import results, results_place
    from netopsy.graphs.neural_common_neighbor.links import ENOUGH, link_table

    place = results_place(out, "predict-links")
    graph = unweighted(file, variable, quiet, nodes)
    require(
        graph.edge_count >= ENOUGH,
        f"graph file {file.name!r} holds {graph.edge_count} edges; at least {ENOUGH} are needed to hold some out",
    )
    with working(quiet):
        from netopsy.graphs.neural_common_neighbor import (
            candidate_pairs,
            compare_on_held_out,
            missing_links,
            plot_links,
        )

        pairs = candidate_pairs(graph.adjacency, candidates)
        compared = compare_on_held_out(graph, model, epochs=epochs, held_out=held_out, seed=seed)
        found = missing_links(compared.model, compared.x, graph.adjacency, top, candidates=pairs)
        links = link_table(found, graph)
        with results(place, "predict-links") as folder:
            folder.table("missing_links", links, table)
            folder.table("held_out", compared.measures.rename_axis("model").reset_index(), table)
            folder.figure("links", plot_links(graph, compared, found, seed=seed))
            folder.summary(**about(graph, file), model=model, held_out=compared.measures.T.to_dict())
    if quiet:
        say(place)
        return 0
    say(f"{graph.name}: {len(graph)} nodes, {graph.edge_count} edges; {compared.split.test.shape[1]} links held out")
    say(compared.measures.round(3).to_string())
    say(f"{len(found.probability)} of {found.candidates:,} pairs, the likeliest first:")
    say(links.head(10).round(3).to_string(index=False))
    say(f"{place} written in {time.perf_counter() - start:.1f} s")
    return 0


def _check(top: int, model: str, epochs: int, held_out: float, candidates: int) -> None:
    require(top >= 1, f"--top must be at least 1, got {top}")
    lookup("model", model, {"ncn": 0, "ncnc": 1})
    require(epochs >= 1, f"--epochs must be at least 1, got {epochs}")
    require(0.02 <= held_out <= 0.5, f"--held-out must be a share from 0.02 to 0.5, got {held_out:g}")
    require(candidates >= 1, f"--candidates must be at least 1, got {candidates}")
