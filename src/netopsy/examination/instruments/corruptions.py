"""How the network stands common corruptions: noise, blur, compression, brightness, contrast and shifts."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import PALETTE, figure, figure_grid
from netopsy.core.finding import Finding, Picture
from netopsy.core.progress import track
from netopsy.core.seeds import derive
from netopsy.core.shapes import Images
from netopsy.examination.drawing import show_image
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.lab.statistics import Estimate, proportion_interval

STRENGTHS = (1, 2, 3, 4, 5)
MOST, FEWEST, ENOUGH = 500, 24, 100
"""Images, at most and at least; and from how many on it may be said that none of them harms."""
SHARE = 2.0
SLACK = 1e-3

Image = np.ndarray[Any, np.dtype[np.float32]]
"""``[height, width, channels]`` in [0, 1]."""
Corruption = Callable[[Image, int, np.random.Generator], Image]


def _noise(image: Image, strength: int, random: np.random.Generator) -> Image:
    return np.asarray(image + random.normal(0, (0.04, 0.06, 0.08, 0.09, 0.10)[strength - 1], image.shape), np.float32)


def _blur(image: Image, strength: int, random: np.random.Generator) -> Image:
    from skimage.filters import gaussian

    # Pixels of blur for images of 32 a side, in proportion for others.
    sigma = (0.4, 0.6, 0.7, 0.8, 1.0)[strength - 1] * max(1.0, min(image.shape[:2]) / 32)
    return np.asarray(gaussian(image, sigma=sigma, channel_axis=-1), dtype=np.float32)


def _compression(image: Image, strength: int, random: np.random.Generator) -> Image:
    from PIL import Image as Pillow

    quality = (80, 65, 58, 50, 40)[strength - 1]
    pixels = (255 * image.clip(0, 1)).round().astype(np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "JPEG", quality=quality)
    again = np.asarray(Pillow.open(buffer), np.float32) / np.float32(255)
    return again[..., None] if again.ndim == 2 else again


def _brightness(image: Image, strength: int, random: np.random.Generator) -> Image:
    return image + (0.05, 0.1, 0.15, 0.2, 0.3)[strength - 1]


def _contrast(image: Image, strength: int, random: np.random.Generator) -> Image:
    mean, kept = image.mean((0, 1), keepdims=True), (0.75, 0.5, 0.4, 0.3, 0.15)[strength - 1]
    return np.asarray((image - mean) * kept + mean, dtype=np.float32)


def _shift(image: Image, strength: int, random: np.random.Generator) -> Image:
    reach = [max(1, round(strength * side / 40)) for side in image.shape[:2]]
    down, across = (int(random.choice((-1, 1))) * each for each in reach)
    padded = np.pad(image, ((reach[0],) * 2, (reach[1],) * 2, (0, 0)), mode="edge")
    return padded[reach[0] + down :, reach[1] + across :][: image.shape[0], : image.shape[1]]


CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        "noise": _noise,
        "blur": _blur,
        "JPEG compression": _compression,
        "brightness": _brightness,
        "contrast": _contrast,
        "shift": _shift,
    }
)


def why_not(subject: Subject) -> str | None:
    """The reason why no image can be corrupted, if there is one."""
    if not subject.is_image_model:
        return "it corrupts images, and this network reads none"
    images = subject.data.images
    if images.shape[1] not in (1, 3):
        return f"it corrupts grey and colour images, and these have {images.shape[1]} channels"
    low, high = float(images.min()), float(images.max())
    if low < -SLACK or high > 1 + SLACK:
        return (
            f"it corrupts pixels from 0 to 1, and these are from {low:.3g} to {high:.3g}; say how they were "
            "standardised (`--mean`, `--std`)"
        )
    return None


def examine(subject: Subject) -> Finding:
    """Accuracy under six corruptions of five strengths each, with Wilson intervals over the images."""
    indices = subject.sample(_count(subject))
    labels = subject.labels[indices]
    clean = proportion_interval(int((subject.predictions[indices] == labels).sum()), len(indices))
    found: dict[str, dict[int, Estimate]] = {}
    for name in track(CORRUPTIONS, "corrupting images"):
        found[name] = {}
        for strength in STRENGTHS:
            right = [
                evaluate_outputs(subject.model, corrupted(subject, some, name, strength)).argmax(1)
                == subject.labels[some]
                for some in indices.split(subject.batch_size)
            ]
            found[name][strength] = proportion_interval(int(torch.cat(right).sum()), len(indices))
    means = {name: float(np.mean([each.value for each in by.values()])) for name, by in found.items()}
    worst = min(means, key=lambda name: means[name])
    mean = float(np.mean(list(means.values())))
    harm = f"{worst} harms most" if means[worst] < clean.value else "none of them harms it"
    surely = [name for name, by in found.items() if by[STRENGTHS[2]].high < clean.low]
    return Finding(
        sentence=(
            f"Under common corruptions it is {100 * mean:.0f} % right on average, {100 * clean.value:.0f} % on "
            f"clean images; {harm}."
        ),
        glance=f"{100 * mean:.0f} % right when corrupted, {100 * clean.value:.0f} % clean; {harm}",
        verdict="doubtful" if surely else "good" if subject.skilled and len(indices) >= ENOUGH else "plain",
        advice=(
            f"If inputs may come with {' or '.join(surely)}, train with such inputs (augmentation) and look again."
            if surely
            else "It stands medium corruptions of these kinds as well as could be told on so few images."
            if len(indices) < ENOUGH
            else "It stands medium corruptions of these kinds."
        ),
        reading=(
            "Six corruptions of five strengths, in the manner of the benchmark of Hendrycks and Dietterich (2019), "
            "made with scikit-image and Pillow on the images before they are standardised; the strengths are those it "
            "has for small images (noise, blur, JPEG, brightness, contrast), shifts go up to an eighth of the side. "
            "Lines that fall early show what the network cannot stand; the band is the 95 % interval over images."
        ),
        pictures=(
            Picture.of(_draw(found, clean.value), "Accuracy against the strength of six corruptions"),
            Picture.of(
                _examples(subject, int(indices[0])),
                "One image under six corruptions at strengths 1, 3 and 5",
                "One image under each corruption, at strengths 1, 3 and 5.",
            ),
        ),
        figures={
            "images": len(indices),
            "accuracy, clean": round(clean.value, 4),
            "mean accuracy, corrupted": round(mean, 4),
        }
        | {f"mean accuracy under {name}": round(value, 4) for name, value in means.items()},
        table=(
            ("corruption", *(f"strength {strength}" for strength in STRENGTHS)),
            *((name, *(f"{100 * each.value:.1f} %" for each in by.values())) for name, by in found.items()),
        ),
        code=(
            "from netopsy.examination import Subject\n"
            "from netopsy.examination.instruments.corruptions import corrupted\n"
            "from netopsy.examination.subject import evaluate_outputs\n\n"
            "subject = Subject(model, data)\n"
            f"chosen = subject.sample({min(len(indices), 64)})\n"
            f"answers = evaluate_outputs(model, corrupted(subject, chosen, {worst!r}, 3)).argmax(1)\n"
            "print((answers == subject.labels[chosen]).float().mean())"
        ),
    )


def _count(subject: Subject) -> int:
    return subject.affordable(len(CORRUPTIONS) * len(STRENGTHS), MOST, share=SHARE, fewest=FEWEST)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return float(min(_count(subject), len(subject.data)) * len(CORRUPTIONS) * len(STRENGTHS))


def corrupted(subject: Subject, indices: Tensor, name: str, strength: int) -> Images:
    """Images of the data under a corruption, standardised as the data are; each image has its own random numbers."""
    images = subject.data.images[indices].cpu().float().movedim(1, -1).numpy()
    made = [
        CORRUPTIONS[name](image, strength, np.random.default_rng(derive(subject.seed, name, strength, index)))
        for image, index in zip(images, indices.tolist(), strict=True)
    ]
    tensor = torch.from_numpy(np.stack(made).astype(np.float32).clip(0, 1)).movedim(-1, 1)
    normalisation = subject.data.normalisation
    inputs = normalisation.apply(tensor) if normalisation else tensor
    return inputs.to(subject.data.inputs.dtype)


def _draw(found: dict[str, dict[int, Estimate]], clean: float) -> Figure:
    drawn, axes = figure(5.2, 3.2)
    for color, (name, by) in zip(PALETTE, found.items(), strict=True):
        x = [0, *by]
        axes.plot(x, [100 * clean, *(100 * each.value for each in by.values())], "o-", color=color, label=name)
        axes.fill_between(
            list(by), [100 * each.low for each in by.values()], [100 * each.high for each in by.values()],
            color=color, alpha=0.12, linewidth=0,
        )  # fmt: skip
    axes.set(xlabel="strength (0: clean)", ylabel="right (%)", ylim=(0, 102))
    axes.set_xticks([0, *STRENGTHS])
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def _examples(subject: Subject, index: int) -> Figure:
    shown = (1, 3, 5)
    drawn, axes = figure_grid(len(shown), len(CORRUPTIONS), 1.15 * len(CORRUPTIONS), 1.2 * len(shown))
    one = torch.tensor([index])
    for row, strength in zip(axes, shown, strict=True):
        for place, name in zip(row, CORRUPTIONS, strict=True):
            inputs = corrupted(subject, one, name, strength).float()
            normalisation = subject.data.normalisation
            show_image(place, (normalisation.undo(inputs) if normalisation else inputs)[0], limits=(0.0, 1.0))
            if strength == shown[0]:
                place.set_title(name.replace(" ", "\n"), fontsize=7, loc="center")
    return drawn


INSTRUMENT = Instrument(
    name="corruptions",
    title="How it stands corrupted images",
    chapter="where it fails",
    examine=examine,
    applies=why_not,
    term="common corruptions",
    order=20,
    passes=passes,
    beside=2.0,
    worth=10,
)
