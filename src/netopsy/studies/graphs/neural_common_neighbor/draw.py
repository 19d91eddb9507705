"""The figures of the neural-common-neighbor study."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.graphs.neural_common_neighbor import RULES
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import bars, growth, intervals, lines, mean_with_band, panels
from netopsy.lab.subjects.networks import DIGITS
from netopsy.studies.graphs.neural_common_neighbor.judge import by_seed, lead, timings
from netopsy.studies.graphs.neural_common_neighbor.plan import (
    COMPLETED,
    COUNT,
    ENCODER,
    GAE,
    NCN,
    NCNC,
    OBSERVED,
    REMOVED,
    SEEN,
    TEST,
    TUNED,
    Config,
)

COLORS = {NCN: PALETTE[0], SEEN: PALETTE[0], NCNC: PALETTE[1], TUNED: PALETTE[1], GAE: PALETTE[2], COUNT: PALETTE[2]}
SHADES = {**dict(zip(RULES, PALETTE[:2:-1], strict=False)), **COLORS, ENCODER: INK}
METRICS = ("AUC", "AP", "MRR", "Hits@20", "Hits@50", "Hits@100")
SAID = {TEST: "test", OBSERVED: "training, as observed", REMOVED: "training, batch's links removed"}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Hits on the digits, neighbours in common, the lead on sparser graphs, the offset, real networks and the time."""
    hits = {f"Hits@{k}": by_seed(tables, f"Hits@{k}") for k in sorted(config.training.ks, reverse=True)}
    held = tables["held out"]
    known = held[held["network"] != DIGITS]
    metrics = {name: known.dropna(subset=[name]) for name in METRICS if name in known and known[name].notna().any()}
    common = {"neighbours in common": "", "weights of the completed neighbourhood": COMPLETED}
    costs = dict(zip(("the encoder's pass included", "scores alone"), timings(tables), strict=True))
    asked = f"milliseconds for {config.pairs:,} pairs"
    return {
        "hits": panels(hits, _hits, width=3.2, height=3.0, sharey=True),
        "counts": panels(common, partial(_counts, tables), width=4.2, height=3.0, sharey=True),
        "incomplete": _incomplete(tables, config),
        "networks": panels(
            {name: (name, own) for name, own in metrics.items()}, _networks, height=3.4, sharey=True, legend=True
        ),
        "cost": panels(costs, partial(_cost, label=asked), width=4.4),
    }


def _hits(ax: Axes, hits: pd.DataFrame) -> None:
    samples = {model: hits[model].dropna() for model in (*RULES, GAE, COUNT, SEEN, NCN, NCNC, TUNED)}
    found = {model: mean_interval(values) for model, values in samples.items()}
    intervals(ax, found, samples=samples, colors=SHADES, mark=None)
    ax.set(xlim=(0, 1.02), xlabel="share above the best pairs without a link")


def _counts(tables: Tables, ax: Axes, suffix: str) -> None:
    table = tables["histogram"].groupby(["which", "count"])["share"].mean().unstack("count")
    for (which, said), color in zip(SAID.items(), (INK, PALETTE[1], PALETTE[0]), strict=True):
        if which + suffix in table.index:
            ax.step(table.columns, table.loc[which + suffix], where="mid", color=color, label=said)
    most = int(table.columns.max())
    ticks = list(range(0, most + 1, 4))
    ax.set_xticks(ticks, [f"{tick}+" if tick == most else str(tick) for tick in ticks])
    ax.set(xlabel="together, of a link", ylabel="share of the links", ylim=(0, None))
    ax.legend()


def _incomplete(tables: Tables, config: Config) -> Figure:
    drawn, ((share, leads, offset),) = figure_grid(1, 3, 9.6, 3.0)
    metric, label = f"Hits@{max(config.training.ks)}", "observed links thrown away as well, %"
    found = lead(tables, metric).rename(columns=lambda drop: 100 * drop)
    held = tables.rows("held out", network=DIGITS, model=(NCN, NCNC), seed=tuple(found.index))
    lines(share, held.assign(drop=100 * held["drop"]), x="drop", by="model", values=metric, colors=COLORS)
    share.set(xlabel=label, ylabel=metric, ylim=(None, 1.0))
    mean_with_band(leads, found.columns, found, color=INK, marker="o")
    leads.axhline(0, color=INK, linewidth=0.8, linestyle=":")
    leads.set(xlabel=label, ylabel=f"{NCNC} - {NCN} in {metric}")
    hits = tables["offset"].melt(["seed", "offset"], [f"Hits@{k}" for k in config.training.ks], "metric")
    lines(offset, hits, x="offset", by="metric")
    offset.set(xlabel="offset of the trained NCNC", ylabel="on test links", ylim=(0, 1.02))
    share.legend(loc="lower left")
    offset.legend(loc="lower right")
    return drawn


def _networks(ax: Axes, of: tuple[str, pd.DataFrame]) -> None:
    metric, table = of
    names = (*RULES, GAE, NCN, NCNC)
    bars(ax, table, by="network", beside="model", values=metric, names=names, colors=SHADES, horizontal=True)
    ax.set_xlim(0, 1.02)


def _cost(ax: Axes, times: pd.DataFrame, *, label: str) -> None:
    growth(ax, times.melt(ignore_index=False).reset_index(), x="nodes", by="model", colors=SHADES)
    ax.set(xlabel="nodes", ylabel=label)
