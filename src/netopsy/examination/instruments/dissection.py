"""Which colours, tones, textures and shapes single units stand for, and whether a rotated basis would do as well."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.capture import layer_activations
from netopsy.core.drawing import PALETTE, figure, figure_grid, label, style
from netopsy.core.finding import Finding, Picture
from netopsy.core.progress import track
from netopsy.core.shapes import Activations, Images
from netopsy.data.concept_images import ConceptImages, concept_images
from netopsy.examination.drawing import show_image
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject
from netopsy.interpretability.cnn_visualization.dissection import dissect_maps, unit_pixels
from netopsy.interpretability.cnn_visualization.dissection_report import DissectionReport
from netopsy.interpretability.cnn_visualization.rotation import random_rotation, rotated
from netopsy.interpretability.dissection.enlarging import Enlarging
from netopsy.interpretability.receptive_field import receptive_field

MOST, FEWEST, PIXELS, SMALLEST = 800, 60, 2**21, 6
"""Concept images, pixels of all of them together, and pixels a side."""
QUANTILE = 0.005
LARGE = 32
"""Pixels a side from which positions are taken to be equal parts of the image."""
ROTATIONS, UNITS, IMAGES = 5, 5, 4
"""Random bases, and units and images in the picture."""


def _count(subject: Subject) -> int:
    height, width = subject.data.inputs.shape[2:]
    most = min(MOST, PIXELS // (int(height) * int(width)))
    return subject.affordable(len(subject.spatial_layers), most, fewest=FEWEST)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return float(_count(subject) * len(subject.spatial_layers))


def why_not(subject: Subject) -> str | None:
    """The reason why no units can be matched with concepts, if there is one."""
    if not subject.is_image_model:
        return "it matches units with what is to be seen in images, and this network reads none"
    if min(subject.data.inputs.shape[2:]) < SMALLEST:
        return f"no concepts can be drawn in images of fewer than {SMALLEST} pixels a side"
    return None if subject.spatial_layers else "no layer of this network keeps a grid of positions"


@dataclass(frozen=True)
class Dissected:
    """A layer, its activations on the concept images, what its units detect, and what rotated bases do."""

    maps: Activations
    report: DissectionReport
    rotated: tuple[int, ...]


def examine(subject: Subject) -> Finding:
    """Every grid layer dissected, against random rotations of it, the last layer first."""
    height, width = (int(side) for side in subject.data.inputs.shape[2:])
    count = _count(subject)
    drawn = concept_images(count, size=(height, width), channels=subject.data.inputs.shape[1], seed=subject.seed)
    concepts = replace(drawn, images=as_inputs(drawn.images, subject))
    found: dict[str, Dissected] = {}
    for layer in track(subject.spatial_layers[::-1], "dissecting layers"):
        found[layer] = _dissected(subject, layer, concepts)
    best = max(found, key=lambda layer: (found[layer].report.unique, int(found[layer].report.detectors.sum())))
    one = found[best]
    report, total = one.report, len(one.report.concepts)
    most = list(report.counts())[:3]
    named = f", most often of {_listed(most)}" if most else ""
    other = sum(one.rotated) / len(one.rotated)
    return Finding(
        sentence=(
            f"At {best}, {int(report.detectors.sum())} of {len(report.iou)} units detect a concept, {report.unique} "
            f"distinct ones of {total}{named}: {'more than' if report.unique > other else 'no more than'} random "
            f"directions ({other:.1f})."
        ),
        glance=f"{int(report.detectors.sum())} of {len(report.iou)} units detect a concept, {report.unique} different",
        advice=(
            "Units with a concept can be named in explanations of this layer."
            if report.unique > other
            else "Do not name single units of this layer: random directions do as well."
        ),
        reading=(
            f"{count} images were drawn in the size and range of the data: figures of known "
            f"{_listed(list(drawn.names))}. A unit is said to detect a concept if the positions where it is in the top "
            f"{100 * QUANTILE:g} % of its activations and the pixels of the concept overlap by more than "
            f"{report.least:g}, intersection over union (network dissection). In the picture the unit's positions have "
            "a solid outline and the concept's a dashed one. If random directions of the same layer, mixtures of all "
            "units, find as many concepts, the units themselves are nothing special. The concepts are simple and not "
            "those of the data: a unit without a name here may well stand for something else, and one with a name for "
            "more than that."
        ),
        pictures=(
            *_best_units(one, drawn),
            Picture.of(
                _bars(found),
                f"Concepts detected by units and by random directions in {len(found)} layers",
                "Concepts that have a detector, by layer; a dot a random basis.",
            ),
        ),
        figures={"concept images": count, "concepts": total}
        | {f"units that detect at {layer}": int(each.report.detectors.sum()) for layer, each in found.items()}
        | {f"concepts detected at {layer}": each.report.unique for layer, each in found.items()}
        | {
            f"by random directions at {layer}": round(sum(each.rotated) / len(each.rotated), 2)
            for layer, each in found.items()
        },
        table=(
            ("layer", "units", "that detect", "concepts", "in random bases", "most detected"),
            *(_line(layer, found[layer]) for layer in subject.spatial_layers if layer in found),
        ),
        code=(
            "from netopsy.data.concept_images import concept_images\n"
            "from netopsy.interpretability.cnn_visualization import dissect\n\n"
            f"concepts = concept_images({count}, size=({height}, {width}), channels={subject.data.inputs.shape[1]})\n"
            "# scale concepts.images as your data are scaled\n"
            f"dissect(model, {best!r}, concepts).plot()"
        ),
    )


def as_inputs(images: Images, subject: Subject) -> Images:
    """Images in [0, 1] in the range of the subject's own, and standardised as those are."""
    pictures = subject.data.images[:256].float()
    low, high = float(pictures.min()), float(pictures.max())
    if low < -1e-3 or high > 1 + 1e-3:
        images = low + (high - low) * images
    normalisation = subject.data.normalisation
    shown = normalisation.apply(images) if normalisation else images
    return shown.to(subject.data.inputs.dtype)


