"""Prove that a network's answer to a picture does not change; and its answers to held-out images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid, style
from netopsy.core.finding import Finding, Picture
from netopsy.core.image_drawing import show_image
from netopsy.core.seeds import derive, generator
from netopsy.lab.given import Image, Network
from netopsy.lab.image_inputs import ReadAs
from netopsy.lab.one_picture import OPTIONS, Asked, ask
from netopsy.lab.recipes import IMAGE, NETWORK, PaperRecipe
from netopsy.robustness.queries import Queries
from netopsy.robustness.safety_verification import certified_radius, read_network
from netopsy.training.attack import Attack, pgd

LEVELS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Radii that are asked about, in grey levels of 255."""
HALVINGS, REFINED, STEPS, NOISE = 8, 6, 20, 200
"""Of the proved radius and of the broken one; steps of an attack; random changes a radius."""
RELAXED = 5e7
"""Numbers in all layers times those of image and scores, up to which linear relaxation is within reach."""
PROVED, UNKNOWN, BROKEN = "proved", "unknown", "broken"
COLORS = {PROVED: PALETTE[2], UNKNOWN: PALETTE[5], BROKEN: PALETTE[1]}


@dataclass(frozen=True, eq=False)
class Safety:
    """What is known about changes of one picture, in grey levels of 255 a pixel."""

    proved: float
    """Up to here the answer stays; 0 where nothing could be proved."""
    broken: float
    """Here it changes; infinite where no such change was found."""
    changed: Tensor | None
    """The nearest picture found with another answer."""
    by_noise: tuple[int, ...]
    """Of `NOISE` random changes at each of the levels, those that changed the answer."""
    relaxed: bool
    """Whether linear relaxation was used, or intervals alone."""

    def state(self, level: float) -> str:
        """What is known about a radius."""
        return PROVED if level <= self.proved else BROKEN if level >= self.broken else UNKNOWN


def run(network: Network, picture: Image, *, read_as: ReadAs, shows: str, seed: int) -> Finding:
    """The radius that is proved, the one that is broken, and what lies between."""
    asked = ask(network, picture, read_as=read_as, shows=shows)
    found = _safety(asked, seed)
    how = "linear relaxation (CROWN)" if found.relaxed else "intervals alone, as the network is large"
    return Finding(
        sentence=f"{asked.said} {_said(asked, found)}",
        verdict="doubtful" if asked.wrong else "plain",
        reading=f"{asked.reading} A radius is proved where no image whose pixels differ from these by at most so much, "
        f"each by itself, gets another answer: shown by {how}, which is sound, in real arithmetic with a margin above "
        "what rounding can do. It is broken where projected gradient steps found such an image, which was run through "
        f"the network. Between the two nobody knows. {NOISE} random changes of full size at each radius are the "
        "control: that none of them changes an answer is no proof, as the attack shows. A proof says that the answer "
        "stays, and not that it is right.",
        pictures=(asked.shown(), *_pictures(asked, found)),
        figures=asked.figures
        | {"proved radius, grey levels": round(found.proved, 4)}
        | ({"broken radius, grey levels": round(found.broken, 4)} if math.isfinite(found.broken) else {})
        | {"linear relaxation": "yes" if found.relaxed else "no, intervals alone"},
        table=(
            ("grey levels", "what is known", f"of {NOISE} random changes, changed the answer"),
            *((f"{level:g}", found.state(level), str(by)) for level, by in zip(LEVELS, found.by_noise, strict=True)),
        ),
        code=f"{asked.code}\n\n"
        "from netopsy.robustness.safety_verification import certified_radius\n\n"
        f"radius = certified_radius(model, image[None], steps={HALVINGS}, most={LEVELS[-1]:g} / 255, "
        f"relaxed={found.relaxed})\n"
        "print(255 * radius)",
    )


def _said(asked: Asked, found: Safety) -> str:
    proved = (
        f"It is proved to keep this answer when each pixel changes by at most {found.proved:.2g} of 255 grey levels"
        if found.proved > 0
        else "No radius could be proved, however small"
    )
    if found.changed is None:
        return (
            f"{proved}; what lies between that and {LEVELS[-1]:g} stays unknown: no change was found that changes it."
        )
    other = asked.answer_to(found.changed[None])[0]
    return (
        f"{proved}; a change of {found.broken:.2g} that makes it {other} was found, and what lies between is unknown."
    )


