"""`netopsy graph value`: what sellers' graphs are worth to a buyer, from what they may tell each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.cli.graph.options import Out, Quiet, Seed, Table
from netopsy.cli.terminal import say
from netopsy.core.errors import lookup, require

if TYPE_CHECKING:
    import pandas as pd

    from netopsy.data.graphs import Graph
    from netopsy.graphs.graph_valuation import Value

_LARGEST = 5_000
"""Nodes: alignment takes time with the third power of their number, and memory with the second."""


def register(group: typer.Typer) -> None:
    """Add this file's command."""
    group.command()(value)


def value(
    buyer: Annotated[Path, typer.Argument(metavar="BUYER", help="The buyer's graph, in any form that is read.")],
    sellers: Annotated[list[Path], typer.Argument(metavar="SELLER...", help="The sellers' graphs.")],
    features: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Features of the nodes (.csv, .tsv, .parquet, .npy), a row a node: once for each graph, buyer first.",
        ),
    ] = None,
    out: Out = Path("values"),
    proxy_size: Annotated[
        int | None, typer.Option(help="Nodes of the public graph that all align to; the largest graph's unless given.")
    ] = None,
    matcher: Annotated[str, typer.Option(metavar="grampa|faq", help="How graphs are aligned to it.")] = "grampa",
    signals: Annotated[
        int | None, typer.Option(help="Exchange so many random signals in place of whole roots: S is estimated.")
    ] = None,
    smooth: Annotated[int, typer.Option(help="Average features over neighbours so many times first.")] = 0,
    table: Table = "csv",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Say how differently each seller's graph is wired, and how relevant and how diverse its features are.

    Buyer and sellers are kept apart as if they were strangers: what they tell each other is listed in summary.json.
    """
    from netopsy.cli.graph.options import about, working
    from netopsy.cli.outputs import results, results_place
    from netopsy.graphs.graph_valuation import GraphValuation, plot_values
    from netopsy.graphs.graph_valuation.alignment import MATCHERS

    lookup("matcher", matcher, {known: known for known in MATCHERS})
    place = results_place(out, "value")
    files = [buyer, *sellers]
    graphs, holdings = _holdings(files, features or [], quiet)
    size = max(map(len, graphs)) if proxy_size is None else proxy_size
    require(
        max(size, *map(len, graphs)) <= _LARGEST,
        f"the graphs and the proxy must have at most {_LARGEST:,} nodes, got {max(size, *map(len, graphs)):,}",
    )
    market = GraphValuation(size, seed=seed, matcher=matcher, signals=signals, smooth=smooth)
    with working(quiet):
        found = market.value(holdings[0], holdings[1:])
    names = _names(sellers)
    values = value_table(names, graphs[1:], found)
    with results(place, "value") as folder:
        folder.table("values", values, table)
        folder.figure("values", plot_values(names, found))
        folder.summary(**about(graphs[0], buyer), sellers=[str(seller) for seller in sellers], proxy_size=size)
        folder.summary(matcher=matcher, signals=signals, smooth=smooth, seed=seed)
        folder.summary(messages=[message.describe() for message in market.messages])
    if quiet:
        say(place)
        return 0
    shown_columns = ["seller", "normalised_disparity", "relevance", "diversity"]
    say(values[shown_columns].dropna(axis=1).round(3).to_string(index=False))
    say(f"{place / f'values.{table}'} and {place / 'values.svg'} written")
    return 0


def value_table(names: list[str], graphs: list[Graph], found: list[Value]) -> pd.DataFrame:
    """One row a seller, in their order."""
    import pandas as pd

    from netopsy.graphs.graph_valuation import Value

    fields = list(Value.__dataclass_fields__)
    rows: list[dict[str, Any]] = [
        {"seller": name, "nodes": len(graph), "edges": graph.edge_count}
        | {field: getattr(one, field) for field in fields}
        for name, graph, one in zip(names, graphs, found, strict=True)
    ]
    return pd.DataFrame(rows)


def _holdings(files: list[Path], features: list[Path], quiet: bool) -> tuple[list[Graph], list[tuple[Any, Any]]]:
    """The graphs, and each with its features or None."""
    from netopsy.cli.graph.options import read
    from netopsy.data.feature_files import read_features

    require(
        len(features) in (0, len(files)),
        f"--features must be given once for each of the {len(files)} graphs, the buyer's first, or not at all; "
        f"got {len(features)}",
    )
    graphs = [read(file, quiet=quiet) for file in files]
    if not features:
        return graphs, [(graph, None) for graph in graphs]
    rows = [read_features(file, graph.names) for file, graph in zip(features, graphs, strict=True)]
    for file, matrix in zip(features[1:], rows[1:], strict=True):
        require(
            matrix.shape[1] == rows[0].shape[1],
            f"feature file {file.name!r} has {matrix.shape[1]} columns, the buyer's has {rows[0].shape[1]}",
        )
    return graphs, list(zip(graphs, rows, strict=True))


def _names(sellers: list[Path]) -> list[str]:
    """Their files' names, as short as tells them apart."""
    short = [seller.stem for seller in sellers]
    names = short if len(set(short)) == len(short) else [str(seller) for seller in sellers]
    earlier = [names[:place].count(name) for place, name in enumerate(names)]
    return [f"{name} ({count + 1})" if count else name for name, count in zip(names, earlier, strict=True)]
