"""Walk from a picture to one of another class while a network's answer stays; and from held-out images."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import PALETTE, figure_grid, style
from netopsy.core.errors import InputError, lookup
from netopsy.core.finding import Finding, Picture
from netopsy.core.image_drawing import show_image
from netopsy.core.seeds import derive
from netopsy.lab.given import Image, Network
from netopsy.lab.image_inputs import ReadAs
from netopsy.lab.one_picture import OPTIONS, Asked, ask
from netopsy.lab.recipes import IMAGE, NETWORK, Option, PaperRecipe
from netopsy.robustness.level_set_traversal import (
    TraversalResult,
    level_set_traversal,
    path_confidence,
    straight_line,
)
from netopsy.robustness.queries import Queries

STEPS, TOLERANCE, EVERY = 100, 0.2, 5
WALKING: dict[str, Any] = {"steps": STEPS, "step_size": 4 / STEPS, "conf_tol": TOLERANCE, "record_every": EVERY}
"""So many steps come as near as the published 400: 1.5 % of the way would be left."""
ADVERSARIAL = WALKING["step_size"] / 100
WALK, PROJECTED, STRAIGHT = "the walk", "projection alone", "the straight line"
COLORS = {WALK: PALETTE[1], PROJECTED: PALETTE[2], STRAIGHT: PALETTE[5]}


def run(network: Network, picture: Image, *, read_as: ReadAs, shows: str, target: str, seed: int) -> Finding:
    """How far the walk comes with the answer kept, beside the straight line and the projection alone."""
    asked = ask(network, picture, read_as=read_as, shows=shows)
    goal, to = _target(asked, network, target)
    found = _walks(asked, to, seed)
    share = {name: _covered(each) for name, each in found.items()}
    ends = {name: each.final[0] for name, each in found.items()}
    nearest = {name: _nearest(asked, end, to, network) for name, end in ends.items()}
    name, sure = asked.names[goal], {name: float(each.final_conf[0]) for name, each in found.items()}
    return Finding(
        sentence=f"{asked.said} The walk covers {_percent(share[WALK])} of the way to a {name} and ends answered "
        f"{asked.answer_to(ends[WALK][None])[0]} with {sure[WALK]:.2f} for {asked.name}; the straight line covers "
        f"{_percent(share[STRAIGHT])}, projection alone {_percent(share[PROJECTED])}.",
        verdict="doubtful" if asked.wrong else "plain",
        reading=f"{asked.reading} The walk goes from the picture to a held-out image that the network answers {name}, "
        f"and leaves out of each step what would lower the confidence in {asked.name}; a step to where it is more than "
        f"{TOLERANCE:g} lower is not made. The end should look like the picture to deserve its confidence: where it "
        "looks like the target, that lies inside the region which the network calls by the first answer. The straight "
        "line mixes both images as long as the confidence lasts; projection alone is the walk without its small moves "
        "that win confidence back. Where the straight line comes as far, the walk has shown nothing. Such images are "
        "made on purpose and say nothing of mistakes by chance.",
        pictures=(
            asked.shown(),
            Picture.of(
                _images(asked, ends, to, sure),
                f"The picture, the ends of the three ways and the target, with the confidence in {asked.name}",
            ),
            Picture.of(
                _ways(asked, found, to),
                f"The confidence in {asked.name} on the three ways, and straight to the end of the walk and the target",
            ),
        ),
        figures=asked.figures
        | {"class of the target": name}
        | {f"share of the way, {each}": round(value, 4) for each, value in share.items()}
        | {f"confidence at the end of {each}": round(value, 4) for each, value in sure.items()},
        table=(
            ("way", "share covered", f"confidence in {asked.name}", "answer at its end", "most like the target"),
            *(
                (each, _percent(share[each]), f"{sure[each]:.2f}", asked.answer_to(ends[each][None])[0], nearest[each])
                for each in found
            ),
        ),
        code=_code(asked, goal),
    )


def _target(asked: Asked, network: Network, wanted: str) -> tuple[int, Tensor]:
    """The class to walk to, and the held-out image of which the network is surest that it is of this class.

    By default it is the class that comes second for the picture, of those that it answers at all.
    """
    scores = Queries(asked.model)(network.data.images.clamp(0, 1))
    said, sure = scores.argmax(1), scores.softmax(1)
    known = [number for number in said.unique().tolist() if number != asked.answer]
    if not known:
        raise InputError("the network must give two answers or more, and it answers all held-out images like this one")
    if wanted:
        names = {asked.names[number]: number for number in known}
        goal = lookup("class to walk to", wanted, names)
    else:
        goal = max(known, key=lambda number: float(asked.probabilities[number]))
    best = torch.where(said == goal, sure[:, goal], -1.0).argmax()
    return goal, network.data.images[best].clamp(0, 1)


def _walks(asked: Asked, to: Tensor, seed: int) -> dict[str, TraversalResult]:
    pair = (asked.model, asked.image[None], torch.tensor([asked.answer]), to[None])
    own = derive(seed, "noise")
    return {
        WALK: level_set_traversal(*pair, adv_step=ADVERSARIAL, seed=own, **WALKING),
        PROJECTED: level_set_traversal(*pair, adv_step=0, seed=own, **WALKING),
        STRAIGHT: straight_line(*pair, seed=own, **WALKING),
    }


def _covered(found: TraversalResult) -> float:
    """The share of the distance to the target that is gone; 0 where both images are the same."""
    return float((1 - found.remaining).nan_to_num(0.0, 0.0, 0.0).clamp(0, 1)[0])


def _nearest(asked: Asked, end: Tensor, to: Tensor, network: Network) -> str:
    """Whether of the held-out images and the picture itself the target is the nearest by its pixels."""
    others = torch.cat([network.data.images, asked.image[None]]).flatten(1)
    own = float((end - to).norm())
    return "yes" if own <= float(torch.cdist(end.flatten()[None], others).min()) + 1e-6 else "no"


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"


@style()
def _images(asked: Asked, ends: dict[str, Tensor], to: Tensor, sure: dict[str, float]) -> Figure:
    shown = {"the picture": asked.image} | {f"end of\n{name}": end for name, end in ends.items()} | {"the target": to}
    confidences = [asked.confidence, *sure.values(), float(asked.confidence_in(to[None])[0])]
    drawn, axes = figure_grid(1, len(shown), 1.45 * len(shown), 2.1)
    for ax, (name, image), confidence in zip(axes[0], shown.items(), confidences, strict=True):
        show_image(ax, image, limits=(0.0, 1.0), largest=96)
        ax.set_title(name, fontsize=8, loc="center")
        ax.set_xlabel(f"{asked.name}: {confidence:.2f}", fontsize=8)
    return drawn


@style()
def _ways(asked: Asked, found: dict[str, TraversalResult], to: Tensor) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.4, 2.9)
    for name, each in found.items():
        assert each.images is not None
        assert each.confidences is not None
        left = (each.images[0] - to).flatten(1).norm(dim=1) / (asked.image - to).norm().clamp_min(1e-12)
        axes[0, 0].plot(100 * (1 - left), each.confidences[0], color=COLORS[name], marker="o", markersize=3, label=name)
    axes[0, 0].set(xlabel="share of the way covered (%)", ylabel=f"confidence in {asked.name}", ylim=(-0.03, 1.03))
    axes[0, 0].legend()
    start, answer = asked.image[None], torch.tensor([asked.answer])
    for name, end, color in (
        ("to the end of the walk", found[WALK].final, PALETTE[1]),
        ("to the target", to[None], PALETTE[0]),
    ):
        path_confidence(asked.model, start, end, answer).plot(axes[0, 1], name=name, color=color)
    return drawn


def _code(asked: Asked, goal: int) -> str:
    options = ", ".join(f"{name}={value:g}" for name, value in WALKING.items() if name != "record_every")
    return (
        f"{asked.code}\n\n"
        "import torch\n"
        "from netopsy.robustness.level_set_traversal import level_set_traversal, straight_line\n\n"
        "scores = model(data.images).detach()\n"
        f"to = (scores.softmax(1)[:, {goal}] * (scores.argmax(1) == {goal})).argmax()\n"
        f"pair = model, image[None], torch.tensor([{asked.answer}]), data.images[[int(to)]]\n"
        f"found = level_set_traversal(*pair, adv_step={ADVERSARIAL:g}, {options})\n"
        f"found.plot(straight=straight_line(*pair, {options}))"
    )


RECIPE = PaperRecipe(
    paper="level-set-traversal",
    title="Find what a network does not notice about your picture",
    shows="How far your picture can change towards one of another class while the network stays as sure of its "
    "answer as before, beside the straight line; and the same from held-out images.",
    takes=(NETWORK, IMAGE),
    run=run,
    instruments=("level-set-traversal",),
    options=(*OPTIONS, Option("target", "The class to walk to, such as 8; the one that comes second where empty", "")),
)
