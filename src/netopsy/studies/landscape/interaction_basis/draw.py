"""The figures: counts, accuracy against edges, edges needed, features reparametrised, effective parameters."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.lab import Tables
from netopsy.lab.plots import bars, lines, panels
from netopsy.studies.landscape.interaction_basis.plan import (
    COMPONENTS,
    DENSE,
    INTERACTION,
    LOCAL,
    MODULAR,
    SPARSE,
    TURNED,
    UNITS,
    Config,
)

BASES = (INTERACTION, LOCAL, COMPONENTS, TURNED, UNITS)
COLORS = dict(zip(BASES, PALETTE, strict=False))


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """One figure a claim, and the edges needed."""
    return {
        "accuracy-against-edges": _against_edges(tables),
        "edges-needed": _needed(tables),
        "free-directions": _free(tables),
        "reparametrised": _reparametrised(tables),
        "effective-parameters": _effective(tables),
    }


def _against_edges(tables: Tables) -> Figure:
    """What the searches of all runs tried, as a running median over numbers of edges."""
    table = tables["tried"]

    def panel(ax: Axes, section: int) -> None:
        for method in BASES:
            own = table[(table["section"] == section) & (table["method"] == method) & (table["edges"] > 0)]
            smooth = (
                own.sort_values("edges").set_index("edges")["value"].rolling(9, min_periods=1, center=True).median()
            )
            ax.plot(smooth.index, smooth, color=COLORS[method], label=method)
        ax.set(xscale="log", xlabel="edges kept", ylabel="accuracy")
        ax.xaxis.set_minor_formatter(NullFormatter())

    parts = {f"section {number}": number for number in sorted(table["section"].unique())}
    return panels(parts, panel, legend=True)


def _needed(tables: Tables) -> Figure:
    drawn, axes = figure(6.4, 3.4)
    table = tables["edges"].assign(section=lambda own: "section " + own["section"].astype(str))
    bars(axes, table, by="section", beside="method", colors=COLORS)
    axes.set(ylabel="edges needed", yscale="log")
    axes.legend()
    return drawn


def _free(tables: Tables) -> Figure:
    drawn, axes = figure(4.2, 3.6)
    table = tables["counted"]
    for number, (method, own) in enumerate(table.groupby("method")):
        counts = own.groupby(["predicted", "value"]).size().reset_index(name="draws")
        axes.scatter(
            counts["predicted"], counts["value"], s=8 * counts["draws"], alpha=0.6, color=PALETTE[number], label=method
        )
    end = max(table["predicted"].max(), table["value"].max()) + 1
    axes.plot([0, end], [0, end], color=INK, linewidth=0.8)
    axes.set(xlabel="free directions, counted beforehand", ylabel="free directions, measured")
    axes.legend()
    return drawn


def _reparametrised(tables: Tables) -> Figure:
    drawn, axes = figure(4.8, 2.2)
    for place, (method, own) in enumerate(tables["reparametrised"].groupby("method")):
        axes.semilogx(own["value"].clip(lower=1e-16), [place] * len(own), "o", color=COLORS[str(method)], alpha=0.5)
    names = sorted(tables["reparametrised"]["method"].unique())
    axes.axvline(1e-5, color=INK, linestyle="--", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="largest relative difference of a feature", ylim=(-0.5, len(names) - 0.5))
    return drawn


def _effective(tables: Tables) -> Figure:
    drawn, axes = figure(4.8, 3.4)
    names = (MODULAR, DENSE, SPARSE)
    lines(axes, tables["effective"], x="eps", by="method", names=names, marker="o")
    axes.set(xscale="log", xlabel="tolerated loss", ylabel="effective parameters a weight")
    axes.legend()
    return drawn
