"""What the cnn-visualization study asks of units: when their projections settle, and which concepts they detect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.seeds import derive
from netopsy.core.shapes import Images
from netopsy.core.split import run_to
from netopsy.data.concept_images import ConceptImages, concept_images
from netopsy.interpretability.cnn_visualization.deconvolution import crop_to_field, deconvnet
from netopsy.interpretability.cnn_visualization.dissection import dissect, dissect_maps
from netopsy.interpretability.cnn_visualization.dissection_report import DissectionReport
from netopsy.interpretability.cnn_visualization.rotation import part_of, random_rotation, rotated
from netopsy.interpretability.dissection.enlarging import Enlarging
from netopsy.interpretability.maps import rescaled
from netopsy.interpretability.receptive_field import ReceptiveField, receptive_field
from netopsy.interpretability.top_images import top_images
from netopsy.lab import Rows
from netopsy.lab.costs import growth
from netopsy.lab.plots import to_text
from netopsy.models import small_conv_net
from netopsy.studies.interpretability.cnn_visualization.networks import trained
from netopsy.studies.interpretability.cnn_visualization.plan import (
    LAYERS_OF,
    RANDOM,
    TRAINED,
    DeconvSetting,
    DissectionSetting,
    Setting,
)
from netopsy.training import Recipe, evaluate, fit


def projections_in_training(seed: int, network: Setting, setting: DeconvSetting) -> Rows:
    """Rows of the measures alike (a layer and look each), settled (a filter each) and projected (pictures)."""
    looks_in_all = setting.looks * network.epochs
    steps = sorted({network.steps * look // looks_in_all for look in range(looks_in_all + 1)})
    ours = trained(network, seed, keep_states=steps)
    images = ours.train.inputs[: setting.images]
    epochs = [step / network.steps_per_epoch for step in steps]
    rows: list[Any] = []
    for depth, layer in enumerate(grids(ours.model, LAYERS_OF[network.network], images)):
        looks, field = [], receptive_field(ours.model, layer, images[:1])
        for step in steps:
            ours.model.load_state_dict(dict(ours.states[step]))
            looks.append(projections(ours.model, layer, images, field))
        alike = cosines(torch.stack(looks))
        at: dict[str, Any] = {"layer": layer, "depth": depth}
        rows += [
            {"measure": "alike", **at, "epoch": epoch, "value": float(mean)}
            for epoch, mean in zip(epochs, alike.nanmean(1), strict=True)
        ]
        for unit, first in enumerate(settling(alike, setting.settled)):
            rows.append({"measure": "settled", **at, "unit": unit, "value": None if first is None else epochs[first]})
        if seed == 0:
            rows += _pictures(looks, alike, epochs, setting, at)
    return rows


def grids(model: nn.Module, layers: Sequence[str], images: Images) -> list[str]:
    """Those of the layers whose output has places."""
    with torch.no_grad():
        return [layer for layer in layers if run_to(model, layer, images[:1].to(next(model.parameters()))).ndim == 4]


def projections(
    model: nn.Module, layer: str, images: Images, field: ReceptiveField
) -> Float[Tensor, "units channels rows columns"]:
    """Each filter's projection from the image in which it is highest: its receptive field, 0 off the image's edge."""
    best = top_images(model, layer, images, k=1)
    chosen = images.to(best.indices.device)[best.indices[:, 0]]
    units = torch.arange(len(chosen), device=chosen.device)
    whole = deconvnet(model, chosen, layer, units)
    # The pattern counts and not the place, so each window stays centred on its field, over the edge as well.
    (height, width), (over, across) = field.image, field.size
    wide = torch.nn.functional.pad(whole, (across, across, over, over))
    offset = (field.offset[0] + over, field.offset[1] + across)
    moved = ReceptiveField(field.size, field.stride, offset, (height + 2 * over, width + 2 * across))
    return crop_to_field(wide, moved, best.rows[:, 0], best.columns[:, 0]).cpu()


def cosines(looks: Float[Tensor, "looks units channels rows columns"]) -> Float[Tensor, "looks units"]:
    """Of each look with the last; 0 where a filter is silent, not a number where it is so in the end."""
    flat = looks.flatten(2).double()
    length = flat.norm(dim=2)
    product = (flat * flat[-1]).sum(2) / (length * length[-1]).clamp(min=torch.finfo(torch.double).tiny)
    return product.where(length[-1] > 0, torch.nan)


def settling(alike: Float[Tensor, "looks units"], least: float) -> list[int | None]:
    """The first look from which on each filter stays as it will be; ``None`` for one that is silent in the end."""
    stays = (alike >= least).long().flip(0).cumprod(0).sum(0)
    return [
        None if silent else len(alike) - lasting
        for lasting, silent in zip(stays.tolist(), alike[-1].isnan().tolist(), strict=True)
    ]


def _pictures(
    looks: Sequence[Tensor], alike: Tensor, epochs: Sequence[float], setting: DeconvSetting, at: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    active = (~alike[-1].isnan()).nonzero().flatten()
    chosen = (
        active[torch.linspace(0, len(active) - 1, min(setting.shown, len(active))).long()] if len(active) else active
    )
    places = torch.linspace(0, len(looks) - 1, min(setting.columns, len(looks))).long().tolist()
    for look in places:
        for unit in chosen.tolist():
            picture = to_text(rescaled(looks[look][unit].mean(0, keepdim=True))[0])
            yield {"measure": "projected", **at, "epoch": epochs[look], "unit": unit, "picture": picture}


def dissection(seed: int, setting: DissectionSetting) -> Rows:
    """Rows of the measures unique (a rotation each), detected (a concept each) and accuracy."""
    model, concepts, accuracy = named_figures(setting, seed)
    rows: list[Any] = [{"measure": "accuracy", "weights": TRAINED, "value": accuracy}]
    fresh = _network(setting, concepts, derive(seed, "fresh"))
    for weights, one in ((TRAINED, model), (RANDOM, fresh)):
        rows += [{"weights": weights, **row} for row in _rotated_bases(one, setting, concepts, seed)]
    return rows


def named_figures(setting: DissectionSetting, seed: int) -> tuple[nn.Module, ConceptImages, float]:
    """A network trained to name colour, texture and shape of a figure, never where it is; images new to it; the
    share of names it gets right there."""
    train = concept_images(setting.train_images, size=setting.size, seed=derive(seed, "train"))
    test = concept_images(setting.images, size=setting.size, seed=derive(seed, "test"))
    model = _network(setting, train, derive(seed, "init"))
    steps = max(1, setting.epochs * setting.train_images // 50)
    recipe = Recipe(steps=steps, batch_size=50, lr=setting.lr, schedule="onecycle", loss="bce")
    fit(model, train.dataset(), recipe, seed=derive(seed, "order"))
    outputs = evaluate(model, test.dataset(), loss="bce").outputs
    assert test.figures is not None
    sizes = [len(names) for names in test.names.values()]
    answers = torch.stack([part.argmax(1) for part in outputs.split(sizes, 1)], 1)
    return model.eval(), test, float((answers == test.figures).float().mean())


def _network(setting: DissectionSetting, concepts: ConceptImages, seed: int) -> nn.Module:
    classes = sum(len(names) for names in concepts.names.values())
    return small_conv_net(setting.widths, setting.strides, channels=3, classes=classes, seed=seed).eval()


def _rotated_bases(
    model: nn.Module, setting: DissectionSetting, concepts: ConceptImages, seed: int
) -> Iterator[dict[str, Any]]:
    layer = f"features.act{len(setting.widths)}"
    options: dict[str, Any] = {"quantile": setting.quantile, "iou": setting.iou}
    own = dissect(model, layer, concepts, **options)
    with torch.no_grad():
        maps = torch.cat([run_to(model, layer, part.images) for part in concepts.batches(250)])
    yield {"measure": "unique", "rotation": -1, "share": 0.0, **_counts(own)}
    found = own.counts()
    for concept, category in zip(own.concepts, own.categories, strict=True):
        yield {"measure": "detected", "category": category, "concept": concept, "value": found.get(concept, 0)}
    for number in range(setting.rotations):
        turn = random_rotation(maps.shape[1], seed=derive(seed, "rotation", number))
        for share in (*(setting.shares if number < setting.partly else ()), 1.0):
            there = rotated(maps, part_of(turn, share))
            report = dissect_maps(there, concepts, enlarge=own.enlarging, **options)
            yield {"measure": "unique", "rotation": number, "share": share, **_counts(report)}


def _counts(report: DissectionReport) -> dict[str, Any]:
    return {
        "value": report.unique,
        "detectors": int(report.detectors.sum()),
        "match": float(report.best.mean()),
    }


def dissection_cost_by_side(sides: tuple[int, ...]) -> Rows:
    """Milliseconds for 64 labelled images by their side, 32 units."""
    return growth(lambda side: _unit_ways(side, 32), sides, name="side", rounds=1)


def dissection_cost_by_units(units: tuple[int, ...]) -> Rows:
    """The same by the number of units, 64 pixels a side."""
    return growth(lambda count: _unit_ways(64, count), units, name="units", rounds=1)


def _unit_ways(side: int, units: int) -> dict[str, Callable[[], object]]:
    """Receptive fields are not measured anew: that depends on the network and not on the images."""
    model = small_conv_net((16, units), (2, 2), channels=3, seed=0).eval()
    concepts, layer = concept_images(64, size=side, seed=0), "features.act2"
    even = Enlarging.evenly((side, side), (-(-side // 4), -(-side // 4)))
    return {
        "dissection": partial(dissect, model, layer, concepts, enlarge=even),
        "DeconvNet, 2 images": partial(deconvnet, model, concepts.images[:2], layer),
    }
