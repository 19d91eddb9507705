"""The fewest pixels whose change changes an answer, by questions alone, and what random regions find as cheaply."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from matplotlib.figure import Figure

from netopsy.core.drawing import figure_grid
from netopsy.core.finding import Finding, Picture
from netopsy.core.progress import track
from netopsy.core.seeds import derive
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.pixels import InBatches, in_pixels, why_no_pixels
from netopsy.examination.subject import Subject
from netopsy.lab.random_regions import random_regions
from netopsy.robustness.feature_guided_attack import (
    SearchResult,
    feature_guided_searches,
    keypoint_partition,
    sift_keypoints,
    stride_for,
)

QUERIES, FEWEST_QUERIES = 400, 100
"""Questions about one image, and where the network is too large for so many."""
MOST, FEWEST, SHOWN, SHARE = 8, 3, 4, 2.0
LOCAL = 0.02
"""Of the pixels: an answer that hangs on fewer is something to see to."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two searches from one image that may ask equally often."""

    guided: SearchResult
    chance: SearchResult


def queries_of(subject: Subject) -> int:
    """Questions about one image in each of the two searches, so many that a few images can be asked about."""
    return subject.affordable(2 * FEWEST, QUERIES, share=SHARE, fewest=FEWEST_QUERIES)


def count_of(subject: Subject) -> int:
    """Images from which it searches."""
    return subject.affordable(2 * queries_of(subject), MOST, share=SHARE, fewest=FEWEST)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return float(count_of(subject) * 2 * queries_of(subject))


def search(subject: Subject) -> list[Pair]:
    """For images that the network gets right: a search by keypoints, and one by random regions of equal size."""
    indices = subject.sample(count_of(subject), correct=True)
    if len(indices) == 0:
        raise NotNow("it starts from images that the network gets right, and there is none")
    pixels = in_pixels(subject, indices)
    keypoints = [sift_keypoints(image) for image in track(pixels.images, "finding keypoints")]
    shape = (pixels.images.shape[2], pixels.images.shape[3])
    near = [keypoint_partition(each, shape) for each in keypoints]
    chance = [
        random_regions(each, shape, derive(subject.seed, "regions", index))
        for each, index in zip(keypoints, indices.tolist(), strict=True)
    ]
    found = feature_guided_searches(
        InBatches(pixels.model, subject.batch_size),
        pixels.images.repeat(2, 1, 1, 1),
        subject.labels[indices].tolist() * 2,
        keypoints=keypoints * 2,
        regions=near + chance,
        seed=[derive(subject.seed, "search", index) for index in indices.tolist()] * 2,
        max_queries=queries_of(subject),
        stride=stride_for(pixels.images[0, 0].numel()),
    )
    return [Pair(*each) for each in zip(found[: len(near)], found[len(near) :], strict=True)]


def examine(subject: Subject) -> Finding:
    """How few pixels change an answer, and whether keypoints find fewer than chance does for the same questions."""
    pairs = search(subject)
    queries, images = queries_of(subject), len(pairs)
    guided, chance = ([one for one in each if one.success] for each in _sides(pairs))
    size = pairs[0].guided.image[0].numel()
    figures: dict[str, float] = {"images": images, "questions about an image": queries, "pixels of an image": size}
    figures |= {"changed, by keypoints": len(guided), "changed, by random regions": len(chance)}
    if guided:
        middle = median(one.severity for one in guided)
        figures |= {"pixels, median by keypoints": middle, "fewest": min(one.severity for one in guided)}
        many = "1 pixel changes" if middle == 1 else f"{middle:g} pixels change"
        sentence = (
            f"Setting pixels to their opposite extreme changes {len(guided)} of {images} right answers within "
            f"{queries} questions each; in the median {many} the answer, {100 * middle / size:.2g} % of the "
            f"image{_beside(chance, middle)}."
        )
        glance, worrying = f"{many} an answer (median of {len(guided)})", middle <= LOCAL * size
    else:
        sentence = (
            f"No right answer of {images} was changed within {queries} questions each by setting pixels to their "
            f"opposite extreme; random regions changed {len(chance)}."
        )
        glance, worrying = f"no answer changed within {queries} questions", False
    if chance:
        figures["pixels, median by random regions"] = median(one.severity for one in chance)
    return Finding(
        sentence=sentence,
        glance=glance,
        verdict="doubtful" if worrying else "plain",
        advice=(
            "A few pixels decide: where someone may tamper with inputs, train with such images and look again."
            if worrying
            else "That more questions find nothing smaller is not shown: `netopsy attack --max-queries` asks more."
        ),
        reading=(
            "Keypoints (SIFT, the circles) divide the image; a tree search picks keypoints and pixels of their "
            "regions, sets each to its opposite extreme, and gives back every pixel that is not needed, all by asking "
            "the network for its answers. The counts are upper bounds: nearer images may exist. Random regions of the "
            "same sizes are the control, with as many questions; where they find as few pixels, the network minds any "
            "pixels and not those at keypoints. On large images and few questions, single pixels are asked about in "
            "groups."
        ),
        pictures=_pictures(subject, pairs),
        figures=figures,
        code=(
            "from netopsy.examination import Subject\n"
            "from netopsy.examination.instruments.feature_guided_attack import search\n\n"
            "for pair in search(Subject(model, data)):\n"
            "    print(pair.guided.label, pair.guided.predicted, pair.guided.severity, pair.chance.severity)"
        ),
    )


def _sides(pairs: list[Pair]) -> tuple[list[SearchResult], list[SearchResult]]:
    return [pair.guided for pair in pairs], [pair.chance for pair in pairs]


def _beside(chance: list[SearchResult], guided: float) -> str:
    if not chance:
        return "; random regions found none"
    found = median(one.severity for one in chance)
    text = f"; with random regions {found:g} ({len(chance)} changed)"
    return f"{text}, so that keypoints are no better guide here than chance" if found <= guided else text


def _pictures(subject: Subject, pairs: list[Pair]) -> tuple[Picture, ...]:
    found = [pair.guided for pair in pairs if pair.guided.success][:SHOWN]
    if not found:
        return ()
    return (
        Picture.of(
            _draw(subject, found),
            f"{len(found)} images beside the nearest found that the network answers differently",
            "Circles are keypoints; squares are the pixels that were changed.",
        ),
    )


def _draw(subject: Subject, found: list[SearchResult]) -> Figure:
    columns = min(2, len(found))
    drawn, axes = figure_grid(-(-len(found) // columns), columns, 3.1 * columns, 1.9 * -(-len(found) // columns))
    every = axes.ravel().tolist()
    for ax, one in zip(every, found, strict=False):
        one.plot(ax)
        count = len(one.manipulations)
        old, new = (subject.class_label(number, 12) for number in (one.label, one.predicted))
        ax.set_title(f"{old} → {new}, {count} pixel{'s' if count > 1 else ''}", loc="left", fontsize=8)
    for ax in every[len(found) :]:
        ax.set_axis_off()
    return drawn


INSTRUMENT = Instrument(
    name="feature-guided-attack",
    title="How few pixels change its answer",
    chapter="where it fails",
    examine=examine,
    applies=why_no_pixels,
    papers=("feature-guided-attack",),
    term="black-box sparse adversarial attack",
    order=32,
    passes=passes,
    beside=1.5,
    worth=45,
)
