"""What the cnn-visualization study asks of units: when their projections settle, and which concepts they detect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.image_drawing import tiled
from netopsy.core.seeds import derive
from netopsy.core.shapes import Images
from netopsy.core.split import run_to
from netopsy.data.concept_images import ConceptImages, concept_images
from netopsy.interpretability.cnn_visualization.deconvolution import deconvnet
from netopsy.interpretability.cnn_visualization.dissection import dissect, dissect_maps
from netopsy.interpretability.cnn_visualization.dissection_report import DissectionReport
from netopsy.interpretability.cnn_visualization.rotation import part_of, random_rotation, rotated
from netopsy.interpretability.cnn_visualization.windows import cosines, projections, settling, top_windows
from netopsy.interpretability.dissection.enlarging import Enlarging
from netopsy.interpretability.maps import rescaled
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.lab import Rows
from netopsy.lab.costs import growth
from netopsy.lab.pictures import to_text
from netopsy.lab.subjects.figures import figure_network, named_figures
from netopsy.lab.subjects.patches import LAYERS_OF, PatchSetting, trained
from netopsy.models import small_conv_net
from netopsy.studies.interpretability.cnn_visualization.plan import RANDOM, TRAINED, DeconvSetting, DissectionSetting


def projections_in_training(seed: int, network: PatchSetting, setting: DeconvSetting) -> Rows:
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


def dissection(seed: int, setting: DissectionSetting) -> Rows:
    """Rows of the measures unique (a rotation each), detected (a concept each) and accuracy."""
    model, concepts, accuracy = named_figures(setting.network, seed)
    yield {"measure": "accuracy", "weights": TRAINED, "value": accuracy}
    for weights, one in ((TRAINED, model), (RANDOM, figure_network(setting.network, concepts, derive(seed, "fresh")))):
        for row in _rotated_bases(one, setting, concepts, seed):
            yield {"weights": weights, **row}


def _rotated_bases(
    model: nn.Module, setting: DissectionSetting, concepts: ConceptImages, seed: int
) -> Iterator[dict[str, Any]]:
    layer = setting.network.last
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
