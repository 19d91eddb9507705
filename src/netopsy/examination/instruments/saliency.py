"""Where in an image the network looks, and whether its answer goes when that is masked."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import figure_grid, style
from netopsy.core.finding import Finding, Picture
from netopsy.core.image_drawing import show_image
from netopsy.examination.instrument import Instrument
from netopsy.examination.instruments._covering import (
    COMBINED,
    Covered,
    count_of,
    covering,
    less_than_guessing,
    looked_at,
    maps_of,
    names_of,
    passes_an_image,
)
from netopsy.examination.instruments._saliency_methods import layer_label, layers, why_not
from netopsy.examination.subject import Subject
from netopsy.interpretability.overlay import overlay
from netopsy.lab.covering import COVERED
from netopsy.lab.saliency_methods import GRADIENT

SHOWN = 6


def examine(subject: Subject) -> Finding:
    """Maps of every method for a few images, and how much of the accuracy goes when their peaks are covered."""
    where, indices, found = layers(subject), looked_at(subject), covering(subject)
    whole = float((subject.predictions == subject.labels)[indices].float().mean())
    best = max(found, key=lambda name: found[name].gap.value)
    masked, other = found[best].shares
    percent = f"{100 * COVERED:.0f} %"
    shown = indices[:SHOWN]
    return Finding(
        sentence=(
            f"Masking the {percent} of pixels ranked highest by its {best} map leaves {100 * masked:.0f} % of "
            f"predictions correct; masking with another image's map leaves {100 * other:.0f} %."
            + ("" if found[best].points else " No map points at pixels that matter more than others.")
        ),
        glance=(
            f"{best} maps find pixels that matter ({100 * (other - masked):.0f} points)"
            if found[best].points
            else "no saliency map finds pixels that matter"
        ),
        verdict="good" if found[best].points else "doubtful",
        advice=(
            f"To explain single answers, use {best}"
            + (f" at {layer_label(where[-1])}" if best not in (GRADIENT, COMBINED) else "")
            + "; look through the images below for answers that rest on the background."
            if found[best].points
            else "Do not explain answers of this network by these maps; try other layers (`--layer`)."
        ),
        reading=(
            "Each row is an image, each column a method; the warmer a position, the more it counts for the class the "
            f"network chose. Maps are taken at {layer_label(where[-1])}, the gradient at the input"
            + (f", and for the last column multiplied over {len(where)} layers" if len(where) > 1 else "")
            + ". The more accuracy is lost under a map's own peaks than under another image's, the more that map shows "
            "what the network uses. A masked pixel gets the mean of its unmasked neighbours, so that no foreign "
            "colour comes in; compare the two numbers with each other and not with the accuracy on whole images."
            + less_than_guessing(subject, masked)
        ),
        pictures=(
            Picture.of(
                _gallery(subject, shown),
                f"Saliency maps of {len(found)} methods over {len(shown)} images",
                f"What the network looks at, for {len(shown)} images it "
                + ("answers right." if subject.sample(1, correct=True).numel() else "answers wrong."),
            ),
        ),
        figures={"images": len(indices), "accuracy on whole images": round(whole, 4)}
        | {f"right after covering by {name}": round(each.shares[0], 4) for name, each in found.items()},
        table=(
            ("method", f"right with its {percent} masked", "with another image's", "difference, 95 % interval"),
            *(
                (name, *(f"{100 * share:.1f} %" for share in each.shares), _points(each))
                for name, each in found.items()
            ),
        ),
        code=(
            "from netopsy.interpretability.norm_grad import norm_grad\n"
            "from netopsy.interpretability.overlay import overlay\n\n"
            "images = data.inputs[:6]\n"
            f"maps = norm_grad(model, images, model.eval()(images).argmax(1), {where[-1]!r})\n"
            "overlay(images, maps)"
        ),
    )


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return 1.25 * min(count_of(subject), len(subject.data)) * passes_an_image(subject)  # measured


def _points(one: Covered) -> str:
    gap = one.gap
    return f"{100 * gap.value:.1f} [{100 * gap.low:.1f}, {100 * gap.high:.1f}] points"


def _gallery(subject: Subject, indices: Tensor) -> Figure:
    names = names_of(subject)
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
    term="saliency",
    chapter="what it looks at",
    examine=examine,
    applies=why_not,
    papers=("norm-grad",),
    order=10,
    passes=passes,
    beside=1.5,
    worth=20,
)
