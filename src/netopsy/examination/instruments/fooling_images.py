"""What the network is certain of though it shows nothing: noise and patterns evolved for its classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import figure_grid
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive
from netopsy.core.shapes import Images
from netopsy.examination.drawing import show_image
from netopsy.examination.instrument import Instrument
from netopsy.examination.pixels import InBatches, in_pixels, why_no_pixels
from netopsy.examination.subject import Subject
from netopsy.robustness.fooling_images import (
    CPPNEncoding,
    DirectEncoding,
    FoolingImages,
    distance_to_real,
    evolve_fooling_images,
)
from netopsy.robustness.queries import Queries

MOST, FEWEST, SHARE = 10_000, 120, 2.0
"""Images tried at normal depth, and for the largest network; share of the work."""
LARGE, SMALL = 50, 10
"""Images a generation; the smaller where so few are tried that there would be hardly a generation."""
SURE, EVEN = 0.99, 0.5
CLASSES, SHOWN = 100, 8
"""Classes that are looked at and that are shown, at most."""
REAL, VALUES = 2000, 2**25
"""Real images that others are compared with, and numbers in them, at most."""
RAW, PATTERNS = "raw pixels", "patterns"


def _plan(subject: Subject) -> tuple[int, int]:
    """Generations of each of the two evolutions after their first images, and images a generation."""
    images = subject.affordable(1, MOST, share=SHARE, fewest=FEWEST) // 2
    batch = LARGE if images >= 10 * LARGE else SMALL
    return images // batch - 1, batch


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes: two evolutions, and random images of both kinds."""
    generations, batch = _plan(subject)
    return 2.0 * batch * (generations + 2)


@dataclass(frozen=True, eq=False)
class _Found:
    """Of raw pixels and of patterns, in this order, for the classes that were looked at."""

    classes: Tensor
    images: tuple[Images, Images]
    confidence: Tensor
    """``[2, classes]``."""
    distance: Tensor
    """The same; NaN where there are no real images to compare with."""
    unevolved: tuple[float, float]
    """The median confidence in its own answers to random images."""
    asked: int

    @property
    def faked(self) -> Tensor:
        """Which classes have an image that it is sure of and that is farther from all real ones than they lie apart."""
        return (self.confidence >= SURE) & ~(self.distance <= 1)


def examine(subject: Subject) -> Finding:
    """How many classes noise and patterns can fake, how far these are from real images, and how sure it is of noise."""
    found = _search(subject, *_plan(subject))
    count, either = len(found.classes), int(found.faked.any(0).sum())
    sure, of = found.confidence.amax(0), "" if count == subject.class_count else f", a sample of {subject.class_count},"
    surest = found.confidence.argmax(0)
    away = found.distance.gather(0, surest[None])[0]
    known, middle = bool(away.isfinite().all()), float(away.quantile(0.5))
    apart = f", and the median image is {middle:.1f} times as far from the nearest real one as real ones are"
    reached = float(sure.quantile(0.5))
    certain = float(subject.probabilities.amax(1).float().quantile(0.5))
    surer = reached >= max(certain, EVEN)
    return Finding(
        sentence=(
            f"Of {count} classes{of} {either} can be faked: evolved noise or patterns make it at least "
            f"{100 * SURE:.0f} % sure of them. The median class reaches {100 * reached:.4g} %, where it is "
            f"{100 * certain:.4g} % sure of the median held-out image{apart * known}."
        ),
        glance=(
            f"noise or patterns fake {either} of {count} classes at {100 * SURE:.0f} %"
            if either or not surer
            else f"surer of noise or patterns ({100 * reached:.0f} %) than of real images ({100 * certain:.0f} %)"
        ),
        verdict="doubtful" if either or surer else "plain",
        advice=(
            "Do not take its confidence for a sign that an input is one of its kind: check inputs by how near they are "
            "to the training data before its answer counts."
            if either or surer
            else f"This search of {found.asked} images found none; a longer one may (`--depth thorough`)."
        ),
        reading=(
            "For every class an evolutionary search (MAP-Elites) keeps the image the network is surest of, written "
            "as raw pixels or as a small pattern-producing network (CPPN); the network is only asked for its answers. "
            "Such images rarely mean anything to people. Distances are of pixels, to the nearest of the held-out "
            "images, in units of the mean distance of those to their own nearest; an image nearer than 1 may well show "
            "something and is not counted. Being far from these images does not prove that nobody would recognise one: "
            "look at the picture. A class that was not faked was not faked in so many images; it may be in more."
        ),
        pictures=(
            Picture.of(
                _draw(subject, found),
                f"Fooling images of {min(SHOWN, count)} classes, as raw pixels and as patterns",
                "The classes it was made surest of: confidence, and distance (d) to the nearest real image.",
            ),
        ),
        figures={
            "classes": count,
            "classes faked": either,
            **{f"classes faked by {name}": int(found.faked[place].sum()) for place, name in enumerate((RAW, PATTERNS))},
            "median confidence": round(reached, 4),
            "median distance to real images": round(middle, 3) if known else "unknown",
            "median confidence on held-out images": round(certain, 4),
            **{
                f"median confidence on random {name}": round(found.unevolved[place], 4)
                for place, name in enumerate((RAW, PATTERNS))
            },
            "images tried": found.asked,
        },
        code=_code(subject),
    )