def _dissected(subject: Subject, layer: str, concepts: ConceptImages) -> Dissected:
    parts = [
        layer_activations(subject.model, part.images.to(subject.device), layer)[layer]
        for part in concepts.batches(subject.batch_size)
    ]
    maps = torch.cat(parts).float()
    enlarge = _alignment(subject, layer, concepts.images[:1], (int(maps.shape[2]), int(maps.shape[3])))
    report = dissect_maps(maps, concepts, enlarge=enlarge, quantile=QUANTILE)
    report = replace(report, layer=layer)
    others: list[int] = []
    for _ in range(ROTATIONS):
        turn = random_rotation(maps.shape[1], seed=len(others)).to(maps)
        others.append(dissect_maps(rotated(maps, turn), concepts, enlarge=enlarge, quantile=QUANTILE).unique)
    return Dissected(maps, report, tuple(others))


def _alignment(subject: Subject, layer: str, image: Images, grid: tuple[int, int]) -> Enlarging:
    # On large images receptive fields take longer to measure than all the rest, and half a position's shift shows less.
    size = int(image.shape[2]), int(image.shape[3])
    if max(size) >= LARGE:
        return Enlarging.evenly(size, grid)
    return Enlarging.on_centres(receptive_field(subject.model, layer, image), grid)


def _line(layer: str, one: Dissected) -> tuple[str, ...]:
    report = one.report
    most = ", ".join(f"{name} ({count})" for name, count in list(report.counts().items())[:3])
    other = sum(one.rotated) / len(one.rotated)
    return (
        layer,
        str(len(report.iou)),
        str(int(report.detectors.sum())),
        str(report.unique),
        f"{other:.1f}",
        most or "–",
    )


