"""What the cnn-visualization study asks of units: when their projections settle, and which concepts they detect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.drawing import tiled
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

Windows = Float[Tensor, "units top channels rows columns"]


def projections_in_training(seed: int, network: Setting, setting: DeconvSetting) -> Rows:
    """Rows of the measures alike (a layer and look each), settled (a filter each), projected and nine (pictures)."""
    looks_in_all = setting.looks * network.epochs
    steps = sorted({network.steps * look // looks_in_all for look in range(looks_in_all + 1)})
    ours = trained(network, seed, keep_states=steps)
    images, epochs = ours.train.inputs[: setting.images], [step / network.steps_per_epoch for step in steps]
    for depth, layer in enumerate(LAYERS_OF[network.network]):
        if not _has_positions(ours.model, layer, images):
            continue
        looks, field = [], receptive_field(ours.model, layer, images[:1])
        for step in steps:
            ours.model.load_state_dict(dict(ours.states[step]))
            looks.append(projections(ours.model, layer, images, field))
        alike = cosines(torch.stack(looks))
        at: dict[str, Any] = {"layer": layer, "depth": depth}
        for epoch, mean in zip(epochs, alike.nanmean(1).tolist(), strict=True):
            yield {"measure": "alike", **at, "epoch": epoch, "value": mean}
        for unit, first in enumerate(settling(alike, setting.settled)):
            yield {"measure": "settled", **at, "unit": unit, "value": None if first is None else epochs[first]}
        if seed == 0:
            active = (~alike[-1].isnan()).nonzero().flatten()
            shown = active[_spread(len(active), setting.shown)].tolist()
            for look in _spread(len(looks), setting.columns).tolist():
                for unit in shown:
                    picture = _grey(looks[look][[unit]])
                    yield {"measure": "projected", **at, "epoch": epochs[look], "unit": unit, "picture": picture}
            projected, seen = top_windows(ours.model, layer, images, field, 9)
            for kind, nine in (("projection", projected), ("image", seen)):
                for unit in shown:
                    yield {"measure": "nine", **at, "kind": kind, "unit": unit, "picture": _grey(nine[unit])}


@torch.no_grad()
def _has_positions(model: nn.Module, layer: str, images: Images) -> bool:
    return run_to(model, layer, images[:1].to(next(model.parameters()))).ndim == 4


def _spread(count: int, most: int) -> Tensor:
    """At most so many numbers below ``count``, from the first to the last."""
    return torch.linspace(0, max(0, count - 1), min(most, count)).long()


def _grey(windows: Images) -> str:
    """One window, or nine in a square; each from its own darkest to its brightest."""
    grey = rescaled(windows.mean(1))[:, None]
    return to_text(tiled(grey, columns=min(3, len(grey)))[0])


def projections(model: nn.Module, layer: str, images: Images, field: ReceptiveField) -> Float[Tensor, "units c y x"]:
    """Each filter's projection from the image in which it is highest."""
    return top_windows(model, layer, images, field, 1)[0][:, 0]


def top_windows(model: nn.Module, layer: str, images: Images, field: ReceptiveField, k: int) -> tuple[Windows, Windows]:
    """Each filter's projections from the ``k`` images in which it is highest, and those images: what its receptive
    field holds, 0 off the image's edge.
    """
    best = top_images(model, layer, images, k=k)
    chosen = images.to(best.indices.device)[best.indices.flatten()]
    units = torch.arange(len(best.indices), device=chosen.device).repeat_interleave(k)
    # The pattern counts and not the position, so each window stays centred on its field, over the edge as well.
    (height, width), (over, across) = field.image, field.size
    offset = (field.offset[0] + over, field.offset[1] + across)
    moved = ReceptiveField(field.size, field.stride, offset, (height + 2 * over, width + 2 * across))
    at = best.rows.flatten(), best.columns.flatten()
    wide = (F.pad(each, (across, across, over, over)) for each in (deconvnet(model, chosen, layer, units), chosen))
    projected, seen = (crop_to_field(each, moved, *at).unflatten(0, (-1, k)).cpu() for each in wide)
    return projected, seen


def cosines(looks: Float[Tensor, "looks units channels rows columns"]) -> Float[Tensor, "looks units"]:
    """Of each look with the last; 0 where a filter is silent, not a number where it is so in the end."""
    flat = looks.flatten(2).double()
    length = flat.norm(dim=2)
    product = (flat * flat[-1]).sum(2) / (length * length[-1]).clamp(min=torch.finfo(torch.double).tiny)
    return product.where(length[-1] > 0, torch.nan)


def settling(alike: Float[Tensor, "looks units"], least: float) -> list[int | None]:
    """The first look from which on each filter stays as it will be; ``None`` for one that is silent in the end."""
    lasting = (alike >= least).long().flip(0).cumprod(0).sum(0).tolist()
    silent = alike[-1].isnan().tolist()
    return [None if none else len(alike) - last for last, none in zip(lasting, silent, strict=True)]


def dissection(seed: int, setting: DissectionSetting) -> Rows:
    """Rows of the measures unique (a rotation each), detected (a concept each) and accuracy."""
    model, concepts, accuracy = named_figures(setting, seed)
    yield {"measure": "accuracy", "weights": TRAINED, "value": accuracy}
    for weights, one in ((TRAINED, model), (RANDOM, _network(setting, concepts, derive(seed, "fresh")))):
        for row in _rotated_bases(one, setting, concepts, seed):
            yield {"weights": weights, **row}


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
    detectors = int(report.detectors.sum())
    return {"value": report.unique, "detectors": detectors, "match": float(report.best.mean())}


def units_cost(by: str, sizes: tuple[int, ...]) -> Rows:
    """Milliseconds for 64 labelled images of 64 pixels a side and 32 units, or of other sides or units."""
    return growth(lambda size: _ways(**{by: size}), sizes, rounds=1)


def _ways(side: int = 64, units: int = 32) -> dict[str, Callable[[], object]]:
    """Receptive fields are not measured anew: that depends on the network and not on the images."""
    model = small_conv_net((16, units), (2, 2), channels=3, seed=0).eval()
    concepts, layer = concept_images(64, size=side, seed=0), "features.act2"
    even = Enlarging.evenly((side, side), (-(-side // 4), -(-side // 4)))
    return {
        "dissection": partial(dissect, model, layer, concepts, enlarge=even),
        "DeconvNet, 2 images": partial(deconvnet, model, concepts.images[:2], layer),
    }
