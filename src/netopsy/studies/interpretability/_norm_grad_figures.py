"""The figures of the norm-grad study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.interpretability.overlay import overlay
from netopsy.lab import mean_interval
from netopsy.lab.figures import INK, PALETTE, figure_grid, mean_with_band
from netopsy.studies.interpretability._norm_grad_verdicts import (
    PRODUCT,
    chosen_rate,
    correlations,
    gains_of_product,
    layers_of,
    methods_of,
    pointing,
)
from netopsy.studies.interpretability._pictures import from_text


def draw(rows: pd.DataFrame, config: Any) -> dict[str, Figure]:
    """Accuracy against depth, what meta-saliency and combining layers change, virtual against real, and examples."""
    return {
        "depth": _panels(rows, _depth, width=5.2, height=3.4),
        "combination": _panels(rows, _combination, width=5.2, height=2.6),
        "meta": _panels(rows, _before_and_after, _against_step, width=3.9, height=3.2),
        "virtual": _panels(rows, _virtual, width=4.4, height=3.0),
        **{f"examples{end}": _examples(part) for end, part in _by_data(rows).items()},
    }


def _depth(ax: Axes, rows: pd.DataFrame) -> None:
    layers = [*layers_of(rows), PRODUCT]
    accuracy = pointing(rows).groupby("seed").mean()
    places = np.arange(len(layers))
    for number, (method, color) in enumerate(zip(methods_of(rows), PALETTE, strict=False)):
        values = accuracy[method][layers].to_numpy()
        mean_with_band(ax, places[:-1], values[:, :-1], label=method, color=color, marker="o")
        estimate = mean_interval(values[:, -1])
        aside = places[-1] + 0.1 * (number - 2)
        ax.plot(aside, estimate.value, marker="D", color=color)
        ax.plot([aside] * 2, estimate.interval, color=color, alpha=0.5)
    ax.set_xticks(places, [*map(_short, layers[:-1]), "product\nof all"])
    recognised = rows.loc[rows["measure"] == "recognised", "value"].mean()
    ax.set(
        xlabel=f"layer, first to last, of a network that recognises {recognised:.0%}",
        ylabel="pointing accuracy",
        ylim=(-0.03, 1.03),
        title=f"Pointing game by layer, {_data(rows)}",
    )
    ax.legend(loc="lower left")


def _combination(ax: Axes, rows: pd.DataFrame) -> None:
    gains = gains_of_product(rows)
    for place, (values, color) in enumerate(zip(gains.values(), PALETTE, strict=False)):
        estimate = mean_interval(values)
        ax.plot(estimate.interval, [place] * 2, color=color, alpha=0.6)
        ax.plot(values, [place] * len(values), "o", color=color, alpha=0.4)
        ax.plot(estimate.value, place, "D", color=color)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(gains)), list(gains))
    ax.invert_yaxis()
    ax.set(xlabel="accuracy, product of the layers - best single layer", title=f"Layers combined, {_data(rows)}")


def _before_and_after(ax: Axes, rows: pd.DataFrame) -> None:
    rate, layers = chosen_rate(rows), layers_of(rows)
    rho = correlations(rows)["NormGrad"]
    tested = rho[rho.index.get_level_values("scene") % 2 == 1].groupby(["rate", "seed"]).mean()
    for label, at, color in (("as it is", 0.0, PALETTE[5]), (f"after a step of {rate:g}", rate, PALETTE[0])):
        mean_with_band(
            ax, np.arange(len(layers)), tested.loc[at][layers].to_numpy(), label=label, color=color, marker="o"
        )
    ax.set_xticks(range(len(layers)), list(map(_short, layers)))
    ax.set(ylabel="correlation of the maps\nfor two classes", ylim=(-0.25, 1.05), title=f"NormGrad, {_data(rows)}")
    ax.legend()


def _against_step(ax: Axes, rows: pd.DataFrame) -> None:
    rho = correlations(rows).groupby(["rate", "seed"]).mean()
    rates = sorted(rho.index.get_level_values("rate").unique())
    for method, color in zip(methods_of(rows), PALETTE, strict=False):
        # A layer without any correlation (all maps constant) is left out of its method's mean.
        of_method: pd.DataFrame = rho.xs(method, axis=1, level="method")  # type: ignore[assignment]
        values = of_method.mean(axis=1).unstack("rate")[rates].to_numpy()
        mean_with_band(ax, np.arange(len(rates)), values, label=method, color=color, marker="o")
    ax.set_xticks(range(len(rates)), ["none", *(f"{rate:g}" for rate in rates[1:])])
    ax.set(xlabel="step size", ylim=(-0.25, 1.05), title="All methods, mean over layers")
    ax.legend(fontsize=6.5)


def _virtual(ax: Axes, rows: pd.DataFrame) -> None:
    found = rows[rows["measure"] == "agreement"]
    layers = list(found["layer"].unique())
    means = found.groupby(["method", "seed", "layer"])["value"].mean().unstack("layer")[layers]
    for method, color in (("same scene", PALETTE[0]), ("another scene", PALETTE[5])):
        mean_with_band(ax, np.arange(len(layers)), means.loc[method].to_numpy(), label=method, color=color, marker="o")
    ax.axhline(0.7, color=INK, linestyle=":", linewidth=1)
    ax.set_xticks(range(len(layers)), list(map(_short, layers)))
    ax.set(ylabel="rank correlation", ylim=(-0.3, 1.05), title=f"Virtual and real 3x3 convolution, {_data(rows)}")
    ax.legend(loc="lower left")


def _examples(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "example"].set_index("method")
    image = from_text(str(found.loc["image", "picture"]))
    methods, layers = methods_of(rows), layers_of(rows)
    drawn, axes = figure_grid(len(methods), len(layers), 1.25 * len(layers) + 0.9, 1.3 * len(methods) + 0.3)
    explained = found["value"].astype(float)["image"]
    drawn.suptitle(f"What speaks for class {explained:.0f}", color=INK, fontsize=10)
    for line, method in zip(axes, methods, strict=True):
        pictures = found.loc[[method]].set_index("layer")["picture"]
        for ax, layer in zip(line, layers, strict=True):
            overlay(image[None, None], from_text(pictures[layer])[None], ax)
            ax.set_title(_short(layer) if method == methods[0] else "", fontsize=8)
        line[0].text(
            -0.08, 0.5, method.replace(" ", "\n"), transform=line[0].transAxes, ha="right", va="center", fontsize=8
        )
    return drawn


def _panels(rows: pd.DataFrame, *panels: Callable[[Axes, pd.DataFrame], None], width: float, height: float) -> Figure:
    """Data sets below one another, panels beside one another."""
    parts = list(_by_data(rows).values())
    drawn, axes = figure_grid(len(parts), len(panels), width * len(panels), height * len(parts))
    for line, part in zip(axes, parts, strict=True):
        for ax, panel in zip(line, panels, strict=True):
            panel(ax, part)
    return drawn


def _by_data(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The table of each data set, by what to append to a figure's name."""
    names = list(rows["data"].unique())
    ends = [""] if len(names) == 1 else [f"-{name.split('/')[-1]}" for name in names]
    return {end: rows[rows["data"] == name] for end, name in zip(ends, names, strict=True)}


def _data(rows: pd.DataFrame) -> str:
    return str(rows["data"].iloc[0]).split("/")[-1].replace("_", " ")


def _short(layer: str) -> str:
    return layer.removeprefix("features.").removesuffix(".block2.conv2")
