"""The figures of the graphlet-orbits study."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.graphs.graphlet_orbits import KEYS, UNSEEN
from netopsy.lab import Tables
from netopsy.studies.graphs.graphlet_orbits.measure import name_of
from netopsy.studies.graphs.graphlet_orbits.plan import FAMILIES, REAL, Config

SEEN_COLOUR, UNSEEN_COLOUR, WALK_COLOUR = PALETTE[5], PALETTE[1], PALETTE[0]
DASHES = ("-", "--", "-.", ":", (0, (1, 4)))


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """How well walks explain what they cannot see, how well orbits and walks tell labels, and the cost."""
    return {"explained": _explained(tables), "labels": _labels(tables), "cost": _cost(tables)}


def _explained(tables: Tables) -> Figure:
    drawn, ax = figure(7.2, 3.6)
    table, names = tables["explained"], [name_of(key) for key in UNSEEN]
    families = (*FAMILIES, REAL)
    for number, family in enumerate(families):
        own = table[table["family"] == family]
        places = own["key"].map(names.index) + (number - 1.5) * 0.18
        ax.plot(places, own["value"], "o", color=PALETTE[number], markersize=3, alpha=0.5, label=f"{family} graphs")
    ax.axhline(1, color=INK, linewidth=0.8)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    ax.grid(axis="x", visible=False)
    ax.set(ylim=(-0.02, 1.05), ylabel="R² from A, A² and A³", xlabel="orbit adjacency (hop-orbit-orbit); a dot a graph")
    drawn.legend(loc="outside upper center", ncols=4, markerscale=1.6)
    return drawn


def _labels(tables: Tables) -> Figure:
    table = tables["candidate"]
    graphs = list(table["graph"].unique())
    drawn, axes = figure_grid(len(graphs), 1, 8.4, 1.2 + 1.55 * len(graphs), sharex=True)
    names = [name_of(key) for key in KEYS]
    colours = [UNSEEN_COLOUR if key in UNSEEN else SEEN_COLOUR for key in KEYS]
    for ax, name in zip(axes[:, 0], graphs, strict=True):
        means = table[table["graph"] == name].groupby(["kind", "choice"], sort=False)["value"].mean()
        ax.bar(range(len(names)), [means["orbit"].get(key, np.nan) for key in names], color=colours, width=0.75)
        for place, key in enumerate(names):
            if key not in means["orbit"]:
                ax.text(place, 0.02, "none", rotation=90, ha="center", va="bottom", fontsize=6, color=INK)
        for dash, (window, value) in zip(DASHES, means["walk"].items(), strict=False):
            ax.axhline(value, color=WALK_COLOUR, linewidth=1, linestyle=dash, label=f"walks, {window}")
        ax.set_title(name)
        ax.grid(axis="x", visible=False)
        ax.set(ylim=(0, 1.0), ylabel="macro F1")
    axes[-1, 0].set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes[-1, 0].set_xlabel("orbit adjacency (hop-orbit-orbit)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    for colour, text in ((UNSEEN_COLOUR, "orbits no walk sees"), (SEEN_COLOUR, "orbits in walks' mixtures")):
        handles.append(axes[0, 0].bar([0], [0], color=colour))
        labels.append(text)
    drawn.legend(handles, labels, loc="outside upper center", ncols=4)
    return drawn


def _cost(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 3, 9.6, 3.2, width_ratios=[1.0, 1.0, 1.1])
    growth = tables["growth"]
    networks = tables["network"] if "network" in tables else growth[:0].assign(graph="")
    for ax, column, label in (
        (axes[0, 0], "seconds", "seconds, one thread"),
        (axes[0, 1], "megabytes", "MB of the whole process"),
    ):
        ax.plot(growth["nodes"], growth[column].astype(float), marker="o")
        ax.set(xscale="log", yscale="log", xlabel="nodes, ten edges each", ylabel=label)
        ax.set_xticks(growth["nodes"], [f"{nodes / 1000:g}k" for nodes in growth["nodes"]])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ordered = networks.sort_values("seconds")
    axes[0, 2].plot(ordered["seconds"], range(len(ordered)), "o", color=PALETTE[0])
    names = [f"{row.graph}: {row.nodes:,.0f} nodes, {row.edges:,.0f} edges" for row in ordered.itertuples()]
    axes[0, 2].set_yticks(range(len(ordered)), names, fontsize=7)
    axes[0, 2].set(xscale="log", xlabel="seconds, one thread")
    axes[0, 2].xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    return drawn