def _search(subject: Subject, generations: int, batch: int) -> _Found:
    pixels = in_pixels(subject, subject.sample(min(REAL, max(2, VALUES // subject.data.inputs[0].numel()))))
    shape: Any = tuple(pixels.images.shape[1:])
    classes = _classes(subject)
    model = InBatches(pixels.model, subject.batch_size)
    asked, random = Queries(model), torch.Generator().manual_seed(derive(subject.seed, "random images"))
    runs: list[FoolingImages] = []
    unevolved = []
    for encoding in (DirectEncoding(shape), CPPNEncoding(shape)):
        options: Any = {
            "classes": classes,
            "generations": generations,
            "batch": batch,
            "seed": derive(subject.seed, "evolution"),
        }
        runs.append(evolve_fooling_images(model, shape, encoding, **options))
        drawn: Any = encoding.random(batch, random)
        unevolved.append(
            float(asked.probabilities(encoding.render(drawn).to(pixels.images.dtype)).amax(1).quantile(0.5))
        )
    one, other = runs
    return _Found(
        one.classes,
        (one.images.cpu(), other.images.cpu()),
        torch.stack((one.confidence, other.confidence)),
        torch.stack([_distance(run.images, pixels.images) for run in runs]),
        (unevolved[0], unevolved[1]),
        one.queries + other.queries,
    )


def _classes(subject: Subject) -> list[int]:
    """Those the caller chose, or all; a random sample where they are many."""
    if subject.classes_wanted:
        return list(subject.classes_wanted)
    random = torch.Generator().manual_seed(derive(subject.seed, "classes"))
    return torch.randperm(subject.class_count, generator=random)[:CLASSES].sort().values.tolist()


def _distance(images: Images, real: Tensor) -> Tensor:
    try:
        return distance_to_real(images, real.to(images.device))
    except InputError:  # one real image, or all of them the same
        return torch.full((len(images),), torch.nan)


def _draw(subject: Subject, found: _Found) -> Figure:
    shown = found.confidence.amax(0).argsort(descending=True, stable=True)[:SHOWN].tolist()
    drawn, axes = figure_grid(2, len(shown), 1.2 * len(shown) + 0.5, 3.4)
    for row, (line, name) in enumerate(zip(axes, (RAW, PATTERNS), strict=True)):
        for ax, place in zip(line, shown, strict=True):
            show_image(ax, found.images[row][place], limits=(0.0, 1.0))
            name_of = f"{subject.class_label(int(found.classes[place]), 14)}\n" if not row else ""
            far = float(found.distance[row, place])
            distance = f"\nd = {far:.1f}" if far == far else ""
            ax.set_title(
                f"{name_of}{100 * float(found.confidence[row, place]):.4g} %{distance}", fontsize=7, loc="center"
            )
        line[0].set_ylabel(name, fontsize=8)
    return drawn


def _code(subject: Subject) -> str:
    shape, (generations, batch) = tuple(subject.data.inputs.shape[1:]), _plan(subject)
    return (
        "import torch\n"
        "from netopsy.examination import Subject\n"
        "from netopsy.examination.pixels import InBatches, in_pixels\n"
        "from netopsy.robustness.fooling_images import distance_to_real, evolve_fooling_images\n\n"
        f"pixels = in_pixels(Subject(model, data), torch.arange(min(500, len(data))))\n"
        f'found = evolve_fooling_images(pixels.model, {shape}, "cppn", generations={generations}, batch={batch})\n'
        "print(found.confidence, distance_to_real(found.images, pixels.images))\n"
        "found.plot()"
    )


INSTRUMENT = Instrument(
    name="fooling-images",
    title="What noise it is sure of",
    term="fooling images",
    chapter="where it fails",
    examine=examine,
    applies=why_no_pixels,
    papers=("fooling-images",),
    order=40,
    passes=passes,
    beside=1.5,
    worth=20,
)
