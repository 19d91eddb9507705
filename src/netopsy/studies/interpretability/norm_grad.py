"""Do gradient-based maps point at what they explain? Rebuffi et al. 2020 re-tested.

One network is the unit, its scenes averaged; each step of meta-saliency is measured beside a random one as long.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.core.seeds import derive
from netopsy.core.shapes import Images
from netopsy.core.targets import Target
from netopsy.interpretability.maps import rescaled
from netopsy.interpretability.norm_grad import (
    backprop_saliency,
    class_sensitivity,
    combine_layers,
    grad_cam,
    gradient_saliency,
    linear_approx,
    meta_saliency,
    norm_grad,
    pointing_game,
    rank_correlation,
    selective_norm_grad,
)
from netopsy.interpretability.overlay import overlay
from netopsy.lab import Cell, Part, Rows, Study, Tables, above, gain, mean_interval, paired_difference
from netopsy.lab.pictures import from_text, to_text
from netopsy.lab.plots import intervals, lines, panels
from netopsy.lab.subjects.images import CONVOLUTIONS, PAPER_SCALE, ImageSubject, Scenes, trained

METHODS: Mapping[str, Callable[..., Any]] = {
    "NormGrad": norm_grad,
    "selective NormGrad": selective_norm_grad,
    "linear approximation": linear_approx,
    "Grad-CAM": grad_cam,
    "gradient": gradient_saliency,
}
PRODUCT = "product"
"""Stands among the layers for the product of their maps."""
META, RANDOM = "meta", "random"
CHOOSING, TESTING = "choosing", "testing"
"""Halves of the scenes: the step is chosen on one and tested on the other."""
MARGIN = 0.10
LEAST_LOST = 0.05
"""A step that costs more pointing accuracy than this is not chosen."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 6
    subjects: tuple[ImageSubject, ...] = (ImageSubject(test_images=150),)
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2)
    """Step sizes of meta-saliency to choose from."""


def plan(config: Config) -> Iterable[Cell]:
    """A network a cell for all that needs no step, and one for the steps."""
    for subject in config.subjects:
        for seed in range(config.seeds):
            yield Cell.of(steps, data=subject.data, subject=subject, seed=seed, rates=config.rates)
        for seed in range(config.seeds):
            yield Cell.of(maps, data=subject.data, subject=subject, seed=seed)


def maps(data: str, subject: ImageSubject, seed: int) -> Rows:
    """Pointing accuracy by method and layer; agreement of virtual and real convolutions; examples of the first run."""
    found = trained(subject, seed)
    yield {"measure": "recognised", "value": found.recognised}
    method = partial(_with_product, layers=subject.layers)
    yield from _means("pointing", _collect(_pointing(method, found.model, part) for part in found.scenes.batches()))
    convolutions = CONVOLUTIONS[subject.network]
    yield from _means(
        "agreement", _collect(agreement(found.model, part, convolutions) for part in found.scenes.batches())
    )
    if seed == 0:
        yield from examples(found.model, found.scenes, subject.layers)


def steps(data: str, subject: ImageSubject, seed: int, rates: tuple[float, ...]) -> Rows:
    """Class sensitivity and pointing accuracy of every method after a step of each size, of learning and at random."""
    found = trained(subject, seed)
    methods: dict[tuple[str, float], Any] = {("none", 0.0): _all_maps}
    for rate in rates:
        methods[META, rate] = partial(meta_saliency, _all_maps, lr=rate)
        methods[RANDOM, rate] = partial(methods[META, rate], random_step=derive(seed, "random step"))
    middle = len(found.scenes) // 2
    for (step, rate), method in methods.items():
        for half, which in ((CHOOSING, slice(middle)), (TESTING, slice(middle, None))):
            parts = list(found.scenes[which].batches())
            at = {"step": step, "rate": rate, "half": half}
            rho = _collect(dict(class_sensitivity(method, found.model, p.images, layers=subject.layers)) for p in parts)
            yield from _means("sensitivity", rho, **at)
            layered = partial(method, layers=subject.layers)
            hits = _collect(_pointing(layered, found.model, part) for part in parts)
            yield from _means("stepped pointing", hits, **at)


