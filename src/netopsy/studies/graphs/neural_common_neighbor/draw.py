"""The figures of the study of neural common neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid, style
from netopsy.graphs.neural_common_neighbor import RULES
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import growth, mean_with_band
from netopsy.studies.graphs.neural_common_neighbor.judge import by_seed, lead
from netopsy.studies.graphs.neural_common_neighbor.plan import COUNT, GAE, NCN, NCNC, SEEN, TUNED, Config

COLORS = {NCN: PALETTE[0], SEEN: PALETTE[0], NCNC: PALETTE[1], TUNED: PALETTE[1], GAE: PALETTE[2], COUNT: PALETTE[2]}
METRICS = ("AUC", "AP", "MRR", "Hits@20", "Hits@50", "Hits@100")


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Hits on the digits, neighbours in common, the lead on sparser graphs, the offset, real networks and the time."""
    return {
        "hits": _hits(tables, config),
        "counts": _counts(tables),
        "incomplete": _incomplete(tables, config),
        "networks": _networks(tables),
        "cost": _cost(tables, config),
    }


def _hits(tables: Tables, config: Config) -> Figure:
    shown = sorted(config.training.ks, reverse=True)
    drawn, axes = figure_grid(1, len(shown), 3.4 + 2.0 * len(shown), 3.4, sharey=True)
    models = (*RULES, GAE, COUNT, SEEN, NCN, NCNC, TUNED)
    for ax, k in zip(axes[0], shown, strict=True):
        hits = by_seed(tables, f"Hits@{k}")
        for place, model in enumerate(models):
            values = hits[model].dropna()
            found = mean_interval(values)
            ax.barh(place, found.value, color=COLORS.get(model, PALETTE[5]), alpha=0.75, height=0.62)
            ax.plot(found.interval, [place] * 2, color=INK)
            ax.plot(values, place + np.linspace(-0.2, 0.2, len(values)), ".", color=INK, alpha=0.6, markersize=3)
        ax.set(xlim=(0, 1.02), xlabel=f"share above the {k}th best\nof the pairs without a link")
        ax.set_title(f"Hits@{k}")
    axes[0, 0].set_yticks(range(len(models)), models)
    axes[0, 0].invert_yaxis()
    return drawn


def _counts(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.4, 3.0, sharey=True)
    table = tables["histogram"].groupby(["which", "count"])["share"].mean().unstack("count")
    panels = (
        ("neighbours in common", ("test links", "training links", "training links, batch removed")),
        (
            "sum of weights in the completed neighbourhood",
            ("test links, completed", "training links, batch removed, completed"),
        ),
    )
    labels = {
        "test links": "test",
        "training links": "training, as observed",
        "training links, batch removed": "training, batch's links removed",
        "test links, completed": "test",
        "training links, batch removed, completed": "training, batch's links removed",
    }
    colors = {"test": INK, "training, as observed": PALETTE[1], "training, batch's links removed": PALETTE[0]}
    for ax, (said, names) in zip(axes[0], panels, strict=True):
        for name in names:
            ax.step(table.columns, table.loc[name], where="mid", color=colors[labels[name]], label=labels[name])
        most = int(table.columns.max())
        ticks = list(range(0, most + 1, 4))
        ax.set_xticks(ticks, [f"{tick}+" if tick == most else str(tick) for tick in ticks])
        ax.set(xlabel=said, ylim=(0, None))
        ax.legend()
    axes[0, 0].set_ylabel("share of the links")
    return drawn


def _incomplete(tables: Tables, config: Config) -> Figure:
    drawn, axes = figure_grid(1, 3, 9.6, 3.0)
    metric = f"Hits@{max(config.training.ks)}"
    leads: Any = lead(tables, metric)
    drops = [100 * drop for drop in leads.columns]
    for model in (NCN, NCNC):
        values = np.stack([by_seed(tables, metric, float(drop))[model].reindex(leads.index) for drop in leads], 1)
        mean_with_band(axes[0, 0], drops, values, label=model, color=COLORS[model], marker="o")
    axes[0, 0].set(xlabel="observed links thrown away as well, %", ylabel=metric, ylim=(None, 1.0))
    axes[0, 0].legend(loc="lower left")
    mean_with_band(axes[0, 1], drops, 100 * leads, color=INK, marker="o")
    axes[0, 1].axhline(0, color=INK, linewidth=0.8, linestyle=":")
    axes[0, 1].set(xlabel="observed links thrown away as well, %", ylabel=f"NCNC - NCN, points of {metric}")
    table = tables["offset"]
    for k, color in zip(config.training.ks, (PALETTE[3], PALETTE[4], PALETTE[1]), strict=False):
        hits = table.pivot_table(index="seed", columns="offset", values=f"Hits@{k}")
        mean_with_band(axes[0, 2], list(hits.columns), hits, label=f"Hits@{k}", color=color, marker="o")
    axes[0, 2].set(xlabel="offset of the trained NCNC", ylabel="on test links", ylim=(0, 1.02))
    axes[0, 2].legend(loc="lower right")
    return drawn


def _networks(tables: Tables) -> Figure:
    table = tables["held out"]
    names = [name for name in table["network"].unique() if name != "digits"]
    own = table[table["network"].isin(names)]
    metrics = [metric for metric in METRICS if metric in own and own[metric].notna().any()] or ["AUC", "AP"]
    drawn, axes = figure_grid(1, len(metrics), 1.9 + 1.75 * len(metrics), 1.4 + 0.75 * len(names), sharey=True)
    models = (*RULES, GAE, NCN, NCNC)
    offsets = np.linspace(-0.3, 0.3, len(models))
    shades = (PALETTE[5], PALETTE[4], PALETTE[3], PALETTE[2], PALETTE[0], PALETTE[1])
    for ax, metric in zip(axes[0], metrics, strict=True):
        for model, offset, color in zip(models, offsets, shades, strict=True):
            of_model = own[own["model"] == model].groupby("network")[metric]
            for place, name in enumerate(names):
                values = of_model.get_group(name).dropna()
                if len(values):
                    found = mean_interval(values)
                    ax.plot(np.clip(found.interval, 0, 1), [place + offset] * 2, color=color, linewidth=1)
                    ax.plot(found.value, place + offset, "o", color=color, label=model if place == 0 else None)
        ax.set_title(metric)
        low = max(0.0, float(np.floor(10 * own[metric].min(skipna=True)) / 10) - 0.05)
        ax.set(xlim=(low, 1.02), ylim=(len(names) - 0.5, -0.5))
    axes[0, 0].set_yticks(range(len(names)), names)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    with style():
        drawn.legend(handles, labels, loc="outside lower center", ncols=len(models))
    return drawn


def _cost(tables: Tables, config: Config) -> Figure:
    drawn, ax = figure(5.2, 3.2)
    table = tables["cost"]
    growth(ax, table, x="nodes", by="model")
    sizes = np.unique(table["nodes"].to_numpy(dtype=float))
    ax.set_xticks(sizes, [f"{size / 1000:g}k" for size in sizes])
    ax.set(xlabel="nodes", ylabel=f"milliseconds for {config.pairs:,} pairs,\nthe encoder's pass included")
    return drawn
