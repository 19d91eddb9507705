"""The images that classes and units like best: made to order, beside the strongest there are in the data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.finding import Finding, Picture
from netopsy.core.scores import scores_of
from netopsy.core.split import run_to
from netopsy.examination.instrument import Instrument
from netopsy.examination.instruments._synthesis import Range, pixel_range, search_for, small, why_no_images
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.interpretability.cnn_visualization import (
    GaussianBlur,
    Jitter,
    LayerUnits,
    Preferred,
    TotalVariation,
    maximise_activation,
    total_variation,
)
from netopsy.interpretability.cnn_visualization.objectives import Objective
from netopsy.interpretability.gallery import gallery
from netopsy.interpretability.top_images import top_images

SIZES = ((10, 2), (5, 2), (3, 1))
"""Targets of a kind, and kinds (classes, and units of a layer), the more the smaller the network is."""
STRONGEST, MOST, SHARE = 3, 256, 2.0
STEPS, FEWEST = 150, 20
PRICE = 0.5
"""An image as rough as the data's pays this share of what the strongest images of the data are worth."""
BLURRED = 32
"""Smaller images, of this many pixels a side, are blurred in proportion less."""


@dataclass(frozen=True, eq=False)
class _Compared:
    made: Preferred
    values: Tensor
    """What each made image reaches: a class's score, or a unit's highest activation."""
    best: Tensor
    """What the strongest image of the data reaches."""
    strongest: Tensor
    """The strongest images' numbers, ``[targets, k]``."""
    rough: float
    """The weight of the total variation."""


def examine(subject: Subject) -> Finding:
    """Preferred images of classes and of the strongest units of the last grid, and how far they exceed the data."""
    pixels, sample = pixel_range(subject), subject.sample(_sampled(subject))
    classes = _classes(subject, pixels, sample)
    numbers = torch.tensor(classes.made.units)
    answered = scores_of(evaluate_outputs(subject.model, classes.made.images[:, 0])).softmax(1)
    right = answered.argmax(1) == numbers
    certain = float(answered.gather(1, numbers[:, None]).median())
    above = float((classes.values > classes.best).float().mean())
    layer = subject.spatial_layers[-1] if _plan(subject)[1] > 1 else None
    units = _units(subject, layer, pixels, sample) if layer is not None else None
    pictures = [
        Picture.of(
            _draw(subject, pixels, classes, [subject.class_label(number, 14) for number in classes.made.units]),
            f"Preferred images of {len(numbers)} classes above their strongest held-out images",
            "Above: made to raise the class's score. Below: the held-out images with the highest scores for it.",
        )
    ]
    figures: dict[str, int | float | str] = {
        "classes": len(numbers),
        "answered with their class": int(right.sum()),
        "median probability of the class": round(certain, 4),
        "share with a higher score than any held-out image": round(above, 4),
    }
    sentence = (
        f"Of images optimised for {len(numbers)} classes the network answers {int(right.sum())} with their class, and "
        f"{100 * above:.0f} % reach a higher score for it than any of {len(sample)} held-out images"
    )
    if units is not None and layer is not None:
        dead = units.made.dead[:, 0].to(units.values.device)
        times = units.values / units.best
        figures["units"] = len(times)
        if dead.any():
            figures["units that no start moves"] = int(dead.sum())
        if not dead.all():
            typical = float(times[~dead].median())
            figures["median times the strongest held-out image"] = round(typical, 3)
            alive = int((~dead).sum())
            sentence += f"; those optimised for {alive} units of {layer} drive them {typical:.1f} times as high"
        pictures.append(
            Picture.of(
                _draw(
                    subject,
                    pixels,
                    units,
                    [
                        f"unit {unit} (dead)" if off else f"unit {unit}"
                        for unit, off in zip(units.made.units, dead.tolist(), strict=True)
                    ],
                ),
                f"Preferred images of {len(times)} units of {layer} above their strongest held-out images",
                f"The units of {layer} with the highest activations, and what they respond to.",
            )
        )
    return Finding(
        sentence=f"{sentence}.",
        glance=f"{int(right.sum())} of {len(numbers)} optimised images are answered with their class",
        advice=("Compare the two rows: a class whose made image lacks what you would call it rests on something else."),
        reading=(
            "Each upper image was made by gradient ascent from noise, with blur, a penalty on total variation and "
            "jitter so that it looks like an image at all: it shows what the class or unit responds to, several such "
            "things at once where there are several. Compare it with the strongest held-out images below it. Where the "
            "two have nothing in common, the score can be had without what the class really looks like. Images that "
            "go far beyond the data in strength look like nothing in it, and other penalties would give other images."
        ),
        pictures=tuple(pictures),
        figures=figures,
        code=_code(subject, pixels, classes),
    )


def _plan(subject: Subject) -> tuple[int, int, int]:
    """Targets of a kind, kinds, and steps."""
    kinds = 2 if subject.spatial_layers else 1
    sizes = [(targets, min(kinds, most)) for targets, most in SIZES]
    return search_for(subject, sizes, steps=STEPS, fewest=FEWEST, share=SHARE)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    targets, kinds, steps = _plan(subject)
    return 3.0 * targets * kinds * steps + _sampled(subject)