def _safety(asked: Asked, seed: int) -> Safety:
    read, image = read_network(asked.model, asked.image), asked.image[None]
    numbers = sum(torch.Size(shape).numel() for shape in read.shapes)
    relaxed = numbers * (image.numel() + read.classes) <= RELAXED
    radius = certified_radius(asked.model, image, steps=HALVINGS, most=LEVELS[-1] / 255, relaxed=relaxed)
    proved = 255 * float(radius[0])
    changed, broken = _broken(asked, proved)
    random = generator(derive(seed, "noise"))
    noise = 2.0 * torch.randint(0, 2, (NOISE, *asked.image.shape), generator=random) - 1
    by_noise = tuple(_differing(asked, (image + noise * level / 255).clamp(0, 1)) for level in LEVELS)
    return Safety(proved, broken, changed, by_noise, relaxed)


def _differing(asked: Asked, images: Tensor) -> int:
    return int((Queries(asked.model)(images).argmax(1) != asked.answer).sum())


def _broken(asked: Asked, proved: float) -> tuple[Tensor | None, float]:
    """The nearest image found with another answer and its distance: at the levels, then by halving below."""
    low, best, reach = proved, None, math.inf
    for level in (each for each in LEVELS if each > proved):
        found = _attacked(asked, level)
        if found is not None:
            best, reach = found, level
            break
        low = level
    if best is None:
        return None, math.inf
    for _ in range(REFINED):
        middle = (low + reach) / 2
        found = _attacked(asked, middle)
        low, best, reach = (middle, best, reach) if found is None else (low, found, middle)
    return best, 255 * float((best - asked.image).abs().max())


def _attacked(asked: Asked, level: float) -> Tensor | None:
    attack = Attack(level / 255, level / 255 / 4, STEPS)
    moved = pgd(asked.model, asked.image[None], torch.tensor([asked.answer]), attack)
    return moved[0] if _differing(asked, moved) else None


def _pictures(asked: Asked, found: Safety) -> tuple[Picture, ...]:
    words = f"Which changes of a pixel are proved, unknown or broken, from 0 to {LEVELS[-1]:g} grey levels"
    chart = Picture.of(_chart(found), f"{words}, and how many random changes changed the answer")
    if found.changed is None:
        return (chart,)
    other = asked.answer_to(found.changed[None])[0]
    near = f"The picture as the network is fed it, the nearest found that is answered {other}, and their difference"
    return (
        chart,
        Picture.of(
            _nearest(asked, found.changed, other),
            near,
            "Of the difference grey is nothing, black and white the largest change.",
        ),
    )


@style()
def _chart(found: Safety) -> Figure:
    drawn, ax = figure(6.4, 2.4)
    least, most = LEVELS[0] / 2, LEVELS[-1]
    ends = [least, max(least, found.proved), min(most, max(least, found.broken)), most]
    for name, start, end in zip(COLORS, ends, ends[1:], strict=False):
        ax.axvspan(
            start, max(start, end), color=COLORS[name], alpha=0.45 if name == UNKNOWN else 0.75, lw=0, label=name
        )
    shares = [100 * count / NOISE for count in found.by_noise]
    ax.plot(LEVELS, shares, color=INK, marker="o", label="by random changes")
    ax.set_xscale("log", base=2)
    ax.set_xticks(LEVELS, [f"{level:g}" for level in LEVELS])
    ax.set(
        xlim=(least, most),
        ylim=(-4, 104),
        xlabel="largest change of a pixel, grey levels of 255",
        ylabel="changed answers (%)",
    )
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


@style()
def _nearest(asked: Asked, changed: Tensor, other: str) -> Figure:
    drawn, axes = figure_grid(1, 3, 5.4, 2.2)
    away = changed - asked.image
    difference = 0.5 + 0.5 * away / away.abs().max().clamp_min(1e-12)
    shown = {asked.name: asked.image, other: changed, "difference": difference}
    for ax, (name, image) in zip(axes[0], shown.items(), strict=True):
        show_image(ax, image, limits=(0.0, 1.0), largest=96)
        ax.set_title(name, fontsize=8, loc="center")
    return drawn


RECIPE = PaperRecipe(
    paper="safety-verification",
    title="Prove how far the answer to your picture is safe",
    shows="By how much each pixel of your picture may change with a proof that the answer stays, at what change an "
    "attack succeeds and what stays unknown; and the same over held-out images.",
    takes=(NETWORK, IMAGE),
    run=run,
    instruments=("safety-verification",),
    options=OPTIONS,
)