Keyed = dict[Any, Tensor]
"""Method and layer to one number a scene."""


def _all_maps(model: nn.Module, images: Images, target: Target, *, layers: Iterable[str]) -> dict[Any, Tensor]:
    """The maps of every method at every layer, by (method, layer)."""
    return {
        (name, layer): one
        for name, method in METHODS.items()
        for layer, one in method(model, images, target, list(layers)).items()
    }


def _pointing(method: Any, model: nn.Module, scenes: Scenes) -> Keyed:
    """For every scene, the share of its objects that the maps for their class point at."""
    count = scenes.classes.shape[1]
    images, masks = scenes.images.repeat_interleave(count, 0), scenes.masks.flatten(0, 1)
    found = method(model, images, scenes.classes.flatten())
    return {key: pointing_game(one, masks).float().reshape(-1, count).mean(1) for key, one in found.items()}


def _with_product(model: nn.Module, images: Images, target: Target, *, layers: tuple[str, ...]) -> dict[Any, Tensor]:
    found = _all_maps(model, images, target, layers=layers)
    return found | {(m, PRODUCT): combine_layers({layer: found[m, layer] for layer in layers}) for m in METHODS}


def agreement(model: nn.Module, scenes: Scenes, convolutions: tuple[str, ...]) -> Keyed:
    """The correlation of a virtual convolution's map with the real one's, of the same scene and of another."""
    options: dict[str, Any] = {"layer": list(convolutions), "resize": False}
    real: Any = backprop_saliency(model, scenes.images, scenes.labels, extract="real", **options)
    virtual: Any = norm_grad(model, scenes.images, scenes.labels, kernel_size=3, **options)
    pairs = {"same scene": real, "another scene": {layer: one.roll(1, 0) for layer, one in real.items()}}
    return {
        (name, layer): rank_correlation(virtual[layer].flatten(1), one[layer].flatten(1))
        for name, one in pairs.items()
        for layer in convolutions
    }


