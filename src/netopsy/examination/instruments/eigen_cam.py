"""What stands out in the last grid of the network, whatever class it goes on to name."""

from __future__ import annotations

import torch
from torch import Tensor

from netopsy.core.capture import layer_activations
from netopsy.core.drawing import image_grid
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.progress import track
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.instruments._covering import right_when_covered
from netopsy.examination.instruments._saliency_methods import why_not as no_images
from netopsy.examination.subject import Subject
from netopsy.interpretability.eigen_cam import eigen_cam, eigen_cam_from_activations, last_grid_layer
from netopsy.interpretability.overlay import overlay
from netopsy.lab.covering import COVERED

SHOWN, COLUMNS, BATCH, MOST, FEWEST = 8, 4, 64, 256, 12
PASSES = 4.0
"""Of one image: its activations, its map, and two answers to covered images."""


def _count(subject: Subject) -> int:
    return subject.affordable(PASSES, MOST, fewest=FEWEST)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return min(_count(subject), len(subject.data)) * PASSES


def why_not(subject: Subject) -> str | None:
    """The reason why there is no map, if there is one."""
    if (reason := no_images(subject)) is not None:
        return reason
    return None if layer_of(subject) is not None else "no layer of this network keeps a grid of positions"


def layer_of(subject: Subject) -> str | None:
    """The last layer the caller asked for, otherwise the last whose output is a grid."""
    if subject.layers_wanted or subject.views:
        return (subject.layers_wanted or subject.views)[-1]
    try:
        return last_grid_layer(subject.model, subject.data.inputs[:1].to(subject.device))
    except InputError:
        return None


def examine(subject: Subject) -> Finding:
    """How much of the layer one pattern makes up, and what covering the positions where it is strong takes away."""
    layer = layer_of(subject)
    if layer is None:
        raise NotNow("no layer of this network keeps a grid of positions")
    indices = subject.sample(_count(subject))
    explained, masked, other = _measure(subject, layer, indices)
    whole = float((subject.predictions == subject.labels)[indices].float().mean())
    share, percent = float(explained.median()), f"{100 * COVERED:.0f} %"
    shown = indices[:SHOWN]
    images = subject.data.inputs[shown]
    maps = eigen_cam(subject.model, images.to(subject.device), layer)
    assert isinstance(maps, Tensor)
    pictures = subject.data.images[shown].cpu().float()
    titles = [subject.class_label(int(subject.predictions[index]), 14) for index in shown]
    return Finding(
        sentence=(
            f"One pattern makes up {100 * share:.0f} % of what layer {layer} puts out for an image; covering the "
            f"{percent} of the image where it is strongest leaves {100 * masked:.0f} % of the answers right, covering "
            f"another image's positions {100 * other:.0f} %."
        ),
        glance=f"one pattern makes up {100 * share:.0f} % of {layer}",
        advice=(
            "Use it to see what catches the network's eye, not to explain an answer."
            if masked < other
            else "What stands out is not what the answers depend on: do not explain answers by it."
        ),
        reading=(
            "The warmer a position, the further the activations there lie along the layer's first principal direction "
            "(Eigen-CAM). No class was asked about and nothing behind the layer was used, so the map shows what stands "
            "out to the network and not why it gave its answer: with two objects in an image it cannot choose one, and "
            "it looks the same under a wrong answer. The share is the median over the images of the first direction's "
            "part in the sum of squares; where it is small, other patterns are left out of the picture. If the two "
            "accuracies are close, what stands out is not what the answers depend on."
        ),
        pictures=(
            Picture.of(
                overlay(pictures, maps.cpu(), image_grid(len(shown), COLUMNS, 1.5, 1.7), titles=titles),
                f"Eigen-CAM over {len(shown)} images",
                f"What stands out at {layer}, with the class the network names.",
            ),
        ),
        figures={
            "images": len(explained),
            "accuracy on whole images": round(whole, 4),
            "share of the first direction": round(share, 4),
            "right after covering its own positions": round(masked, 4),
            "right after covering another image's": round(other, 4),
        },
        code=(
            "from netopsy.interpretability.eigen_cam import eigen_cam\n"
            "from netopsy.interpretability.overlay import overlay\n\n"
            f"images = data.inputs[:{SHOWN}]\n"
            f"overlay(images, eigen_cam(model, images, {layer!r}))"
        ),
    )


def _measure(subject: Subject, layer: str, indices: Tensor) -> tuple[Tensor, float, float]:
    """Shares of the first direction, and accuracies with each image's own and another's positions covered."""
    shares, right = [], []
    for some in track(indices.split(min(BATCH, subject.batch_size)), "covering images"):
        images = subject.data.inputs[some].to(subject.device)
        values = layer_activations(subject.model, images, layer)[layer]
        shares.append(eigen_cam_from_activations(values).explained.cpu())
        maps = eigen_cam(subject.model, images, layer)
        assert isinstance(maps, Tensor)
        right.append(right_when_covered(subject, some, maps))
    masked, elsewhere = torch.cat(right, 1).float().mean(1).tolist()
    return torch.cat(shares), masked, elsewhere


INSTRUMENT = Instrument(
    name="eigen-cam",
    title="What stands out",
    term="Eigen-CAM",
    chapter="what it looks at",
    examine=examine,
    applies=why_not,
    papers=("eigen-cam",),
    order=15,
    passes=passes,
    worth=30,
)
