"""The figures of the lottery ticket study."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.lab import Tables
from netopsy.lab.plots import mean_with_band
from netopsy.studies.sparsity.lottery_ticket.plan import Config

_LOOK = {
    "ticket": (PALETTE[0], "o", "winning ticket"),
    "reinit": (PALETTE[1], "s", "same mask, new weights"),
    "random ticket": (PALETTE[2], "^", "shuffled mask, new weights"),
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Accuracy, and the step of early stopping, against the share of weights kept; for every setting."""
    figures = {}
    for name in config.settings:
        suffix = "" if len(config.settings) == 1 else f"-{name}"
        label = "test accuracy at early stop (%)"
        figures[f"accuracy{suffix}"] = _against_density(tables, name, "accuracy", label, scale=100, one_shot=True)
        label = "step of least validation loss"
        figures[f"early-stop{suffix}"] = _against_density(tables, name, "early_stop_step", label)
    return figures


def _against_density(
    tables: Tables, setting: str, value: str, label: str, *, scale: float = 1.0, one_shot: bool = False
) -> Figure:
    drawn, axes = figure(5.6, 3.6)
    for condition, (color, marker, name) in _LOOK.items():
        by = {"setting": setting, "condition": condition}
        table = scale * tables.wide("networks", columns="round", values=value, **by)
        shares = 100 * tables.mean("networks", "round", "density", **by)[table.columns]
        mean_with_band(axes, shares, table, label=name, color=color, marker=marker)
    if one_shot:
        points = (
            tables.rows("networks", setting=setting, condition="one-shot").groupby("round")[["density", value]].mean()
        )
        axes.plot(100 * points["density"], scale * points[value], "D", color=PALETTE[3], label="pruned at one go")
    dense = scale * tables.rows("networks", setting=setting, condition="ticket", round=0)[value].mean()
    axes.axhline(dense, color=INK, linestyle="--", linewidth=1)
    axes.annotate("dense", (0.01, dense), xycoords=("axes fraction", "data"), va="bottom", color=INK, fontsize=8)
    _log_percent(axes)
    axes.set(xlabel="weights kept (%)", ylabel=label)
    axes.legend()
    return drawn


def _log_percent(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.invert_xaxis()
    ticks = [tick for tick in (100, 50, 20, 10, 5, 2, 1) if min(axes.get_xlim()) <= tick]
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axes.minorticks_off()
