"""`netopsy graph predict-links`: which links a graph most likely lacks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.cli.graph.files import File, Out, Quiet, Seed, Table, Variable
from netopsy.core.errors import lookup, require

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from netopsy.data.graphs import Graph
    from netopsy.graphs.neural_common_neighbor import LinkResult, LinkSplit, MissingLinks

_FEATURES = 64
_ENOUGH = 30
"""Links below which none can be held out that would say anything."""


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
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Learn which pairs are linked, say how well on links held out, and write the likeliest missing links.

    Beside the model stand plain rules and a graph network without common neighbours, on the same links. Scored are
    pairs with a common neighbour that are not linked.
    """
    start = time.perf_counter()
    _check(top, model, epochs, held_out, candidates)
    from contextlib import nullcontext

    from netopsy.cli.graph.files import folder_for, interrupted, table_ending, unweighted
    from netopsy.cli.interrupts import insistent_interrupts
    from netopsy.cli.progress import shown

    ending, place = table_ending(table), folder_for(out, "predict-links")
    graph = unweighted(file, variable, quiet)
    require(
        graph.edge_count >= _ENOUGH,
        f"graph file {file.name!r} holds {graph.edge_count} edges; at least {_ENOUGH} are needed to hold some out",
    )
    try:
        with insistent_interrupts(), nullcontext() if quiet else shown():
            from netopsy.graphs.neural_common_neighbor import candidate_pairs, missing_links

            pairs = candidate_pairs(graph.adjacency, candidates)
            x, split, results = _learned(graph, model, epochs, held_out, seed)
            measures = _measures(split, results)
            found = missing_links(results[model.upper()], x, graph.adjacency, top, candidates=pairs)
            scores = _probabilities(x, split, results[model.upper()])
            _write(graph, file, place, ending, found, measures, model, scores, seed)
    except KeyboardInterrupt:
        typer.echo(interrupted(place), err=True)
        return 130
    if quiet:
        typer.echo(place)
        return 0
    typer.echo(f"{graph.name}: {len(graph)} nodes, {graph.edge_count} edges; {split.test.shape[1]} links held out")
    typer.echo(measures.round(3).to_string())
    typer.echo(f"{len(found.probability)} of {found.candidates:,} pairs, the likeliest first:")
    typer.echo(_links(graph, found).head(10).round(3).to_string(index=False))
    typer.echo(f"{place} written in {time.perf_counter() - start:.1f} s")
    return 0


def _check(top: int, model: str, epochs: int, held_out: float, candidates: int) -> None:
    require(top >= 1, f"--top must be at least 1, got {top}")
    lookup("model", model, {"ncn": 0, "ncnc": 1})
    require(epochs >= 1, f"--epochs must be at least 1, got {epochs}")
    require(0.02 <= held_out <= 0.5, f"--held-out must be a share from 0.02 to 0.5, got {held_out:g}")
    require(candidates >= 1, f"--candidates must be at least 1, got {candidates}")


