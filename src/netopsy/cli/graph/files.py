"""What the sub-commands share: the graph that is read, and the folder that is written to."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.core.errors import InputError, lookup, require

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from netopsy.data.graphs import Graph

SUMMARY = "summary.json"
"""Written first, to say whose the folder is, and again when all is there. Such a folder may be written again."""


def checked_seed(seed: int) -> int:
    """The seed itself if every generator takes it, those of the layouts included.

    Raises:
        InputError: a number below 0 or above 2^32 - 1.
    """
    require(0 <= seed < 2**32, f"--seed must be from 0 to {2**32 - 1}, got {seed}")
    return seed


File = Annotated[
    Path, typer.Argument(metavar="FILE", help="Edge list (.csv, .tsv, .txt, .edges), .mtx, .mat or scipy .npz.")
]
Out = Annotated[Path, typer.Option(help="The folder to write to: new, empty, or written by this command before.")]
Variable = Annotated[str | None, typer.Option(metavar="NAME", help="The matrix in a MATLAB file that holds several.")]
Table = Annotated[str, typer.Option(metavar="csv|parquet", help="The format of tables.")]
Seed = Annotated[int, typer.Option(callback=checked_seed, help="For everything that is drawn at random.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say only where the results are.")]


def unweighted(file: Path, variable: str | None, quiet: bool) -> Graph:
    """The graph in a file with every edge 1; on standard error it is said if weights were left aside."""
    from dataclasses import replace

    from netopsy.data.graph_files import read_graph

    graph = read_graph(file, variable=variable)
    if not quiet and (graph.adjacency.data != 1).any():
        typer.echo("note: the weights of the edges are left aside", err=True)
    adjacency = graph.adjacency.copy()
    adjacency.data[:] = 1
    return replace(graph, adjacency=adjacency)


def folder_for(out: Path, command: str) -> Path:
    """``out`` if the results of a sub-command may go there without harming anything.

    Raises:
        InputError: a file is in the way, or the folder holds something else.
    """
    out = out.expanduser()
    for place in (out, *out.parents):
        if place.exists():
            require(place.is_dir(), f"--out {str(out)!r} cannot be written: {str(place)!r} is a file")
            break
    try:
        foreign = out.exists() and any(out.iterdir()) and _written_by(out / SUMMARY) != command
    except OSError as error:
        raise InputError(f"--out {str(out)!r} cannot be looked into: {error.strerror}") from error
    require(
        not foreign,
        f"--out {str(out)!r} is left as it is: it is not empty and holds no results of graph {command}; choose another",
    )
    return out


def begin(folder: Path, command: str) -> None:
    """Make the folder and mark it as this command's, so that it may be written again if the run is cut short."""
    from netopsy.lab.files import make_folder, write_json

    make_folder(folder)
    write_json(folder / SUMMARY, {"command": command, "finished": False})


def interrupted(folder: Path) -> str:
    """What is said when a run is cut short: whether the folder holds a part of its results."""
    try:
        whole = not folder.exists() or json.loads((folder / SUMMARY).read_text("utf-8"))["finished"]
    except (OSError, ValueError, KeyError, TypeError):
        whole = True  # nothing of this run
    return "netopsy: interrupted" + ("" if whole else f"; what is in {folder} is not whole")


def table_ending(table: str) -> str:
    """The ending of files with tables, or an error that names the formats."""
    return lookup("table format", table, {"csv": "csv", "parquet": "parquet"})


def write_table(path: Path, columns: pd.DataFrame) -> None:
    """As CSV or Parquet, by the ending of the path."""
    from netopsy.lab.files import write

    buffer = io.BytesIO()
    if path.suffix == ".csv":
        # Where a name holds what would begin a comment in an edge list, words are quoted.
        words = columns.select_dtypes(["object", "string"]).astype(str)
        marked = any(words[name].str.contains("[#%]").any() for name in words)
        columns.to_csv(buffer, index=False, quoting=csv.QUOTE_NONNUMERIC if marked else csv.QUOTE_MINIMAL)
    else:
        columns.to_parquet(buffer, index=False)
    write(path, buffer.getvalue())


def write_picture(path: Path, drawn: Figure) -> None:
    """As PNG or SVG, by the ending of the path."""
    from netopsy.lab.figures import render
    from netopsy.lab.files import write

    write(path, render(drawn, path.suffix[1:]))


def write_summary(folder: Path, command: str, graph: Graph, file: Path, found: dict[str, Any]) -> None:
    """What was done, for programs and for the next run."""
    from netopsy.lab.files import write_json

    about = {"nodes": len(graph), "edges": graph.edge_count}
    write_json(folder / SUMMARY, {"command": command, "finished": True, "file": str(file), **about, **found})


def names_of(graph: Graph) -> Sequence[str]:
    """What the nodes are called; their numbers where the file has no names."""
    return graph.nodes or tuple(map(str, range(len(graph))))


def _written_by(summary: Path) -> str | None:
    try:
        return str(json.loads(summary.read_text("utf-8"))["command"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
