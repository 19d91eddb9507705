"""Make a picture again from what each layer keeps of it; and ask a network's units what they stand for."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.capture import layer_activations
from netopsy.core.drawing import PALETTE, figure, figure_grid, label, style
from netopsy.core.errors import InputError, require
from netopsy.core.finding import Finding, Picture
from netopsy.core.image_drawing import show_image
from netopsy.core.seeds import derive
from netopsy.interpretability.cnn_visualization import balanced_weights, invert_representation
from netopsy.lab.given import Image, Network
from netopsy.lab.image_inputs import ReadAs
from netopsy.lab.one_picture import OPTIONS, Asked, ask
from netopsy.lab.recipes import IMAGE, NETWORK, Option, PaperRecipe
from netopsy.robustness.queries import Queries
from netopsy.sparsity.lottery_ticket.controls import reinitialise

MOST = 4
"""Layers, spread over the depth."""
STRENGTH, RATE = 1e-3, 0.05
"""Of the penalties, the same at every layer; and of the search."""


@dataclass(frozen=True, eq=False)
class Again:
    """The picture made again from one layer, of the network and of one with weights drawn anew."""

    layer: str
    image: Tensor
    fresh: Tensor
    error: float
    """Squared distance from the picture, relative to that of the mean image."""
    fresh_error: float


def run(network: Network, picture: Image, *, read_as: ReadAs, shows: str, steps: int, seed: int) -> Finding:
    """What each of a few layers still knows of one picture, beside the same network before any training."""
    asked = ask(network, picture, read_as=read_as, shows=shows)
    images = network.data.images.clamp(0, 1)
    found = _made_again(asked, images, steps, seed)
    near = _nearest(asked, images)
    first, last = found[0], found[-1]
    gone = next((each.layer for each in found if each.error > near), None)
    turn = (
        f"from {gone} on it is no nearer to your picture than another image of that answer is"
        if gone is not None
        else "at every layer it is nearer to your picture than any other image of that answer"
    )
    return Finding(
        sentence=f"{asked.said} Made again from {first.layer} the picture is {_off(first.error)} off, from "
        f"{last.layer} {_off(last.error)} ({_off(first.fresh_error)} and {_off(last.fresh_error)} with weights drawn "
        f"anew); {turn}.",
        verdict="doubtful" if asked.wrong else "plain",
        reading=f"{asked.reading} Each image was found by a search of {steps} steps, from the mean of the held-out "
        "images on, for one that gives the layer the same output as the picture: where it differs to the eye, the "
        "layer does not keep what differs, or the search has not found it. How far it is off is the squared distance "
        "from the picture relative to that of the mean image: 0 % is the picture, 100 % no nearer than the mean. The "
        f"nearest held-out image with the same answer is {_off(near)} off: what is farther shows a class and not your "
        "picture. The lower row is the control, the same network with weights drawn anew: what it keeps too is kept "
        "by the shape of the network and not by what it has learned.",
        pictures=(
            asked.shown(),
            Picture.of(
                _drawn(asked, found),
                f"The picture, and what can be made of it from {len(found)} layers, trained above and untrained below",
            ),
            Picture.of(_errors(found, near), "How far off the images are, layer by layer, trained and untrained"),
        ),
        figures=asked.figures
        | {f"error at {each.layer}": round(each.error, 4) for each in found}
        | {"error of the nearest held-out image": round(near, 4)},
        table=(
            ("layer", "off", "off, weights drawn anew", "answer to the image"),
            *(
                (each.layer, _off(each.error), _off(each.fresh_error), asked.answer_to(each.image[None])[0])
                for each in found
            ),
        ),
        code=f"{asked.code}\n\n"
        "from netopsy.interpretability.cnn_visualization import invert_representation\n\n"
        f"mean = data.images.mean(0, keepdim=True)\n"
        f"invert_representation(model, {last.layer!r}, image[None], init=mean, steps={steps}, lr={RATE:g}).plot()",
    )


def _made_again(asked: Asked, images: Tensor, steps: int, seed: int) -> list[Again]:
    layers = _layers(asked)
    require(layers, "the network must have a convolution or a dense layer to make the picture again from")
    fresh = reinitialise(asked.model, init="he_normal", seed=derive(seed, "drawn anew"))
    mean = images.mean(0, keepdim=True)
    whole = float((mean[0] - asked.image).square().sum().clamp_min(1e-9))
    found = []
    for layer in layers:
        made = [_inverted(model, layer, asked.image, mean, steps, seed) for model in (asked.model, fresh)]
        errors = [float((each - asked.image).square().sum()) / whole for each in made]
        found.append(Again(layer, made[0], made[1], errors[0], errors[1]))
    return found


def _layers(asked: Asked) -> list[str]:
    """Convolutions and dense layers that the forward pass reaches, spread over the depth."""
    named = [name for name, each in asked.model.named_modules() if name and isinstance(each, nn.Conv2d | nn.Linear)]
    reached = [name for name in named if _reached(asked, name)]
    places = torch.linspace(0, len(reached) - 1, min(MOST, len(reached))).round().int().tolist()
    return [reached[place] for place in places]


def _reached(asked: Asked, layer: str) -> bool:
    try:
        layer_activations(asked.model, asked.image[None], layer)
    except InputError:
        return False
    return True


def _inverted(model: nn.Module, layer: str, image: Tensor, mean: Tensor, steps: int, seed: int) -> Tensor:
    weights = balanced_weights(STRENGTH, (image.shape[1], image.shape[2]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a layer gives no gradient is seen: its image stays the mean
        found = invert_representation(
            model,
            layer,
            image[None],
            lambda_alpha=weights["lambda_alpha"],
            lambda_tv=weights["lambda_tv"],
            steps=steps,
            lr=RATE,
            init=mean,
            seed=derive(seed, layer),
        )
    return found.images[0]


def _nearest(asked: Asked, images: Tensor) -> float:
    """How far off the nearest held-out image is that the network answers alike, the picture itself left out."""
    away = (images - asked.image).flatten(1).square().sum(1)
    alike = (Queries(asked.model)(images).argmax(1) == asked.answer) & (away > 0)
    require(alike.any(), f"the network must answer a held-out image {asked.name}, and it answers none so")
    return float(away[alike].min() / (images.mean(0) - asked.image).square().sum().clamp_min(1e-9))


def _off(error: float) -> str:
    return f"{100 * error:.0f} %"


@style()
def _drawn(asked: Asked, found: list[Again]) -> Figure:
    columns = len(found) + 1
    drawn, axes = figure_grid(2, columns, 1.45 * columns, 3.4)
    for line, name in zip(axes, ("trained", "weights\ndrawn anew"), strict=True):
        show_image(line[0], asked.image, limits=(0.0, 1.0), largest=96)
        line[0].set_ylabel(name, fontsize=8)
    axes[0, 0].set_title("picture", fontsize=8, loc="center")
    for column, each in enumerate(found, start=1):
        for line, image, error in ((0, each.image, each.error), (1, each.fresh, each.fresh_error)):
            show_image(axes[line, column], image, limits=(0.0, 1.0), largest=96)
            axes[line, column].set_xlabel(f"{_off(error)} off", fontsize=8)
        axes[0, column].set_title(label(each.layer, 16), fontsize=8, loc="center")
    return drawn


@style()
def _errors(found: list[Again], near: float) -> Figure:
    drawn, ax = figure(5.2, 2.7)
    places = range(len(found))
    ax.plot(places, [100 * each.error for each in found], color=PALETTE[1], marker="o", label="trained")
    ax.plot(
        places, [100 * each.fresh_error for each in found], color=PALETTE[5], marker="o", label="weights drawn anew"
    )
    ax.axhline(100 * near, color=PALETTE[0], linestyle=":", label="nearest held-out image")
    ax.set_xticks(places, [label(each.layer, 12) for each in found])
    ax.set(ylabel="off (%)", ylim=(0, None))
    ax.legend()
    return drawn


RECIPE = PaperRecipe(
    paper="cnn-visualization",
    title="See what each layer still knows of your picture",
    shows="Your picture made again from what each layer keeps of it, beside an untrained network; then the images that "
    "classes and units like best, and which colours, textures and shapes units detect.",
    takes=(NETWORK, IMAGE),
    run=run,
    instruments=("preferred-images", "reconstruction", "projections", "dissection"),
    options=(*OPTIONS, Option("steps", "Steps of each search", 60, low=10, high=1000)),
)
