"""The figures."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netopsy.core.drawing import INK, figure
from netopsy.lab import Tables
from netopsy.lab.plots import bars, dots, lines, panels
from netopsy.studies.sparsity.random_pruning.plan import (
    ACCURACY,
    ATTACKED,
    AUROC_FOREIGN,
    AUROC_UNSEEN,
    CALIBRATION,
    DENSE,
    ERK,
    LIKELIHOOD,
    RATIOS,
    Config,
)


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """The gap to the parent by its size; accuracy and layers by ratio; other measures, dense and sparse."""
    by_width = _gaps(tables.rows("networks", depth=config.depth))
    found = {"width": _by_size(by_width, "width", "width of the first stage")}
    if config.depths:
        where = {"width": config.width_of_depths, "share": (1.0, *config.densities_of_depths)}
        found["depth"] = _by_size(_gaps(tables.rows("networks", **where)), "depth", "layers with weights")
    compared = tables.rows(
        "networks", width=config.compared, depth=config.depth, share=(config.density, 1.0), method=(DENSE, *RATIOS)
    )
    drawn, ax = figure(5.6, 3.4)
    compared = compared.sort_values("width", kind="stable")
    bars(ax, compared, by="width", beside="method", names=[DENSE, *RATIOS])
    ax.set(ylabel="test accuracy (%)", ylim=(max(0, compared["value"].min() - 10), 101))
    ax.set_xticks(ax.get_xticks(), [f"width {width}" for width in compared["width"].unique()])
    drawn.legend(loc="outside lower center", ncols=3)
    return found | {"ratios": drawn, "shares": _shares(tables, config), "beyond": _beyond(tables, config)}


def _gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """Points of accuracy that ERK masks cost, by seed, parent and share."""
    dense = rows[rows["method"] == DENSE].set_index(["seed", "depth", "width"])["value"]
    sparse = rows[rows["method"] == ERK]
    own = pd.MultiIndex.from_frame(sparse[["seed", "depth", "width"]])
    return sparse.assign(value=dense.loc[own].to_numpy() - sparse["value"].to_numpy())


def _by_size(gaps: pd.DataFrame, x: str, label: str) -> Figure:
    drawn, ax = figure(5.0, 3.2)
    ax.axhline(0, color=INK, linewidth=1, linestyle="--")
    names = {str(share): f"{share:.0%} of the weights" for share in gaps["share"].unique()}
    lines(ax, gaps, x=x, by="share", labels=names)
    ax.set(xlabel=label, ylabel="accuracy, dense less sparse (points)")
    if x == "width":
        ax.set_xscale("log", base=2)
    sizes = sorted(gaps[x].unique())
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.legend()
    return drawn


def _shares(tables: Tables, config: Config) -> Figure:
    shares = tables["shares"]
    parts = {f"width {width}": shares[shares["width"] == width] for width in config.compared}

    def one(ax: Axes, table: pd.DataFrame) -> None:
        for method in RATIOS:
            own = table[table["method"] == method].sort_values("place")
            ax.plot(100 * own["value"], own["place"], "o-", label=method, alpha=0.85)
        layers = table.drop_duplicates("place").sort_values("place")["layer"]
        short = [name.replace("stage", "s").replace("block", "b").replace("shortcut", "short") for name in layers]
        ax.set_yticks(range(len(short)), short)
        ax.set(xlabel="weights kept (%)", ylim=(len(short) - 0.5, -0.5))

    return panels(parts, one, columns=2, width=3.9, height=3.4, legend=True)


def _beyond(tables: Tables, config: Config) -> Figure:
    own = config.beyond
    names = {(own.width, 1.0): DENSE, (own.width, own.density): "sparse", (own.matched, 1.0): "small dense"}
    table = tables["beyond"]
    table = table.assign(network=[names[key] for key in zip(table["width"], table["share"], strict=True)])
    metrics = (ACCURACY, AUROC_FOREIGN, AUROC_UNSEEN, CALIBRATION, LIKELIHOOD, ATTACKED)
    parts = {metric: table[table["metric"] == metric] for metric in metrics}

    def one(ax: Axes, part: pd.DataFrame) -> None:
        dots(ax, part, by="network", names=list(names.values()))
        ax.xaxis.set_major_locator(MaxNLocator(5))
        if part["metric"].iloc[0] in (ACCURACY, ATTACKED):
            ax.set_xlabel("%")

    return panels(parts, one, columns=3, width=3.4, height=1.8)
