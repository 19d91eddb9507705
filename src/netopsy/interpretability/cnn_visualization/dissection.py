"""Network dissection: which units of a layer are detectors of a concept that someone has drawn masks of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial, reduce
from itertools import starmap

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import finite
from netopsy.core.errors import require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import device_of
from netopsy.core.shapes import Activations, Images
from netopsy.core.split import run_to
from netopsy.data.concept_images import ConceptImages
from netopsy.interpretability.cnn_visualization.dissection_report import DissectionReport
from netopsy.interpretability.cnn_visualization.labelled import Concepts, Survey, parts_of, survey
from netopsy.interpretability.cnn_visualization.rotation import Rotation, rotated
from netopsy.interpretability.dissection.counting import active_pixels, tables_at
from netopsy.interpretability.dissection.enlarging import Enlarging
from netopsy.interpretability.dissection.pixels import labelled_pixels
from netopsy.interpretability.dissection.quantiles import UpperQuantile
from netopsy.interpretability.dissection.tables import Tables
from netopsy.interpretability.layer_maps import Reshape
from netopsy.interpretability.receptive_field import receptive_field

_KEPT = 2**27
"""Activations of a set in memory that are kept, so that the network sees each image once."""

Seen = tuple[Tensor, Mapping[str, Tensor]]


@checked
def dissect(
    model: nn.Module,
    layer: Layer,
    concepts: Concepts,
    *,
    quantile: float = 0.005,
    iou: float = 0.04,
    rotation: Rotation | None = None,
    names: Mapping[str, tuple[str, ...]] | None = None,
    enlarge: Enlarging | None = None,
    reshape: Reshape | None = None,
    batch_size: int = 128,
) -> DissectionReport:
    """Match every unit of a layer with every concept.

    A unit's threshold is what the share ``quantile`` of its activations, over all images and all places of its own
    grid, exceed. Its maps are enlarged to the size of the images, aligned on the centres of receptive fields, and
    compared with the pixels of each concept: intersection over union, each summed over all images in which the
    concept's category is annotated. A unit is named after the concept it matches best, and detects that concept if the
    match is above ``iou``.

    Args:
        concepts: labelled images in memory (`netopsy.data.concept_images`), or parts ``(images, {category: labels})``
            that can be run through more than once, such as a loader for data that do not fit into memory. Labels are
            ints ``[batch, height, width]``, -1 where there is no concept; an image all of whose labels are -1 is not
            annotated in that category.
        rotation: an orthogonal matrix ``[units, units]``: directions ``Q a`` take the place of the units
            (`netopsy.interpretability.cnn_visualization.rotation`).
        names: category to what its concepts are called; those of the images, or numbers, unless given.
        enlarge: how maps are brought to the size of the images; measuring the receptive field, as is done where this is
            not given, takes some time on large networks.
        reshape: makes a grid of outputs that are none, such as a transformer's tokens.
        batch_size: images in memory that go through the network at a time.

    Raises:
        InputError: an unknown layer or one without a grid, labels that do not fit the images, no annotated pixel, a
            matrix that is no rotation of the layer's units, activations that are not finite.

    Source: Qin et al. 2018, section 6; Bau et al. 2017 (arXiv 1704.05796), section 2, whose values are recalled:
    unconfirmed.

    >>> from netopsy.data.concept_images import concept_images
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
    >>> report = dissect(net, "1", concept_images(20, size=16))
    >>> report.iou.shape, len(report.labels), report.detectors.dtype
    (torch.Size([8, 24]), 8, torch.bool)
    """
    [name] = layer_names(model, [layer])
    _check_share(quantile=quantile, iou=iou)
    known = survey(concepts, names, batch_size)
    run = partial(_seen, model, name, parts_of(concepts, batch_size), reshape, rotation)
    first = next(run())[0]
    positions, units = first[0, 0].numel(), first.shape[1]
    if enlarge is None:
        grid = int(first.shape[2]), int(first.shape[3])
        enlarge = _alignment(model, name, next(parts_of(concepts, 1)())[0], grid, reshape)
    if isinstance(concepts, ConceptImages) and known.images * positions * units <= _KEPT:
        kept = list(run())
        return _dissect(lambda: iter(kept), known, positions, enlarge, quantile, iou, name)
    return _dissect(run, known, positions, enlarge, quantile, iou, name)


def dissect_maps(
    maps: Activations,
    concepts: ConceptImages,
    *,
    quantile: float = 0.005,
    iou: float = 0.04,
    enlarge: Enlarging | None = None,
) -> DissectionReport:
    """`dissect` for activations that are there already, one map a unit and image of ``concepts``.

    ``enlarge`` is `Enlarging.evenly` unless given.

    >>> from netopsy.data.concept_images import concept_images
    >>> drawn = concept_images(50, size=16)
    >>> dissect_maps((drawn.labels["shape"] == 0)[:, None].float(), drawn, quantile=0.2).name_of(0)
    'disc'
    """
    require(isinstance(concepts, ConceptImages), f"concepts must be ConceptImages, got {type(concepts).__name__}")
    require(
        maps.ndim == 4 and len(maps) == len(concepts) and maps.numel() > 0,
        f"maps must be [{len(concepts)}, units, rows, columns], got {tuple(maps.shape)}",
    )
    require(finite(maps), "maps must be finite, got NaN or infinity")
    _check_share(quantile=quantile, iou=iou)
    known = survey(concepts, None, len(concepts))
    positions = maps[0, 0].numel()
    enlarge = enlarge or Enlarging.evenly(known.size, (int(maps.shape[2]), int(maps.shape[3])))
    return _dissect(lambda: iter([(maps, concepts.labels)]), known, positions, enlarge, quantile, iou, "")


def unit_pixels(
    maps: Activations, thresholds: Float[Tensor, "units"], enlarge: Enlarging
) -> Bool[Tensor, "batch units height width"]:
    """Where each unit is above its threshold, at the size of the image.

    >>> unit_pixels(torch.tensor([[[[0.0, 1.0]]]]), torch.tensor([0.5]), Enlarging.evenly((1, 4), (1, 2)))
    tensor([[[[False, False,  True,  True]]]])
    """
    height, width = enlarge.size
    found = torch.zeros(*maps.shape[:2], height * width, dtype=torch.bool, device=maps.device)
    for image, unit, pixel in active_pixels(maps, thresholds.to(maps), enlarge):
        found[image, unit, pixel] = True
    return found.unflatten(2, (height, width))


def _dissect(
    run: Callable[[], Iterator[Seen]],
    known: Survey,
    positions: int,
    enlarge: Enlarging,
    quantile: float,
    iou: float,
    layer: str,
) -> DissectionReport:
    quantiles = UpperQuantile(quantile, known.images * positions)
    for maps, _ in run():
        quantiles.add(maps)
    thresholds = quantiles.thresholds()

    def tables(maps: Activations, labels: Mapping[str, Tensor]) -> Tables:
        seen = [labelled_pixels(labels[name].to(maps.device), len(names)) for name, names in known.names.items()]
        return tables_at(thresholds, enlarge, maps, seen)

    return DissectionReport(
        iou=reduce(Tables.__add__, starmap(tables, run())).iou(),
        thresholds=thresholds,
        concepts=tuple(one for names in known.names.values() for one in names),
        categories=tuple(category for category, names in known.names.items() for _ in names),
        least=iou,
        layer=layer,
        enlarging=enlarge,
    )


def _seen(
    model: nn.Module, layer: str, parts: Callable[[], Iterator], reshape: Reshape | None, rotation: Rotation | None
) -> Iterator[Seen]:
    for images, labels in parts():
        with torch.no_grad():
            maps = run_to(model, layer, images.to(device_of(model)))
        maps = maps if reshape is None else reshape(maps)
        require(
            maps.ndim == 4 and maps.numel() > 0,
            f"layer {layer!r} gives {tuple(maps.shape)}, which is no grid [batch, units, rows, columns]: choose an "
            f"earlier layer, or say with reshape= how to make a grid of it",
        )
        require(finite(maps), f"layer {layer!r} gives NaN or infinite activations; check weights and images")
        maps = maps.float() if maps.element_size() < 4 else maps
        yield maps if rotation is None else rotated(maps, rotation), labels


def _alignment(
    model: nn.Module, layer: str, images: Images, grid: tuple[int, int], reshape: Reshape | None
) -> Enlarging:
    if reshape is not None:
        return Enlarging.evenly((int(images.shape[2]), int(images.shape[3])), grid)
    return Enlarging.on_centres(receptive_field(model, layer, images[:1]), grid)


def _check_share(**shares: float) -> None:
    for name, value in shares.items():
        require(isinstance(value, int | float) and 0 < value < 1, f"{name} must be above 0 and below 1, got {value!r}")
