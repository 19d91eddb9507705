"""`netopsy graph sparsify` thins a graph from a file by what its edges are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netopsy.core.errors import lookup, require

if TYPE_CHECKING:
    import pandas as pd

    from netopsy.data.graphs import Graph
    from netopsy.graphs.teddy import Sparsified

FORMATS = {"csv": "edges.csv", "parquet": "edges.parquet"}


def register(app: typer.Typer) -> None:
    """Add this file's command to the group of commands on graphs."""
    app.command()(sparsify)


def sparsify(
    file: Annotated[Path, typer.Argument(help="A graph: .csv, .tsv, .txt, .edges, .mtx, .mat or .npz.")],
    sparsity: Annotated[float, typer.Option(help="The share of edges to remove, from 0 to below 1.")] = 0.5,
    out: Annotated[Path, typer.Option(help="Folder for the edges and the picture.")] = Path("sparse"),
    score: Annotated[str, typer.Option(help="teddy, degree, inverted or random; the lowest go first.")] = "teddy",
    form: Annotated[str, typer.Option("--format", help="Of the list of edges: csv or parquet.")] = "csv",
    variable: Annotated[str | None, typer.Option(help="The matrix in a MATLAB file that holds several.")] = None,
    seed: Annotated[int, typer.Option(help="Of random scores.")] = 0,
) -> None:
    """Remove the edges of a graph that repeat what others say, by the degrees around them."""
    from netopsy.cli._sparsify_picture import picture
    from netopsy.cli.progress import shown
    from netopsy.core.progress import Task
    from netopsy.data.graph_files import read_graph
    from netopsy.graphs.teddy import sparsify as thin
    from netopsy.graphs.teddy.pruning import check_sparsity
    from netopsy.graphs.teddy.sparsified import SCORES
    from netopsy.lab.figures import render

    name = lookup("format", form, FORMATS)
    lookup("score", score, {known: known for known in SCORES})
    check_sparsity("--sparsity", sparsity)
    require(not out.exists() or out.is_dir(), f"--out must be a folder, got the file {str(out)!r}")
    with shown(), Task("thinning the graph", 4) as task:
        graph = read_graph(file, variable=variable)
        task.advance()
        found = thin(graph, sparsity, score=score, seed=seed)
        task.advance()
        table = edge_table(graph, found)
        out.mkdir(parents=True, exist_ok=True)
        if form == "csv":
            table.to_csv(out / name, index=False)
        else:
            table.to_parquet(out / name, index=False)
        task.advance()
        drawn = picture(found, graph.nodes)
        for ending in ("svg", "png"):
            (out / f"picture.{ending}").write_bytes(render(drawn, ending))
        task.advance()
    kept, count = int(found.kept.sum()), len(found.kept)
    alone = f"; {found.isolated:,} of {found.nodes:,} nodes have no edge any more" if found.isolated else ""
    typer.echo(f"{kept:,} of {count:,} edges kept{alone}: {out / name}, {out / 'picture.svg'}")


def edge_table(graph: Graph, found: Sparsified) -> pd.DataFrame:
    """The kept edges by their nodes' names, with their scores, in the order of the nodes."""
    import numpy as np
    import pandas as pd

    ends = found.edges[:, found.kept].numpy()
    names = np.array(graph.nodes) if graph.nodes else None
    source, target = ends if names is None else (names[ends[0]], names[ends[1]])
    return pd.DataFrame({"source": source, "target": target, "score": found.scores[found.kept].numpy()})
