"""What the network was fed: shape, range and statistics of its inputs, with a few of them as it sees them."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from netopsy.core.drawing import figure_grid
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.image_drawing import show_image
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject

SHOWN, LOOKED_AT = 4, 512
SLACK = 1e-3


def examine(subject: Subject) -> Finding:
    """Shape, range, mean and deviation of the inputs, and whether they fit the standardisation that was given."""
    data = subject.data
    inputs = data.inputs[subject.sample(LOOKED_AT)].float()
    low, high, mean, spread = (float(each) for each in (inputs.min(), inputs.max(), inputs.mean(), inputs.std()))
    shape = "×".join(map(str, inputs.shape[1:]))
    figures: dict[str, Number] = {
        "shape": shape,
        "type": str(data.inputs.dtype).removeprefix("torch."),
        "lowest": round(low, 4),
        "highest": round(high, 4),
        "mean": round(mean, 4),
        "standard deviation": round(spread, 4),
        "samples": len(data),
    }
    if data.normalisation is not None:
        figures["mean taken off"] = _listed(data.normalisation.mean)
        figures["divided by"] = _listed(data.normalisation.std)
    odd = _oddity(subject, low, high, mean, spread)
    scaled = "standardised" if data.normalisation is not None else "not standardised"
    return Finding(
        sentence=(
            f"It was fed {len(data):,} samples of {shape}, from {low:.3g} to {high:.3g}, mean {mean:.3g}, standard "
            f"deviation {spread:.3g}, {scaled} here." + (f" {odd}" if odd else "")
        ),
        glance=f"{shape}, {low:.3g} to {high:.3g}, {scaled}",
        verdict="doubtful" if odd else "plain",
        advice=(
            "Compare with the network's training: `--mean`, `--std`, `--size`, `--resize` and `--interpolation` set "
            "what is fed in."
        ),
        reading=(
            "These are numbers and images as they enter the network, after resizing, cropping and standardising. A "
            "network that was trained on other ranges, colours in another order or another crop answers worse, and "
            "everything below then speaks of the wrong inputs."
        ),
        pictures=(
            (
                Picture.of(
                    _draw(subject), f"{SHOWN} inputs as the network sees them", "Inputs as the network sees them."
                ),
            )
            if subject.is_image_model
            else ()
        ),
        figures=figures,
        code="print(data.inputs.shape, data.inputs.min(), data.inputs.max(), data.inputs.mean(), data.inputs.std())",
    )


def _oddity(subject: Subject, low: float, high: float, mean: float, spread: float) -> str:
    """What does not fit, in a sentence; empty where nothing is odd."""
    data = subject.data
    if not data.inputs.is_floating_point() or not subject.is_image_model:
        return ""
    images = data.images[subject.sample(LOOKED_AT)].float()
    if data.normalisation is not None:
        least, most = float(images.min()), float(images.max())
        if least < -SLACK or most > 1 + SLACK:
            return (
                f"With that mean and deviation the images would reach from {least:.3g} to {most:.3g}, and pixels are "
                "from 0 to 1: the standardisation does not fit these data."
            )
        return ""
    if high > 2 and low >= 0:
        return "Pixels up to 255 are what few networks are trained on: most expect 0 to 1, or standardised values."
    if spread < SLACK:
        return "All inputs are nearly alike."
    return ""


def _listed(numbers: torch.Tensor) -> str:
    return ", ".join(f"{each:.3g}" for each in numbers.flatten().tolist())


def _draw(subject: Subject) -> Figure:
    chosen = subject.sample(SHOWN)
    drawn, axes = figure_grid(1, len(chosen), 1.4 * len(chosen), 1.6)
    inputs = subject.data.inputs[chosen].cpu().float()
    limits = float(inputs.min()), float(inputs.max())
    for place, image, index in zip(axes[0], inputs, chosen.tolist(), strict=True):
        show_image(place, image, limits=limits, largest=128)
        place.set_title(subject.class_label(int(subject.labels[index]), 16), fontsize=8, loc="center")
    return drawn


INSTRUMENT = Instrument(
    name="inputs",
    title="What it was fed",
    chapter="what it is",
    examine=examine,
    term="preprocessing",
    order=15,
)
