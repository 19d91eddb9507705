"""How far pixels can be changed before the network's answers change: proved, broken, or neither."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import INK, PALETTE, figure, image_grid
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.progress import track
from netopsy.examination.drawing import show_image
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.layered import layered
from netopsy.examination.pixels import in_pixels, why_no_pixels
from netopsy.examination.subject import FACTORS, Subject
from netopsy.robustness.safety_verification import certified_radius, input_region, read_network, verify
from netopsy.training.attack import Attack, pgd

LEVELS = (0.5, 1, 2, 4, 8, 16, 32)
"""Radii that are asked about, in grey levels of 255."""
MOST, FEWEST, SHOWN = 48, 4, 6
STEPS, ATTACK = 6, 8
"""Halvings of a radius, and steps of an attack."""
FEW_STEPS, FEW_LEVELS, NEAR = 2, (2, 8, 32), 1
"""The same of networks so large that intervals are all there is; they are attacked in one step, and what intervals can
prove of them is below one grey level."""
INTERVALS, SHARE, DEAREST = 40.0, 2.0, 6.0
"""Forward passes that bounding an image by intervals costs: a few, in double precision, for which convolutions have no
fast kernel; their share of the work, and the one beyond which even the fewest images are too many."""
EXACT, RECTIFIERS, NODES = 6, 128, 30
"""Images that a complete solver is asked about, in networks of at most so many rectifiers, and its branches."""
COLORS = (PALETTE[2], PALETTE[5], PALETTE[1])


@dataclass(eq=False)
class Radii:
    """For every image, the largest radius proved and the smallest broken, in grey levels."""

    proved: Tensor
    broken: Tensor
    adversarial: dict[int, Tensor] = field(default_factory=dict)
    """The nearest image found of another class, by the place of the image."""
    levels: tuple[float | int, ...] = LEVELS
    """Radii that were attacked."""
    least: float = LEVELS[-1] / 2**STEPS
    """The smallest radius that was asked to be proved."""
    asked: int = 0
    """Images that a complete solver was asked about."""

    def shares(self, level: float | int) -> tuple[float, float, float]:
        """Proved, left open, and broken at a radius."""
        safe, broken = self.proved >= level, self.broken <= level
        return float(safe.float().mean()), float((~safe & ~broken).float().mean()), float(broken.float().mean())


def why_not(subject: Subject) -> str | None:
    """The reason why nothing can be proved, if there is one."""
    if (reason := why_no_pixels(subject)) is not None:
        return reason
    if "safety verification" not in subject.notes:
        try:
            read_network(*_readable(subject, torch.tensor([0])))
            subject.notes["safety verification"] = ""
        except InputError as error:
            subject.notes["safety verification"] = f"its layers cannot be bounded: {error}"
    return str(subject.notes["safety verification"]) or None


def _readable(subject: Subject, indices: Tensor) -> tuple[nn.Module, Tensor]:
    """The network from pixels, with the standardisation as its first layer, and one of the images."""
    pixels = in_pixels(subject, indices)
    return layered(pixels.model), pixels.images[0]


def _costs(subject: Subject) -> tuple[float, float]:
    """Forward passes an image with linear relaxation and with intervals alone; in double precision they count twice."""
    inputs = subject.data.inputs[0].numel()
    relaxed = 3.0 * ATTACK * len(LEVELS) + 2.0 * (STEPS + 1) * 4 * (inputs + subject.class_count)
    return relaxed, 3.0 * len(FEW_LEVELS) + INTERVALS * (FEW_STEPS + 1)


def _relaxed(subject: Subject) -> bool:
    """Whether linear relaxation is within reach for as many images as it takes."""
    return subject.affordable(_costs(subject)[0], MOST) >= FEWEST


def _count(subject: Subject) -> int:
    if _relaxed(subject):
        return subject.affordable(_costs(subject)[0], MOST, fewest=FEWEST)
    return subject.affordable(_costs(subject)[1], MOST, share=SHARE, fewest=FEWEST)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    cost = _costs(subject)[not _relaxed(subject)]
    if subject.affordable(cost * FEWEST, 4, share=DEAREST, fewest=0) < 1:
        raise NotNow(
            f"bounds of {FEWEST} images cost {cost * FEWEST:,.0f} passes, more than an examination of depth "
            f"{subject.depth} spends on a network of this size"
        )
    return min(_count(subject), len(subject.data)) * cost


def examine(subject: Subject) -> Finding:
    """Radii of a sample of images that the network gets right."""
    passes(subject)
    indices = subject.sample(_count(subject), correct=True)
    if len(indices) < FEWEST:
        raise NotNow(f"it asks about images that the network gets right, and there are {len(indices)}")
    pixels = in_pixels(subject, indices)
    model = layered(pixels.model)
    relaxed = _relaxed(subject)
    found = _radii(subject, model, pixels.images, relaxed)
    level = max(found.levels, key=lambda each: found.shares(each)[1])
    proved, left, broken = found.shares(level)
    middle = float(found.proved.median())
    how = _how(subject, model, relaxed, found)
    return Finding(
        sentence=(
            f"{_proved(found, middle)}; at {level:g} levels {100 * proved:.0f} % are proved, {100 * broken:.0f} % are "
            f"broken by a change that was found, and {100 * left:.0f} % stay unknown."
        ),
        glance=(
            f"proved to {middle:.2g} grey levels; {100 * left:.0f} % unknown at {level:g}"
            if middle > 0
            else f"nothing is proved of most images; {100 * left:.0f} % unknown at {level:g}"
        ),
        verdict="doubtful" if found.shares(2)[2] > 0.5 else "plain",
        advice=(
            "A change of two grey levels changes most answers: train against such changes where inputs may be tampered "
            "with."
            if found.shares(2)[2] > 0.5
            else "What is unknown may be either: a smaller network, or one trained for it, leaves less unknown."
        ),
        reading=(
            "A radius is proved where no image whose pixels differ by at most so much, each by itself, gets another "
            f"class: {how} The proof holds in real arithmetic, with a margin above what rounding in single precision "
            "can do, sums in any order, without TF32. It is broken where projected gradient steps found such an image, "
            "which was run through the network. Between the two nobody knows: the grey part is what bounds are too "
            "loose for and the attack too weak. Only images that the network gets right were asked about."
        ),
        pictures=(
            Picture.of(_chart(found), "Shares of images proved, unknown and broken against the radius"),
            *_examples(subject, pixels.images, indices, found),
        ),
        figures={
            "images": len(indices),
            "median proved radius, grey levels": round(middle, 4),
            "images asked completely": found.asked,
            "linear relaxation": "yes" if relaxed else "no, intervals alone",
        },
        table=(
            ("grey levels", "proved", "unknown", "broken"),
            *((f"{each:g}", *(f"{100 * share:.0f} %" for share in found.shares(each))) for each in found.levels),
        ),
        code=(
            "from netopsy.robustness.safety_verification import certified_radius\n\n"
            f"radii = certified_radius(model, data.inputs[:{len(indices)}], most={LEVELS[-1]} / 255)\n"
            "print(255 * radii.median())  # for a network that takes pixels from 0 to 1"
        ),
    )


def _proved(found: Radii, middle: float) -> str:
    count, some = len(found.proved), int((found.proved > 0).sum())
    if middle > 0:
        return (
            f"Half of {count} images keep their class under any change of {middle:.2g} of 255 grey levels a pixel, "
            "which is proved"
        )
    if some:
        return f"For {some} of {count} images a radius could be proved, for others none of {found.least:g} grey levels"
    return f"For none of {count} images could a radius of {found.least:g} of 255 grey levels a pixel be proved"


def _how(subject: Subject, model: nn.Module, relaxed: bool, found: Radii) -> str:
    if not relaxed:
        return (
            "shown by interval arithmetic alone, which is sound; linear relaxation and exact verification are out of "
            "reach for a network of this size at this depth, so the proved radii are far below the true ones."
        )
    if found.asked:
        return f"shown by linear relaxation (CROWN), for {found.asked} images by mixed-integer programming as well."
    return "shown by linear relaxation (CROWN), which is sound; exact verification is out of reach at this size."


def _radii(subject: Subject, model: nn.Module, images: Tensor, relaxed: bool) -> Radii:
    labels = torch.as_tensor(model(images).argmax(1)).detach()
    halvings, levels, steps, most = (STEPS, LEVELS, ATTACK, LEVELS[-1]) if relaxed else (FEW_STEPS, FEW_LEVELS, 1, NEAR)
    proved = 255 * certified_radius(model, images, steps=halvings, most=most / 255, relaxed=relaxed).float().cpu()
    found = Radii(proved * (1 + 1e-6), torch.full((len(images),), torch.inf), levels=levels, least=most / 2**halvings)
    for level in track(levels, "attacking"):
        left = (~found.broken.isfinite() & (found.proved < level)).nonzero()[:, 0]
        if not len(left):
            continue
        radius = level / 255
        moved = pgd(model, images[left], labels[left], Attack(radius, radius / (4 if steps > 1 else 1), steps))
        with torch.no_grad():
            other = (model(moved).argmax(1) != labels[left]).cpu()
        found.broken[left[other]] = float(level)
        found.adversarial |= dict(zip(left[other].tolist(), moved[other.to(moved.device)].cpu(), strict=True))
    if relaxed and read_network(model, images[0]).rectifiers <= RECTIFIERS:
        _ask(subject, model, images, found)
    return found


def _ask(subject: Subject, model: nn.Module, images: Tensor, found: Radii) -> None:
    """Whether a complete solver proves or breaks what is still open, for a few images, radius after radius."""
    for place in track(range(min(len(images), max(1, int(EXACT * FACTORS[subject.depth])))), "proving"):
        found.asked += 1
        for level in LEVELS:
            if not float(found.proved[place]) < level < float(found.broken[place]):
                continue
            image = images[place].cpu()
            region = input_region(image, strategy="all", span=level / 255)
            verdict = verify(model, image, region, nodes=NODES)
            if verdict.status == "safe":
                found.proved[place] = float(level)
                continue
            if verdict.counterexample is not None:
                found.broken[place] = float(level)
                found.adversarial[place] = verdict.counterexample
            break


def _chart(found: Radii) -> Figure:
    drawn, axes = figure(5.6, 3.2)
    shares = list(zip(*(found.shares(level) for level in found.levels), strict=True))
    places = range(len(found.levels))
    bottom = [0.0] * len(found.levels)
    for name, values, color in zip(("proved", "unknown", "broken"), shares, COLORS, strict=True):
        heights = [100 * value for value in values]
        axes.bar(places, heights, bottom=bottom, color=color, width=0.8, label=name)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set_xticks(places, [f"{level:g}" for level in found.levels])
    axes.set(xlabel="largest change of a pixel, grey levels of 255", ylabel="images (%)", ylim=(0, 100))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def _examples(subject: Subject, images: Tensor, indices: Tensor, found: Radii) -> tuple[Picture, ...]:
    """The images broken by the least change, each beside the change's result."""
    near = sorted(found.adversarial, key=lambda place: float(found.broken[place]))[:SHOWN]
    if not near:
        return ()
    axes = image_grid(2 * len(near), 2 * min(3, len(near)), 1.3, 1.6)
    for number, place in enumerate(near):
        label = subject.class_label(int(subject.predictions[int(indices[place])]), 12)
        for ax, shown, words in (
            (axes[2 * number], images[place], label),
            (axes[2 * number + 1], found.adversarial[place], f"changed by {float(found.broken[place]):g}"),
        ):
            show_image(ax, shown.cpu(), limits=(0.0, 1.0))
            ax.set_title(words, fontsize=7, loc="center", color=INK)
    drawn = axes[0].figure
    assert isinstance(drawn, Figure)
    words = f"{len(near)} images and beside each a changed one that gets another class"
    return (Picture.of(drawn, words, "Changes that change the answer, the smallest first; in grey levels a pixel."),)


INSTRUMENT = Instrument(
    name="safety-verification",
    title="How far its answers are proved",
    chapter="where it fails",
    examine=examine,
    applies=why_not,
    papers=("safety-verification",),
    term="certified robustness",
    order=40,
    passes=passes,
    worth=45,
)
