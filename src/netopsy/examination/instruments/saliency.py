"""Where in an image the network looks, and whether covering that place takes its answer away."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import figure_grid, show_image, style
from netopsy.core.layers import INPUT
from netopsy.core.progress import track
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images, Maps
from netopsy.examination.finding import Finding, Picture
from netopsy.examination.instrument import Instrument
from netopsy.examination.instruments._saliency_methods import GRADIENT, METHODS, layer_label, layers, why_not
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.interpretability.norm_grad import combine_layers, norm_grad
from netopsy.interpretability.overlay import overlay

SHOWN, BATCH, MOST, FEWEST = 6, 32, 256, 12
SHARE = 2.0
COVERED = 0.2
"""Share of the pixels covered in the test of the maps."""
COMBINED = "all-layer NormGrad"


def examine(subject: Subject) -> Finding:
    """Maps of every method for a few images, and how much of the accuracy goes when their peaks are covered."""
    where = layers(subject)
    indices = subject.sample(_count(subject), correct=True)
    if len(indices) == 0:
        indices = subject.sample(_count(subject))
    by_method = _accuracies(subject, indices)
    whole = float((subject.predictions == subject.labels)[indices].float().mean())
    best = max(by_method, key=lambda name: by_method[name][1] - by_method[name][0])
    covered, elsewhere = by_method[best]
    percent = f"{100 * COVERED:.0f} %"
    shown = indices[:SHOWN]
    return Finding(
        sentence=(
            f"Covering the {percent} of each image that its {best} map points at leaves {100 * covered:.0f} % of the "
            f"answers right; covering the positions that another image's map points at leaves {100 * elsewhere:.0f} %."
        ),
        reading=(
            "Each row is an image, each column a method; the warmer a place, the more it counts for the class the "
            f"network chose. Maps are taken at {layer_label(where[-1])}, the gradient at the input"
            + (f", and for the last column multiplied over {len(where)} layers" if len(where) > 1 else "")
            + ". The more accuracy is lost under a map's own peaks than under another image's, the more that map shows "
            "what the network uses. Covered pixels are set to the mean of the data, which the network may never have "
            "seen in training, so compare the two numbers with each other and not with the accuracy on whole images."
        ),
        pictures=(
            Picture.of(
                _gallery(subject, shown),
                f"Saliency maps of {len(by_method)} methods over {len(shown)} images",
                f"What the network looks at, for {len(shown)} images it "
                + ("answers right." if subject.sample(1, correct=True).numel() else "answers wrong."),
            ),
        ),
        figures={"images": len(indices), "accuracy on whole images": round(whole, 4)}
        | {f"right after covering by {name}": round(own, 4) for name, (own, _) in by_method.items()},
        table=(
            ("method", f"right with its {percent} covered", "with another image's covered"),
            *((name, f"{100 * own:.1f} %", f"{100 * other:.1f} %") for name, (own, other) in by_method.items()),
        ),
        code=(
            "from netopsy.interpretability.norm_grad import norm_grad\n"
            "from netopsy.interpretability.overlay import overlay\n\n"
            "images = data.inputs[:6]\n"
            f"maps = norm_grad(model, images, model.eval()(images).argmax(1), {where[-1]!r})\n"
            "overlay(images, maps)"
        ),
    )


def _count(subject: Subject) -> int:
    return subject.affordable(_passes_an_image(subject), MOST, share=SHARE, fewest=FEWEST)


def _passes_an_image(subject: Subject) -> float:
    """For every method a forward and a backward pass, and two answers to covered images."""
    return 5.0 * len(_names(subject))


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return min(_count(subject), len(subject.data)) * _passes_an_image(subject)


def _names(subject: Subject) -> list[str]:
    return [*METHODS, COMBINED] if len(layers(subject)) > 1 else list(METHODS)


def maps_of(subject: Subject, name: str, images: Images) -> Maps:
    """The maps of one method for the classes the network chooses."""
    where, target = layers(subject), evaluate_outputs(subject.model, images).argmax(1)
    if name == COMBINED:
        by_layer = norm_grad(subject.model, images, target, list(where))
        assert isinstance(by_layer, dict)
        return combine_layers(by_layer)
    if name == GRADIENT:  # the classic gradient map is the one at the input
        return METHODS[name](subject.model, images, target, layer=INPUT)
    return METHODS[name](subject.model, images, target, layer=where[-1])


def _accuracies(subject: Subject, indices: Tensor) -> dict[str, tuple[float, float]]:
    """For each method, accuracy with every image covered by its own map and by that of another image."""
    hits: dict[str, list[Tensor]] = {name: [] for name in _names(subject)}
    for some in track(indices.split(BATCH), "covering images"):
        for name in hits:
            maps = maps_of(subject, name, subject.data.inputs[some].to(subject.device))
            hits[name].append(right_when_covered(subject, some, maps))
    means = {name: torch.cat(right, 1).float().mean(1).tolist() for name, right in hits.items()}
    return {name: (own, elsewhere) for name, (own, elsewhere) in means.items()}


def right_when_covered(subject: Subject, indices: Tensor, maps: Maps) -> Tensor:
    """``[2, batch]``: whether each image is answered right when covered by its own map, and by its neighbour's."""
    images, labels = subject.data.inputs[indices], subject.labels[indices]
    maps = maps.to(images.device)
    other = maps.roll(1, 0) if len(maps) > 1 else maps.flip(1, 2)
    answers = [evaluate_outputs(subject.model, covered(images, each, subject)).argmax(1) for each in (maps, other)]
    return torch.stack(answers) == labels


def covered(images: Images, maps: Maps, subject: Subject) -> Images:
    """The images with the pixels where their map is highest set to the data's mean."""
    count = max(1, round(COVERED * maps[0].numel()))
    # Equal values (a constant map, a flat background) are covered in random order, not from the first pixel on.
    noise = torch.rand(maps.shape, generator=generator(0)).to(maps.device)
    order = maps.flatten(1) + 1e-6 * noise.flatten(1)
    mask = torch.zeros_like(order, dtype=torch.bool).scatter(1, order.topk(count).indices, True).view_as(maps)
    mean = subject.data.inputs.mean((0, 2, 3), keepdim=True).to(images)
    return torch.where(mask[:, None], mean, images)


def _gallery(subject: Subject, indices: Tensor) -> Figure:
    names = _names(subject)
    images = subject.data.inputs[indices]
    columns = len(names) + 1
    drawn, axes = figure_grid(len(indices), columns, 1.15 * columns, 1.15 * len(indices) + 0.3)
    shown = subject.data.images[indices].cpu().float()
    with style():
        for row, (place, index) in enumerate(zip(axes[:, 0], indices.tolist(), strict=True)):
            show_image(place, shown[row], limits=(float(shown[row].min()), float(shown[row].max())))
            place.text(
                -0.06,
                0.5,
                subject.class_label(int(subject.predictions[index]), 14),
                transform=place.transAxes,
                ha="right",
                va="center",
                fontsize=8,
            )
        for column, name in enumerate(names, start=1):
            maps = maps_of(subject, name, images.to(subject.device)).cpu()
            overlay(subject.data.images[indices].cpu().float(), maps, axes[:, column])
            axes[0, column].set_title(name.replace(" ", "\n", 1), fontsize=7, loc="center")
        axes[0, 0].set_title("image", fontsize=7, loc="center")
    return drawn


INSTRUMENT = Instrument(
    name="saliency",
    title="Where it looks",
    chapter="what it looks at",
    examine=examine,
    applies=why_not,
    papers=("norm-grad",),
    order=10,
    passes=passes,
    worth=20,
)
