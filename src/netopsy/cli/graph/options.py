"""The options that the sub-commands share, and the graph that they read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netopsy.cli.terminal import say
from netopsy.core.errors import lookup, require

if TYPE_CHECKING:
    from netopsy.data.graphs import Graph


def checked_seed(seed: int) -> int:
    """The seed itself if every generator takes it, those of the layouts included.

    Raises:
        InputError: a number below 0 or above 2^32 - 1.
    """
    require(0 <= seed < 2**32, f"--seed must be from 0 to {2**32 - 1}, got {seed}")
    return seed


def checked_table(table: str) -> str:
    """The ending of files with tables, or an error that names the formats."""
    return lookup("table format", table, {"csv": "csv", "parquet": "parquet"})


File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="Edge list (.csv, .tsv, .txt, .edgelist, .parquet, KONECT), .graphml, .gml, .gexf, .net, .json, .mtx, "
        ".mat or .npz; may be packed (.gz, .zip, ...).",
    ),
]
Nodes = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The names of all nodes, one a line: those without an edge count, too."),
]
Out = Annotated[Path, typer.Option(help="The folder to write to: new, empty, or written by this command before.")]
Variable = Annotated[str | None, typer.Option(metavar="NAME", help="The matrix in a MATLAB file that holds several.")]
Table = Annotated[str, typer.Option(metavar="csv|parquet", callback=checked_table, help="The format of tables.")]
Seed = Annotated[int, typer.Option(callback=checked_seed, help="For everything that is drawn at random.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say only where the results are.")]


def read(file: Path, variable: str | None = None, nodes: Path | None = None, *, quiet: bool = False) -> Graph:
    """The graph in a file; what was left aside is said on standard error, in one note."""
    from netopsy.data.graph_files import read_graph

    graph = read_graph(file, variable=variable, nodes=None if nodes is None else _names(nodes))
    if graph.notes and graph.edge_count and not quiet:  # without an edge there is an error to come
        say(f"note: {file.name}: {'; '.join(graph.notes)}", err=True)
    return graph


def unweighted(file: Path, variable: str | None, quiet: bool, nodes: Path | None = None) -> Graph:
    """The graph in a file with every edge 1; on standard error it is said if weights were left aside."""
    from netopsy.data import graph_weights

    graph = read(file, variable, nodes, quiet=quiet)
    if not quiet and graph_weights.is_weighted(graph):
        say("note: the weights of the edges are left aside", err=True)
    return graph_weights.unweighted(graph)


def _names(file: Path) -> list[str]:
    """Names of nodes, one a line; a first line "node" is the name of the column."""
    import csv

    from netopsy.core.paths import file_from
    from netopsy.data.file_contents import contents, decoded

    file = file_from(file, "--nodes file")
    rows = [row for row in csv.reader(decoded(contents(file))[0].splitlines()) if row and row[0].strip()]
    names = [row[0].strip() for row in rows]
    names = names[1:] if names[:1] == ["node"] else names
    require(names, f"--nodes file {file.name!r} names no node")
    return names


@contextmanager
def working(quiet: bool) -> Iterator[None]:
    """The long part of a command: progress is shown, and Ctrl-C ends it."""
    from netopsy.cli import progress
    from netopsy.cli.interrupts import insistent_interrupts

    try:
        with insistent_interrupts(), nullcontext() if quiet else progress.shown():
            yield
    except KeyboardInterrupt:
        raise typer.Abort from None


def about(graph: Graph, file: Path) -> dict[str, str | int]:
    """What every summary says of the graph."""
    return {"file": str(file), "nodes": len(graph), "edges": graph.edge_count}