def examples(model: nn.Module, scenes: Scenes, layers: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The first scene and its maps for its first object, small enough to be kept in the table."""
    one, explained = scenes.images[:1], int(scenes.labels[0])
    yield {"measure": "example", "method": "image", "value": explained, "picture": to_text(rescaled(one.mean(1))[0])}
    for (method, layer), found in _all_maps(model, one, explained, layers=layers).items():
        yield {"measure": "example", "method": method, "layer": layer, "picture": to_text(found[0])}


def _collect(parts: Iterable[Keyed]) -> Keyed:
    every = list(parts)
    return {key: torch.cat([part[key] for part in every]) for key in every[0]}


def _means(measure: str, values: Keyed, **where: Any) -> Iterator[dict[str, Any]]:
    """One row a method and layer: the mean over scenes, and how many scenes have no value."""
    for (method, layer), each in values.items():
        common = {"measure": measure, "method": method, "layer": layer, **where}
        yield {**common, "value": each.nanmean(), "missing": int(each.isnan().sum())}


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Every claim on every data set, over runs."""
    for data in dict.fromkeys(tables["pointing"]["data"]):
        head = f"{data}: " if tables["pointing"]["data"].nunique() > 1 else ""
        hits = tables.wide("pointing", columns=["method", "layer"], data=data)
        layers = _layers(tables, data)
        for layer in layers[:2]:
            more = paired_difference(hits["selective NormGrad", layer], hits["Grad-CAM", layer])
            yield "norm-grad-1", gain(f"{head}selective NormGrad less Grad-CAM, {layer}", more, MARGIN)
        rise = paired_difference(hits["Grad-CAM", layers[-1]], hits["Grad-CAM", layers[0]])
        yield "norm-grad-1", gain(f"{head}Grad-CAM, last layer less first", rise, MARGIN)
        for method, gains in _gains_of_product(tables, data).items():
            yield "norm-grad-2", gain(f"{head}{method}, product less best", mean_interval(gains), 0.0, floor=-0.01)
        yield from _meta(tables, data, head)
        rho = tables.wide("agreement", columns=["method", "layer"], data=data)
        for layer in dict.fromkeys(rho["same scene"].columns):
            beside = {"with another scene": rho["another scene", layer].mean()}
            yield "norm-grad-4", above(f"{head}{layer}", mean_interval(rho["same scene", layer]), 0.7, beside=beside)


def _meta(tables: Tables, data: str, head: str) -> Iterator[tuple[str, Part | str]]:
    """How far the correlation falls at each layer, against before and against the random step."""
    rate = chosen_rate(tables, data)
    by: Any = {"columns": ["step", "rate"], "half": TESTING, "data": data}
    for layer in _layers(tables, data):
        rho = tables.wide("sensitivity", method="NormGrad", layer=layer, **by)
        hits = tables.wide("stepped pointing", method="NormGrad", layer=layer, **by)
        at = {"before": ("none", 0.0), "after": (META, rate), "random": (RANDOM, rate)}
        beside = {f"rho {name}": rho[where].mean() for name, where in at.items()}
        beside |= {f"pointing {name}": hits[where].mean() for name, where in at.items()} | {"step": rate}
        fall = paired_difference(rho[at["before"]], rho[at["after"]])
        beyond = paired_difference(rho[at["random"]], rho[at["after"]])
        yield "norm-grad-3", gain(f"{head}fall at {layer}", fall, MARGIN, beside=beside)
        yield "norm-grad-3", above(f"{head}fall beyond a random step's at {layer}", beyond, 0.0)
    if worse := _made_worse(tables, data, rate):
        words = ", ".join(f"{method} at {layer} ({rise:+.2f})" for (method, layer), rise in worse.items())
        yield "norm-grad-3", f"{head}The step of {rate:g} raises the correlation of {words}."


def _made_worse(tables: Tables, data: str, rate: float) -> dict[Any, float]:
    """Method and layer where the step raises the correlation by more than 0.02."""
    by: Any = {"columns": ["method", "layer"], "data": data, "half": TESTING}
    before = tables.wide("sensitivity", step="none", **by).mean()
    rises = tables.wide("sensitivity", step=META, rate=rate, **by).mean() - before
    return dict(rises[rises > 0.02])


def chosen_rate(tables: Tables, data: str) -> float:
    """The step at which NormGrad's mean correlation over layers is least on the choosing half, among those that cost
    at most `LEAST_LOST` of its pointing accuracy there; the smallest step where all cost more.
    """
    own = {"half": CHOOSING, "method": "NormGrad", "data": data}
    rho = tables.mean("sensitivity", "rate", step=META, **own)
    hits = tables.mean("stepped pointing", "rate", step=META, **own)
    plain = tables.mean("stepped pointing", "rate", step="none", **own).iloc[0]
    kept = rho[hits >= plain - LEAST_LOST]
    return float(kept.idxmin() if len(kept) else rho.index.min())


def _gains_of_product(tables: Tables, data: str) -> dict[str, pd.Series[float]]:
    """For each method, run by run: accuracy of the product of the layers' maps minus that of the best layer."""
    gains = {}
    for method in METHODS:
        accuracy = tables.wide("pointing", columns="layer", data=data, method=method)
        if len(accuracy):
            gains[method] = accuracy[PRODUCT] - accuracy.drop(columns=PRODUCT).max(axis=1)
    return gains


def _layers(tables: Tables, data: str) -> list[str]:
    return list(tables.rows("sensitivity", data=data)["layer"].unique())


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Accuracy against depth, what meta-saliency and combining layers change, virtual against real, and examples."""
    names = list(dict.fromkeys(tables["pointing"]["data"]))
    shown = {name if len(names) > 1 else "": name for name in names}
    return {
        "depth": panels(shown, partial(_depth, tables), width=5.4),
        "combination": panels(shown, partial(_combination, tables), width=5.2, height=2.6),
        "meta": panels(
            {"class sensitivity": "sensitivity", "pointing": "stepped pointing"}, partial(_steps, tables, names[0])
        ),
        "virtual": panels(shown, partial(_virtual, tables), width=4.4, height=3.0),
        "examples": _examples(tables),
    }


def _places(layers: Iterable[str]) -> dict[str, float]:
    return {layer: float(place) for place, layer in enumerate(layers)}


def _depth(tables: Tables, ax: Axes, data: str) -> None:
    lines(
        ax,
        tables.rows("pointing", data=data),
        x="layer",
        by="method",
        places=_places([*_layers(tables, data), PRODUCT]),
    )
    recognised = tables.rows("recognised", data=data)["value"].mean()
    ax.set(xlabel=f"layer, first to last, of a network that recognises {recognised:.0%}", ylim=(-0.03, 1.03))
    ax.set_xticks(ax.get_xticks(), [_short(tick.get_text()) for tick in ax.get_xticklabels()])
    ax.set_ylabel("pointing accuracy")
    ax.legend(loc="lower left")


def _combination(tables: Tables, ax: Axes, data: str) -> None:
    gains: Any = _gains_of_product(tables, data)
    intervals(ax, {name: mean_interval(each) for name, each in gains.items()}, samples=gains)
    ax.set_xlabel("accuracy, product of the layers - best single layer")


def _steps(tables: Tables, data: str, ax: Axes, measure: str) -> None:
    """NormGrad after each step, mean over layers: of learning and at random."""
    table = tables.rows(measure, data=data, method="NormGrad", half=TESTING)
    plain = table[table["step"] == "none"]["value"].mean()
    ax.axhline(plain, color=INK, linestyle="--", linewidth=1, label="no step")
    lines(
        ax,
        table[table["step"] != "none"],
        x="rate",
        by="step",
        labels={META: "a step of learning", RANDOM: "random, as long"},
    )
    ax.set_xscale("log")
    ax.axvline(chosen_rate(tables, data), color=INK, linewidth=0.8, linestyle=":")
    ax.set(xlabel="step size (dotted: chosen)", ylim=(0, 1.03))
    if measure == "sensitivity":
        ax.set_ylabel("NormGrad, mean over layers")
        ax.legend(loc="lower left")


def _virtual(tables: Tables, ax: Axes, data: str) -> None:
    table = tables.rows("agreement", data=data)
    colors = {"same scene": PALETTE[0], "another scene": PALETTE[5]}
    lines(ax, table, x="layer", by="method", places=_places(table["layer"].unique()), colors=colors)
    ax.axhline(0.7, color=INK, linestyle=":", linewidth=1)
    ax.set_xticks(ax.get_xticks(), [_short(tick.get_text()) for tick in ax.get_xticklabels()])
    ax.set(ylabel="rank correlation", ylim=(-0.3, 1.05))
    ax.legend(loc="lower left")


def _short(layer: str) -> str:
    return layer.removeprefix("features.").removesuffix(".block2.conv2")


def _examples(tables: Tables) -> Figure:
    found = tables["example"].groupby("data", sort=False).get_group(tables["example"]["data"].iloc[0])
    image = from_text(str(found[found["method"] == "image"]["picture"].iloc[0]))
    by = found[found["method"] != "image"].set_index(["method", "layer"])["picture"]
    layers = list(by.index.unique("layer"))
    drawn, axes = figure_grid(len(METHODS), len(layers), 1.25 * len(layers) + 0.9, 1.3 * len(METHODS) + 0.3)
    drawn.suptitle(f"What speaks for class {found['value'].iloc[0]:.0f}", color=INK, fontsize=10)
    for line, method in zip(axes, METHODS, strict=True):
        for ax, layer in zip(line, layers, strict=True):
            overlay(image[None, None], from_text(by[method, layer])[None], ax)
            ax.set_title(_short(layer) if method == next(iter(METHODS)) else "", fontsize=8)
        at: dict[str, Any] = {"transform": line[0].transAxes, "ha": "right", "va": "center", "fontsize": 8}
        line[0].text(-0.08, 0.5, method.replace(" ", "\n"), **at)
    return drawn


_MOSAICS = dataclasses.replace(PAPER_SCALE, objects=4)

STUDY = Study(
    paper="norm-grad",
    presets={
        "smoke": Config(1, (ImageSubject(train_images=200, test_images=8, epochs=1),), rates=(1e-2,)),
        "laptop": Config(),
        "paper": Config(
            subjects=(_MOSAICS, dataclasses.replace(_MOSAICS, data="zalando-datasets/fashion_mnist")),
        ),
    },
    plan=plan,
    measures=(maps, steps),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce norm-grad``."""