def _best_units(one: Dissected, drawn: ConceptImages) -> tuple[Picture, ...]:
    """The units of the best match with different concepts, in the images where they are highest."""
    report = one.report
    order = report.best.argsort(descending=True).tolist()
    units = list({int(report.labels[unit]): unit for unit in reversed(order) if report.detectors[unit]}.values())
    units = sorted(units, key=lambda unit: -float(report.best[unit]))[:UNITS]
    if not units:
        return ()
    drawn_figure, axes = figure_grid(len(units), IMAGES, 1.25 * IMAGES + 1.6, 1.3 * len(units))
    for line, unit in zip(axes, units, strict=True):
        concept = int(report.labels[unit])
        category = report.categories[concept]
        number = drawn.names[category].index(report.concepts[concept])
        tops = one.maps[:, unit].flatten(1).amax(1).topk(IMAGES).indices
        regions = unit_pixels(one.maps[tops][:, unit : unit + 1], report.thresholds[unit : unit + 1], report.enlarging)
        there = drawn.labels[category][tops.cpu()] == number
        for ax, index, region, mask in zip(line, tops.tolist(), regions[:, 0].cpu(), there, strict=True):
            show_image(ax, drawn.images[index])
            _outline(ax, mask, PALETTE[0], "dashed")
            _outline(ax, region, PALETTE[1], "solid")
        with style():
            line[0].text(
                -0.1,
                0.5,
                f"unit {unit}\n{label(report.concepts[concept])}\n{float(report.best[unit]):.2f}",
                transform=line[0].transAxes,
                ha="right",
                va="center",
            )
    return (
        Picture.of(
            drawn_figure,
            f"{len(units)} units of {report.layer} and the concepts they detect, in {IMAGES} images each",
            f"Units of {report.layer} with the concept each matches best and the overlap, in the images where they are "
            "highest; solid: the unit, dashed: the concept.",
        ),
    )


def _outline(ax: Axes, mask: Tensor, color: str, kind: str) -> None:
    """The edge of a mask along the edges of its pixels."""
    if not bool(mask.any()):
        return
    height, width = mask.shape
    times = max(2, 96 // max(height, width))
    fine = torch.nn.functional.pad(mask.repeat_interleave(times, 0).repeat_interleave(times, 1), (1, 1, 1, 1))
    x = (torch.arange(width * times + 2) - 0.5) / times - 0.5
    y = (torch.arange(height * times + 2) - 0.5) / times - 0.5
    ax.contour(x, y, fine.float().numpy(), levels=[0.5], colors=[color], linestyles=[kind], linewidths=1.4)


def _bars(found: dict[str, Dissected]) -> Figure:
    layers = list(reversed(found))
    drawn, ax = figure(max(3.4, 1.1 * len(layers) + 1.6), 2.8)
    for place, layer in enumerate(layers):
        one = found[layer]
        ax.bar(place, one.report.unique, 0.5, color=PALETTE[0], label="units" if place == 0 else None)
        ax.plot(
            [place] * len(one.rotated), one.rotated, "o", color=PALETTE[1], label="random bases" if place == 0 else None
        )
    ax.set_xticks(range(len(layers)), [label(layer, 16) for layer in layers])
    ax.tick_params(axis="x", length=0)
    ax.grid(visible=False, axis="x")
    ax.set_ylabel("concepts detected")
    ax.set_ylim(0, max(1, *(max(each.report.unique, *each.rotated) for each in found.values())) * 1.25)
    handles, names = ax.get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    with style():
        ax.legend(list(once.values()), list(once), loc="upper left", ncols=2)
    return drawn


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


INSTRUMENT = Instrument(
    name="dissection",
    title="Which concepts its units detect",
    term="network dissection",
    chapter="what its units mean",
    examine=examine,
    applies=why_not,
    papers=("cnn-visualization",),
    order=30,
    passes=passes,
    beside=1.8,
    worth=70,
)
