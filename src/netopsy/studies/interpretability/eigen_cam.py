"""Does a map without class or gradient find the object, under noise and above a mistaken head? Muhammad and Yeasin 2020
re-tested.

The unit is a run: one network and its images. Parts are judged at the earlier of two layers; the last is shown beside.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from netopsy.core.drawing import INK, PALETTE
from netopsy.core.seeds import derive, generator, seeded
from netopsy.core.shapes import Activations, Images, Maps
from netopsy.interpretability.eigen_cam import (
    channel_mean_map,
    eigen_cam,
    eigen_cam_from_activations,
    energy_map,
    grad_cam_plus_plus,
)
from netopsy.interpretability.layer_maps import activation_maps
from netopsy.interpretability.localisation import Boxes, localisation_error, localised
from netopsy.interpretability.norm_grad import grad_cam, linear_approx
from netopsy.lab import Cell, Part, Rows, Study, Tables, above, between, exact, gain, open_part, paired_difference
from netopsy.lab.costs import growth
from netopsy.lab.pictures import from_text, overlays, to_text
from netopsy.lab.plots import dots, growths, intervals, lines, panels
from netopsy.lab.subjects.answers import answers
from netopsy.lab.subjects.heads import other_heads
from netopsy.lab.subjects.images import PAPER_SCALE, ImageSubject, Scenes, trained
from netopsy.models import small_conv_net
from netopsy.training.attack import Attack, pgd

EIGEN, GRAD, PLUS, CAM = "Eigen-CAM", "Grad-CAM", "Grad-CAM++", "CAM"
ENERGY, MEAN, RANDOM = "energy", "channel mean", "random"
CENTRED, SECOND = "centred", "2nd component"
METHODS = (EIGEN, GRAD, PLUS, CAM, ENERGY, MEAN, RANDOM, CENTRED, SECOND)
SHOWN = METHODS[:6]
"""What the figures by threshold and of examples show."""
TRIVIAL = (ENERGY, MEAN)
CLEAN, NOISE, HALF_TRAINED = "clean", "noise", "half trained"
FEWEST_MISTAKES, WIDEST, WITHIN = 60, 0.2, 0.1
NEARLY = 0.02
"""A trivial map within this of Eigen-CAM's error is named."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 8
    subject: ImageSubject = ImageSubject(objects=1, test_images=1000)  # noqa: RUF009 - frozen
    attack: Attack = Attack()  # noqa: RUF009 - frozen
    calibration: int = 300
    """The first so many test images choose the thresholds, the others measure the errors."""
    thresholds: tuple[float, ...] = (0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
    examples: int = 2
    """Images of the first run whose maps are shown."""
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose maps are timed, pixels a side."""
    units: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the layers whose maps are timed."""


def plan(config: Config) -> Iterable[Cell]:
    """One network a cell: train it, then measure everything on it. And the cost by image and by layer."""
    numbers = {name: getattr(config, name) for name in ("subject", "attack", "calibration", "thresholds")}
    for seed in range(config.seeds):
        yield Cell.of(networks, seed=seed, **numbers, examples=0 if seed else config.examples)
    yield Cell.of(cost, sides=config.sides)
    yield Cell.of(cost_by_units, units=config.units)


Keyed = dict[tuple[str, str], Maps]
"""Layer and method to maps."""
Thresholds = Mapping[tuple[str, str], float]


def networks(
    seed: int, subject: ImageSubject, attack: Attack, calibration: int, thresholds: tuple[float, ...], examples: int
) -> Rows:
    """Errors of every method's boxes, clean, under noise and of the half-trained network; other heads; examples."""
    found, layers = trained(subject, seed), subject.layers[-2:]
    chosen_on, test = found.scenes[slice(calibration)], found.scenes[slice(calibration, None)]
    noisy = torch.cat([pgd(found.model, part.images, part.labels, attack) for part in test.batches(250)])
    half_trained = copy.deepcopy(found.model)
    half_trained.load_state_dict(found.half_way)
    conditions = {CLEAN: test, NOISE: Scenes(noisy, test.classes, test.masks)}
    for model, shown in ((found.model, conditions), (half_trained, {HALF_TRAINED: test})):
        chosen = best_thresholds(all_maps(model, chosen_on.images, layers), chosen_on.boxes, thresholds)
        for condition, scenes in shown.items():
            rows = errors(model, scenes, layers, chosen, thresholds if condition == CLEAN else ())
            yield from ({"condition": condition, **row} for row in rows)
    before: Any = eigen_cam(found.model, test.images, list(layers))
    for change, other in other_heads(found.model, derive(seed, "head")):
        after: Any = eigen_cam(other, test.images, list(layers))
        for layer in layers:
            same = float(torch.equal(before[layer], after[layer]))
            yield {"measure": "head", "condition": change, "layer": layer, "value": same}
    for condition, scenes in conditions.items() if examples else ():
        images = scenes.images[:examples]
        found_there = {name: own for (_, name), own in all_maps(found.model, images, layers[:1]).items()}
        for name, own in ({"image": images.mean(1)} | found_there).items():
            for scene, (one, box) in enumerate(zip(own, test.boxes.tolist(), strict=False)):
                at = {"condition": condition, "method": name, "scene": scene, "box": " ".join(map(str, box))}
                yield {"measure": "example", **at, "picture": to_text(one)}


def errors(
    model: nn.Module, scenes: Scenes, layers: Sequence[str], chosen: Thresholds, thresholds: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """The share of wrong boxes: of all images, of misclassified and of recognised ones; and by threshold."""
    right = answers(model, scenes.images) == scenes.labels
    yield {"measure": "accuracy", "value": right.float().mean(), "mistakes": int((~right).sum())}
    for (layer, method), maps in all_maps(model, scenes.images, layers).items():
        at, threshold = {"layer": layer, "method": method}, chosen[layer, method]
        wrong = (~localised(maps, scenes.boxes, threshold)).double()
        after = {"misclassified": wrong[~right].mean(), "recognised": wrong[right].mean()}
        yield {"measure": "error", **at, "value": wrong.mean(), **after, "threshold": threshold}
        for tried in thresholds:
            error = localisation_error(maps, scenes.boxes, tried)
            yield {"measure": "threshold", **at, "threshold": tried, "value": error}


def cost(sides: tuple[int, ...]) -> Rows:
    """Milliseconds for the maps of 8 images by the images' side."""
    model = small_conv_net(seed=0).eval()
    return growth(lambda side: _ways(model, side, "features.act3"), sides, name="side")


def cost_by_units(units: tuple[int, ...]) -> Rows:
    """The same by a layer's channels: a network of one convolution, on images of 14 pixels a side."""

    def ways(count: int) -> dict[str, Any]:
        with seeded(0):
            parts = (nn.Conv2d(1, count, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
            return _ways(nn.Sequential(*parts, nn.Linear(count, 10)).eval(), 14, "1")

    return growth(ways, units, name="units")


def _ways(model: nn.Module, side: int, layer: str) -> dict[str, Any]:
    images = torch.rand(8, 1, side, side, generator=generator(0))
    return {EIGEN: partial(eigen_cam, model, images, layer), GRAD: partial(grad_cam, model, images, 0, layer)}


def all_maps(model: nn.Module, images: Images, layers: Sequence[str]) -> Keyed:
    """All maps at all layers; what needs a class explains the predicted one.

    CAM is for the last layer, behind which there are only the mean over places and a linear layer: gradient times
    activation is then the class's weights times the activations.
    """
    parts = [_some_maps(model, some, list(layers), number) for number, some in enumerate(images.split(250))]
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def _some_maps(model: nn.Module, images: Images, layers: list[str], number: int) -> Keyed:
    target, random = answers(model, images), generator(number)
    found: dict[str, Any] = {
        EIGEN: eigen_cam(model, images, layers),
        GRAD: grad_cam(model, images, target, layers),
        PLUS: grad_cam_plus_plus(model, images, target, layers),
        CAM: linear_approx(model, images, target, layers[-1:]),
        ENERGY: energy_map(model, images, layers),
        MEAN: channel_mean_map(model, images, layers),
        RANDOM: activation_maps(model, images, layers, lambda a: torch.rand(a[:, 0].shape, generator=random).to(a)),
        CENTRED: eigen_cam(model, images, layers, centre=True),
        SECOND: activation_maps(model, images, layers, _second_component),
    }
    return {(layer, name): maps[layer] for layer in layers for name, maps in found.items() if layer in maps}


def _second_component(values: Activations) -> Maps:
    return eigen_cam_from_activations(values, components=2).projections[:, 1].relu()


def best_thresholds(maps: Keyed, boxes: Boxes, thresholds: Sequence[float]) -> Thresholds:
    """For all maps the threshold of least error; of equal ones the smallest."""
    return {
        key: min(thresholds, key=lambda threshold, own=own: localisation_error(own, boxes, threshold))  # type: ignore[misc]
        for key, own in maps.items()
    }


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """The better gradient map against Eigen-CAM, the same under noise, mistaken and other heads, its own variants."""
    earlier, *_ = layers = _layers(tables)
    clean, noisy = (
        {layer: tables.wide("error", condition=way, layer=layer) for layer in layers} for way in (CLEAN, NOISE)
    )
    better = {}
    for layer, own in clean.items():
        best = own[[GRAD, PLUS]].mean().idxmin()
        better[f"{best} less {EIGEN} at {layer}"] = paired_difference(own[best], own[EIGEN])
    (name, more), at_last = better.items()
    shown = clean[earlier].mean().add_prefix("error, ").to_dict()
    yield "eigen-cam-1", gain(name, more, 0.02, beside=shown | dict([at_last]))
    for layer, own in clean.items():
        if found := [name for name in TRIVIAL if own[name].mean() <= own[EIGEN].mean() + NEARLY]:
            yield "eigen-cam-1", f"At {layer} a trivial map does as well within {NEARLY}: {' and '.join(found)}."

    robust, means = noisy[earlier], noisy[earlier].mean()
    beside = {"accuracy under noise": tables.rows("accuracy", condition=NOISE)["value"].mean()}
    beside |= means.add_prefix("error, ").to_dict()
    beside |= (means - clean[earlier].mean()).add_suffix(", rise over clean").to_dict()
    more = paired_difference(robust[GRAD], robust[EIGEN])
    yield "eigen-cam-2", gain(f"{GRAD} less {EIGEN} at {earlier}", more, 0.05, beside=beside)
    if ahead := [f"{name} ({means[name]:.3f})" for name in (PLUS, *TRIVIAL) if means[name] < means[EIGEN]]:
        yield "eigen-cam-2", f"Under noise {', '.join(ahead)} miss fewer objects than {EIGEN} ({means[EIGEN]:.3f})."

    heads = tables["head"]["value"]
    yield "eigen-cam-3", exact("maps changed by another head", float((heads != 1).sum()), beside={"cases": len(heads)})
    count = int(tables.rows("accuracy", condition=HALF_TRAINED)["mistakes"].sum())
    beside, ours = {"misclassified images": count}, _after_mistakes(tables, earlier, EIGEN)
    few = count < FEWEST_MISTAKES or ours.high - ours.low > WIDEST
    why = f"needs {FEWEST_MISTAKES} misclassified images and an interval of at most {WIDEST}"
    rule = partial(open_part, why=why) if few else partial(between, low=-WITHIN, high=WITHIN)
    yield "eigen-cam-3", rule(f"{EIGEN}, misclassified less recognised", ours, beside=beside)
    yield "eigen-cam-3", above(f"{GRAD}, misclassified less recognised", _after_mistakes(tables, earlier, GRAD))
    for layer, own in clean.items():
        for other in (CENTRED, ENERGY, SECOND):
            apart = paired_difference(own[other], own[EIGEN])
            yield "eigen-cam-4", open_part(f"{other} less {EIGEN} at {layer}", apart, why="no direction is expected")


def _after_mistakes(tables: Tables, layer: str, method: str) -> Any:
    """Error on images that the half-trained network misclassifies less that on the others, over runs."""
    table = tables.rows("error", condition=HALF_TRAINED, layer=layer, method=method)
    both = table.set_index("seed")[["misclassified", "recognised"]].dropna()  # a run may have no mistake
    return paired_difference(both["misclassified"], both["recognised"])


def _layers(tables: Tables) -> list[str]:
    """The two layers, the earlier one first."""
    return list(tables["error"]["layer"].unique())


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Each map's error by threshold, the errors clean and under noise, after mistakes, examples, and the cost."""
    layers = {layer: layer for layer in _layers(tables)}
    maps = {method: method for method in SHOWN}
    costs = {"pixels a side": (tables["cost"], "side"), "channels": (tables["cost_by_units"], "units")}
    titles = ("by the image, 24 channels", "by the layer, 14x14 places")
    drawn = {
        "threshold": panels(maps, partial(_threshold, tables), height=2.5, sharex=True, sharey=True, legend=True),
        "noise": panels(layers, partial(_noise, tables), width=4.6, height=3.2, sharey=True),
        "mistakes": panels(layers, partial(_mistakes, tables), width=4.4, height=1.8, sharey=True),
        "cost": growths(costs, "milliseconds for 8 images", titles=titles),
    }
    return drawn | ({"examples": _examples(tables["example"])} if "example" in tables else {})


def _threshold(tables: Tables, ax: Axes, method: str) -> None:
    """One map's error at both layers, beside the least that Eigen-CAM reaches there and that of a random map."""
    colors = dict(zip(_layers(tables), PALETTE, strict=False))
    lines(ax, tables.rows("threshold", method=method), x="threshold", by="layer", colors=colors)
    for layer, color in colors.items():
        least = tables.mean("threshold", "threshold", layer=layer, method=EIGEN).min()
        ax.axhline(least, color=color, linestyle=":", linewidth=1.2, label=f"least of {EIGEN} at {layer}")
    random = tables.mean("threshold", "threshold", method=RANDOM)
    ax.plot(random.index, random, color=INK, linestyle="--", linewidth=1, label="random map")
    ax.set(xlabel="threshold, share of the map's range", ylabel="localisation error", ylim=(-0.03, 1.05))
    ax.label_outer()


def _noise(tables: Tables, ax: Axes, layer: str) -> None:
    table = tables.rows("error", layer=layer, condition=(CLEAN, NOISE))
    dots(ax, table, by="method", beside="condition", names=METHODS)
    ax.set_xlabel("localisation error, a dot a run")
    if layer == _layers(tables)[0]:
        ax.legend(loc="lower right")


def _mistakes(tables: Tables, ax: Axes, layer: str) -> None:
    intervals(ax, {method: _after_mistakes(tables, layer, method) for method in (EIGEN, GRAD)})
    ax.axvspan(-WITHIN, WITHIN, color=INK, alpha=0.1)
    ax.set_xlabel("error, misclassified - recognised")


def _examples(table: pd.DataFrame) -> Figure:
    rows, boxes = [], []
    for (_, condition), own in table.groupby(["scene", "condition"]):
        pictures = dict(zip(own["method"], own["picture"], strict=True))
        rows.append(
            (str(condition), {name: from_text(pictures[name]) for name in ("image", *SHOWN) if name in pictures})
        )
        boxes.append([int(edge) for edge in own["box"].iloc[0].split()])
    return overlays(rows, boxes=boxes)


STUDY = Study(
    paper="eigen-cam",
    presets={
        "smoke": Config(
            seeds=1,
            subject=ImageSubject(objects=1, train_images=200, test_images=40, epochs=1),
            attack=Attack(steps=2),
            calibration=20,
            examples=1,
            sides=(16, 32),
            units=(16, 32),
        ),
        "laptop": Config(),
        "paper": Config(
            seeds=5,
            subject=dataclasses.replace(PAPER_SCALE, objects=1, test_images=5000, epochs=40),
            attack=Attack(radius=8 / 255, step=2 / 255),
        ),
    },
    plan=plan,
    measures=(networks, cost, cost_by_units),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce eigen-cam``."""
