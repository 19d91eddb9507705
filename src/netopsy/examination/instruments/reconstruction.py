"""What each layer still knows of an image: the image made again from the layer's output alone."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from netopsy.core.drawing import label
from netopsy.core.finding import Finding, Picture
from netopsy.core.shapes import Images
from netopsy.examination.instrument import Instrument
from netopsy.examination.instruments._synthesis import (
    Range,
    pixel_range,
    search_for,
    small,
    weighted_layers,
    why_no_images,
)
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.interpretability.cnn_visualization import Inversion, balanced_weights, invert_representation
from netopsy.interpretability.gallery import gallery

SIZES = ((8, 5), (4, 4), (2, 3), (2, 2))
"""Images and layers, the more the smaller the network is."""
STEPS, FEWEST, SHARE = 150, 20, 2.0
STRENGTH = 1e-3
"""Of the penalties, the same at every layer."""


def why_not(subject: Subject) -> str | None:
    """The reason why nothing can be made again, if there is one."""
    if (reason := why_no_images(subject)) is not None:
        return reason
    return (
        None
        if weighted_layers(subject, SIZES[0][1])
        else "this network has no convolution and no dense layer to look at"
    )


def examine(subject: Subject) -> Finding:
    """Inversions of a few images at layers spread over the depth, and how far they are from the images."""
    count, depth, steps = _plan(subject)
    layers, pixels = weighted_layers(subject, depth), pixel_range(subject)
    indices = subject.sample(count)
    images = subject.data.inputs[indices]
    answers = subject.predictions[indices]
    away = pixels.shares(images) - pixels.shares(pixels.mean)
    rows, made, lost = [], [pixels.shares(images)], []
    for layer in layers:
        found = _invert(subject, layer, images, pixels, steps)
        again = pixels.shares(found.images)
        off = (again - made[0]).flatten(1).square().sum(1) / away.flatten(1).square().sum(1).clamp_min(1e-9)
        same = evaluate_outputs(subject.model, found.images).argmax(1) == answers
        lost.append(float(off.median()))
        rows.append((layer, lost[-1], float(found.feature_error.median()), float(same.float().mean())))
        made.append(again)
    first, last = rows[0], rows[-1]
    gone = next((layer for layer, error, _, _ in rows if error > 0.5), None)
    middle = (
        f"; {gone} is the first of {len(layers)} layers from which more than half is lost"
        if gone is not None
        else "; every layer keeps more than half"
    )
    return Finding(
        sentence=(
            f"Inverting {first[0]} recovers all but {_share(first[1])} of what sets an image apart from the average "
            f"image, inverting {last[0]} {_nearness(last[1])}{middle}."
        ),
        glance=(
            f"more than half of an image is lost from {gone} on" if gone is not None else "every layer keeps the image"
        ),
        advice="Take features for other tasks from a layer that still keeps what these need, above the first loss.",
        reading=(
            "Each row holds images found by a search, from the average image on, for one that gives the layer the same "
            "output as the image on top. To the layer the two are nearly alike (the feature error is the squared "
            "distance of the outputs relative to their size); where they differ to the eye, the layer does not keep "
            "what differs. The image error is the median squared distance from the image, relative to that of the "
            "average image: 0 is the image itself, 1 no nearer than the average. The search had "
            f"{steps} steps and mild penalties on large and rough values, the same at every layer: more steps would "
            "bring the early layers closer, and a trained decoder might find in the data's own regularities what a "
            "search cannot."
        ),
        pictures=(
            Picture.of(
                _draw(made, layers),
                f"{len(indices)} images, and what can be made of them from each of {len(layers)} layers",
                "The images, and below them what each layer knows of them.",
            ),
        ),
        figures={"images": len(indices), "steps": steps}
        | {f"image error at {row[0]}": round(row[1], 4) for row in rows},
        table=(
            ("layer", "image error", "feature error", "same answer"),
            *((name, f"{error:.3f}", f"{feature:.2g}", f"{100 * same:.0f} %") for name, error, feature, same in rows),
        ),
        code=(
            "from netopsy.interpretability.cnn_visualization import invert_representation\n\n"
            f"images = data.inputs[:{count}]\n"
            "limits = float(images.min()), float(images.max())\n"
            f"invert_representation(model, {layers[0]!r}, images, limits=limits, steps={steps}).plot()"
        ),
    )


def _share(error: float) -> str:
    return "less than 0.1 %" if error < 1e-3 else f"{100 * error:.{0 if error > 0.01 else 1}f} %"


def _nearness(error: float) -> str:
    return f"all but {_share(error)}" if error < 1 else "nothing of it"


def _invert(subject: Subject, layer: str, images: Images, pixels: Range, steps: int) -> Inversion:
    weights = balanced_weights(STRENGTH, (images.shape[2], images.shape[3]))
    return invert_representation(
        subject.model,
        layer,
        images.to(subject.device),
        lambda_alpha=weights["lambda_alpha"],
        lambda_tv=weights["lambda_tv"],
        steps=steps,
        lr=0.05,
        limits=pixels.limits,
        init=pixels.mean.expand(images.shape).to(subject.device),
        seed=subject.seed,
    )


def _plan(subject: Subject) -> tuple[int, int, int]:
    """Images, layers and steps of each search."""
    there = len(weighted_layers(subject, SIZES[0][1]))
    sizes = [(min(images, len(subject.data)), min(layers, there)) for images, layers in SIZES]
    return search_for(subject, sizes, steps=STEPS, fewest=FEWEST, share=SHARE)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    images, layers, steps = _plan(subject)
    return 3.0 * images * layers * steps


def _draw(made: list[Images], layers: tuple[str, ...]) -> Figure:
    count = len(made[0])
    names = ["image", *(label(layer, 16) for layer in layers)]
    return gallery(small(torch.cat(made)), columns=count, row_titles=names, limits=(0.0, 1.0))


INSTRUMENT = Instrument(
    name="reconstruction",
    title="What each layer still knows",
    term="inversion",
    chapter="what its units mean",
    examine=examine,
    applies=why_not,
    papers=("cnn-visualization",),
    order=20,
    passes=passes,
    beside=3.5,
    worth=110,
)