def _sampled(subject: Subject) -> int:
    return min(subject.affordable(1, MOST, share=SHARE, fewest=STRONGEST), len(subject.data))


def _classes(subject: Subject, pixels: Range, sample: Tensor) -> _Compared:
    wanted = list(subject.classes_wanted) or list(range(subject.class_count))
    numbers = wanted[: _plan(subject)[0]]
    scores = subject.scores[sample][:, numbers]
    best, positions = scores.topk(min(STRONGEST, len(sample)), dim=0)
    worth = float((best[0] - scores.mean(0)).median())
    made, rough = _make(subject, numbers, pixels, worth, sample)
    values = evaluate_outputs(subject.model, made.images[:, 0]).gather(1, torch.tensor(numbers)[:, None])[:, 0]
    return _Compared(made, values.float(), best[0], sample[positions.T], rough)


def _units(subject: Subject, layer: str, pixels: Range, sample: Tensor) -> _Compared:
    inputs, most = subject.data.inputs[sample], _plan(subject)[0]
    top = top_images(subject.model, layer, inputs, k=min(STRONGEST, len(sample)), batch_size=subject.batch_size)
    live = (top.values[:, 0] > 0).nonzero()[:, 0]
    order = top.values[live, 0].argsort(descending=True, stable=True)
    chosen = live[order][:most].cpu() if len(live) else torch.arange(min(most, len(top.values)))
    with torch.no_grad():
        seen = run_to(
            subject.model, layer, inputs[top.indices[chosen.to(top.indices.device), 0].cpu()].to(subject.device)
        )
    on_average = seen.flatten(2).mean(2) if seen.ndim > 2 else seen
    worth = float(on_average[torch.arange(len(chosen)), chosen.to(seen.device)].abs().median())
    made, rough = _make(subject, LayerUnits(layer, chosen.tolist()), pixels, worth, sample)
    with torch.no_grad():
        reached = run_to(subject.model, layer, made.images[:, 0])
    peaks = reached.flatten(2).amax(2) if reached.ndim > 2 else reached
    values = peaks[torch.arange(len(chosen)), chosen.to(peaks.device)].cpu().float()
    best = top.values.cpu()[chosen, 0].float().clamp_min(1e-6)
    return _Compared(made, values, best, sample[top.indices.cpu()[chosen]], rough)


def _make(subject: Subject, target: Objective, pixels: Range, worth: float, sample: Tensor) -> tuple[Preferred, float]:
    """The images, and the weight that the total variation was given."""
    rough = float(total_variation(pixels.shares(subject.data.inputs[sample])).mean())
    weight = PRICE * max(worth, 0.0) / max(rough, 1e-6)
    shape = tuple(subject.data.inputs.shape[1:])

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* had no gradient")  # the dead ones are left out and counted
        made = maximise_activation(
            subject.model,
            target,
            shape,
            steps=_plan(subject)[2],
            regularisers=(GaussianBlur(_blur(shape)), TotalVariation(weight), Jitter(shape[1] // 16)),
            limits=pixels.limits,
            mean=pixels.mean.mean((0, 2, 3))[:, None, None],
            batch_size=min(16, subject.batch_size),
            seed=subject.seed,
        )
    return made, weight


def _blur(shape: Sequence[int]) -> float:
    return 0.5 * min(1.0, min(shape[1:]) / BLURRED)


def _draw(subject: Subject, pixels: Range, found: _Compared, titles: list[str]) -> Figure:
    lines = [found.made.images[:, 0].cpu().float()]
    lines += [subject.data.inputs[those].cpu().float() for those in found.strongest.T]
    names = ["made", "strongest", "second", "third"][: len(lines)]
    shown = small(pixels.shares(torch.cat(lines)))
    blank = [""] * (len(shown) - len(titles))
    return gallery(shown, [*titles, *blank], columns=len(titles), row_titles=names, limits=(0.0, 1.0))


def _code(subject: Subject, pixels: Range, found: _Compared) -> str:
    shape, made = tuple(subject.data.inputs.shape[1:]), found.made
    ends = (*(each.flatten(1).mean(1) for each in pixels.limits), pixels.mean.mean((0, 2, 3)))
    low, high, mean = (tuple(round(float(end), 6) for end in each) for each in ends)
    return (
        "import torch\n"
        "from netopsy.interpretability.cnn_visualization import (\n"
        "    GaussianBlur, Jitter, TotalVariation, maximise_activation\n)\n\n"
        f"low, high, mean = (torch.tensor(each)[:, None, None] for each in ({low}, {high}, {mean}))\n"
        f"found = maximise_activation(\n    model, {list(made.units)}, {shape}, steps={len(made.trace)}, "
        f"seed={subject.seed}, limits=(low, high), mean=mean,\n"
        f"    regularisers=[GaussianBlur({_blur(shape)}), TotalVariation({found.rough:.6g}), "
        f"Jitter({shape[1] // 16})],\n)\n"
        "found.plot()"
    )


INSTRUMENT = Instrument(
    name="preferred-images",
    title="What classes and units like best",
    term="feature visualisation",
    chapter="what its units mean",
    examine=examine,
    applies=why_no_images,
    papers=("cnn-visualization",),
    order=10,
    passes=passes,
    beside=2.5,
    worth=90,
)
