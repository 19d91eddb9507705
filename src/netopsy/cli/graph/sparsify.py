"""`netopsy graph sparsify`: a graph without the edges that repeat what others say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netopsy.cli.graph.options import File, Nodes, Out, Quiet, Seed, Table, Variable
from netopsy.cli.terminal import say
from netopsy.core.errors import lookup, require

if TYPE_CHECKING:
    import pandas as pd

    from netopsy.data.graphs import Graph
    from netopsy.graphs.teddy import Sparsified


def register(group: typer.Typer) -> None:
    """Add this file's command."""
    group.command()(sparsify)


def sparsify(
    file: File,
    sparsity: Annotated[float, typer.Option(help="The share of edges to remove, from 0 to below 1.")] = 0.5,
    out: Out = Path("sparsified"),
    score: Annotated[
        str, typer.Option(metavar="teddy|degree|inverted|random", help="What edges go by; the lowest are removed.")
    ] = "teddy",
    table: Table = "csv",
    variable: Variable = None,
    nodes: Nodes = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Remove the edges between nodes that have many others, by the degrees around them.

    Writes the edges that are kept with their scores and weights as a table, which this command reads, too (with --nodes
    for those that are left without an edge), the names of all nodes, and a picture.
    """
    import pandas as pd

    from netopsy.cli.graph.options import about, read, working
    from netopsy.cli.outputs import results, results_place
    from netopsy.core.progress import Task
    from netopsy.graphs.teddy import plot_sparsified
    from netopsy.graphs.teddy import sparsify as thin
    from netopsy.graphs.teddy.pruning import check_sparsity
    from netopsy.graphs.teddy.sparsified import SCORES

    check_sparsity("--sparsity", sparsity)
    lookup("score", score, {known: known for known in SCORES})
    place = results_place(out, "sparsify")
    with working(quiet), Task("thinning the graph", 3) as task:
        graph = read(file, variable, nodes, quiet=quiet)
        require(graph.edge_count > 0, f"graph file {file.name!r} holds no edge")
        task.advance()
        found = thin(graph, sparsity, score=score, seed=seed)
        task.advance()
        kept = int(found.kept.sum())
        with results(place, "sparsify") as folder:
            folder.table("edges", edge_table(graph, found), table)
            folder.table("nodes", pd.DataFrame({"node": graph.names}), "csv")
            folder.figure("sparsified", plot_sparsified(graph, found, seed=seed))
            folder.summary(**about(graph, file), sparsity=sparsity, score=score, seed=seed)
            folder.summary(kept=kept, isolated=found.isolated)
        task.advance()
    if quiet:
        say(place)
        return 0
    alone = f"; {found.isolated:,} of {found.nodes:,} nodes are left without any" if found.isolated else ""
    say(f"{graph.name}: {kept:,} of {len(found.kept):,} edges kept{alone}")
    say(f"{place / f'edges.{table}'} and {place / 'sparsified.svg'} written")
    return 0


def edge_table(graph: Graph, found: Sparsified) -> pd.DataFrame:
    """The kept edges by their nodes' names, with their scores, in the order of the nodes."""
    import numpy as np
    import pandas as pd

    from netopsy.data.graph_weights import is_weighted

    ends = found.edges[:, found.kept].numpy()
    if graph.nodes:
        ends = np.array(graph.nodes)[ends]
    columns = {"source": ends[0], "target": ends[1], "score": found.scores[found.kept].numpy()}
    if is_weighted(graph):
        one, other = found.edges[:, found.kept].numpy()
        columns["weight"] = np.asarray(graph.adjacency[one, other]).reshape(-1)
    return pd.DataFrame(columns)