def _learned(
    graph: Graph, model: str, epochs: int, held_out: float, seed: int
) -> tuple[Tensor, LinkSplit, dict[str, LinkResult]]:
    """The model and, with the same budget, a graph network without common neighbours."""
    import torch

    from netopsy.core.seeds import generator
    from netopsy.graphs.neural_common_neighbor import (
        GAEPredictor,
        LinkRecipe,
        NCNCPredictor,
        NCNPredictor,
        PureGCN,
        fit_link_predictor,
        random_link_split,
    )

    split = random_link_split(graph.adjacency, held_out / 2, held_out, seed)
    links = split.train.shape[1]
    recipe = LinkRecipe(epochs=epochs, batch_size=max(16, min(1152, links // 8)), ks=(10, 50, 100))
    # Random features tell the nodes apart and are not made from the links, which are to be predicted.
    x = torch.randn(len(graph), _FEATURES, generator=generator(seed))
    chosen: dict[str, Any] = {"ncn": NCNPredictor, "ncnc": NCNCPredictor}
    results = {}
    for name, kind in (("GAE", GAEPredictor), (model.upper(), chosen[model])):
        encoder = PureGCN(_FEATURES, 64, 2, seed=seed)
        results[name] = fit_link_predictor(encoder, kind(64, seed=seed), x, split, recipe=recipe, seed=seed)
    return x, split, results


def _measures(split: LinkSplit, results: dict[str, LinkResult]) -> pd.DataFrame:
    """One row a model or rule: how well it does on the links held out."""
    import pandas as pd

    from netopsy.graphs.neural_common_neighbor import RULES, link_metrics, pair_rule

    rows = {}
    for rule in RULES:
        links, others = (pair_rule(split.observed, pairs, rule) for pairs in (split.test, split.test_negatives))
        rows[rule] = link_metrics(links, others, (10, 50, 100))
    rows |= {name: result.metrics for name, result in results.items()}
    # Hits at K only where every part has so many pairs that are no links.
    measures = pd.DataFrame(rows).T.dropna(axis=1)
    return measures[[name for name in ("AUC", "AP", "MRR", "Hits@10", "Hits@50", "Hits@100") if name in measures]]


def _probabilities(x: Tensor, split: LinkSplit, result: LinkResult) -> tuple[np.ndarray, np.ndarray]:
    """Of the links held out and of the pairs that are none."""
    from netopsy.graphs.neural_common_neighbor import score_pairs

    found = [
        score_pairs(result.encoder, result.predictor, x, split.observed, pairs).sigmoid().numpy()
        for pairs in (split.test, split.test_negatives)
    ]
    return found[0], found[1]


def _links(graph: Graph, found: MissingLinks) -> pd.DataFrame:
    import pandas as pd

    from netopsy.cli.graph.files import names_of

    names = names_of(graph)
    first, second = ([names[node] for node in end] for end in found.pairs.tolist())
    return pd.DataFrame(
        {
            "source": first,
            "target": second,
            "probability": found.probability.double().numpy(),
            "common_neighbours": found.common.long().numpy(),
        }
    )


def _write(
    graph: Graph,
    file: Path,
    place: Path,
    ending: str,
    found: MissingLinks,
    measures: pd.DataFrame,
    model: str,
    scores: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> None:
    from netopsy.cli.graph.files import begin, write_picture, write_summary, write_table

    drawn = _picture(graph, found, measures, scores, seed)
    begin(place, "predict-links")
    for stale in (*place.glob("missing_links.*"), *place.glob("held_out.*")):
        stale.unlink()
    write_table(place / f"missing_links.{ending}", _links(graph, found))
    write_table(place / f"held_out.{ending}", measures.rename_axis("model").reset_index())
    write_picture(place / "links.png", drawn)
    kept = {name: {key: float(value) for key, value in row.items()} for name, row in measures.T.to_dict().items()}
    write_summary(place, "predict-links", graph, file, {"model": model, "held_out": kept})


def _picture(
    graph: Graph, found: MissingLinks, measures: pd.DataFrame, scores: tuple[np.ndarray, np.ndarray], seed: int
) -> Figure:
    """The measures, beside the missing links in a layout, or how the model tells links where the graph is large."""
    import numpy as np

    from netopsy.cli.graph.pictures import SMALL
    from netopsy.lab.figures import INK, PALETTE, figure_grid, style

    drawn, axes = figure_grid(1, 2, 10.0, 4.4, width_ratios=[1.0, 1.2])
    ax = axes[0, 0]
    with style():
        for number, name in enumerate(name for name in ("AUC", "AP") if name in measures):
            places = np.arange(len(measures)) + 0.36 * (number - 0.5)
            ax.barh(places, measures[name], 0.34, color=PALETTE[number], alpha=0.8, label=name)
            for place, value in zip(places, measures[name], strict=True):
                ax.text(float(value) + 0.01, place, f"{value:.3f}", va="center", fontsize=7, color=INK)
        ax.set_yticks(range(len(measures)), list(measures.index))
        ax.set(xlim=(0, 1.12), xlabel="on the links held out")
        ax.invert_yaxis()
        ax.legend(loc="upper center", bbox_to_anchor=(0.45, 1.12), ncols=2)
        if len(graph) <= SMALL:
            _layout(axes[0, 1], graph, found, seed)
        else:
            _histogram(axes[0, 1], found, scores)
    return drawn


def _histogram(ax: Axes, found: MissingLinks, scores: tuple[np.ndarray, np.ndarray]) -> None:
    import numpy as np

    from netopsy.lab.figures import INK, PALETTE

    for values, label, color in zip(scores, ("links held out", "pairs without a link"), PALETTE, strict=False):
        ax.hist(values, np.linspace(0, 1, 26).tolist(), color=color, alpha=0.6, label=label)
    last = float(found.probability.min())
    ax.axvline(last, color=INK, linestyle=":", label="least of the pairs written")
    ax.set(xlabel="probability by the model", ylabel="pairs")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=3)


def _layout(ax: Axes, graph: Graph, found: MissingLinks, seed: int) -> None:
    import numpy as np
    from matplotlib.collections import LineCollection
    from scipy import sparse

    from netopsy.cli.graph.files import names_of
    from netopsy.cli.graph.pictures import NAMED, layout
    from netopsy.lab.figures import INK, PALETTE

    places = layout(graph, seed)
    edges = sparse.coo_array(sparse.triu(graph.adjacency))
    known = np.stack([places[edges.row], places[edges.col]], 1)
    likely = np.stack([places[end.numpy()] for end in found.pairs], 1)
    ax.add_collection(LineCollection(list(known), colors=INK, linewidths=0.7, alpha=0.4, label="edges"))
    ax.add_collection(LineCollection(list(likely), colors=PALETTE[1], linewidths=1.8, label="likely missing"))
    ax.scatter(places[:, 0], places[:, 1], 26, color=PALETTE[0], zorder=3, edgecolors=INK, linewidths=0.5)
    if len(graph) <= NAMED:
        for place, name in zip(places, names_of(graph), strict=True):
            ax.annotate(name, place, (0, 4), textcoords="offset points", ha="center", fontsize=6)
    ax.margins(0.08)
    ax.set_axis_off()
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.06), ncols=2)
