"""Whether the two look at the same places of an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from scipy.stats import rankdata
from torch import Tensor

from netopsy.core.drawing import figure_grid
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.progress import track
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.instruments._saliency_methods import layers, why_not
from netopsy.examination.subject import Subject
from netopsy.interpretability.overlay import overlay
from netopsy.lab.saliency_methods import METHODS
from netopsy.lab.statistics import Estimate, mean_interval, paired_difference

METHOD = "linear approximation"
"""It needs a layer with a grid or the input itself, and depends on the class."""
MOST, BATCH, SIDE, SHOWN = 120, 16, 16, 4


def applies(pair: Pair) -> str | None:
    """Images on both sides."""
    return why_not(pair.a) or why_not(pair.b)


def _count(pair: Pair) -> int:
    return pair.affordable(6, MOST)


def examine(pair: Pair) -> Finding:
    """Rank correlation of the two networks' saliency maps of one image, and of maps of other images of its class."""
    indices = pair.a.sample(_count(pair))
    a, b = (_maps(subject, indices) for subject in (pair.a, pair.b))
    others = _others(pair, indices)
    same = _correlations(a, b)
    control = _correlations(a, b[others])
    alone = (others == torch.arange(len(others))).numpy()
    held = ~(np.isnan(same) | np.isnan(control) | alone)
    if not held.any() and alone.any():
        raise NotNow("no two images that were looked at are of one class, so that there is nothing to compare with")
    seen, chance = (mean_interval(each[held]) if held.sum() > 2 else None for each in (same, control))
    apart = paired_difference(same[held], control[held]) if held.sum() > 2 else None
    figures: dict[str, Number] = {"images": int(held.sum())}
    for name, estimate in (
        ("rank correlation on one image", seen),
        ("rank correlation on two images of a class", chance),
        ("difference", apart),
    ):
        if estimate is not None:
            figures |= {
                name: round(estimate.value, 4),
                f"{name}, low": round(estimate.low, 4),
                f"{name}, high": round(estimate.high, 4),
            }
    shown = indices[torch.from_numpy(np.argsort(np.nan_to_num(same, nan=np.inf), kind="stable")[:SHOWN].copy())]
    return Finding(
        sentence=_sentence(seen, chance, apart),
        glance=(
            "their maps cannot be compared" if seen is None else f"maps of one image correlate at {seen.value:.2f}"
        ),
        advice="Look at the images shown, where they differ most: one of the two may rely on the background.",
        reading=(
            f"The maps ({METHOD} of the answer's score, at the last layer that keeps a grid) say how much each place "
            "speaks for the network's own answer. Their ranks are correlated image by image. Networks look at the "
            "middle of most images, so the correlation alone says little: the control correlates A's map of an image "
            "with B's map of another image of the same class, and only what is above it is agreement about this image. "
            "The images shown are those that differ most; A above, B below."
        ),
        pictures=(Picture.of(_draw(pair, shown), "Images with the saliency map of A above and of B below"),)
        if len(shown)
        else (),
        figures=figures,
        code=(
            "from netopsy.interpretability.norm_grad import linear_approx\n\n"
            "images, labels = data.inputs[:8], data.targets[:8]\n"
            'maps = [linear_approx(model, images, labels, layer="") for model in (model_a, model_b)]'
        ),
    )


def _maps(subject: Subject, indices: Tensor) -> Tensor:
    """One map an image, ``[images, SIDE, SIDE]``, of the network's own answer."""
    wide, layer = subject.in_single_precision, layers(subject)[-1]
    parts = [
        METHODS[METHOD](
            wide.model,
            wide.data.inputs[some].to(subject.device),
            subject.predictions[some].to(subject.device),
            layer=layer,
        ).cpu()
        for some in track(indices.split(min(BATCH, subject.batch_size)), "mapping")
    ]
    return F.adaptive_avg_pool2d(torch.cat(parts)[:, None].float(), SIDE)[:, 0]


def _others(pair: Pair, indices: Tensor) -> Tensor:
    """For each image the place of another one of its class, the next in line; itself where there is none."""
    labels = pair.a.labels[indices]
    others = torch.arange(len(indices))
    for number in labels.unique():
        members = (labels == number).nonzero()[:, 0]
        others[members] = members.roll(1)
    return others


def _correlations(a: Tensor, b: Tensor) -> np.ndarray:
    """Spearman's, image by image; NaN for a map without differences."""
    first, second = (rankdata(each.flatten(1).numpy(), axis=1) for each in (a, b))
    first, second = (each - each.mean(1, keepdims=True) for each in (first, second))
    sizes = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    with np.errstate(invalid="ignore"):
        return np.where(sizes > 0, (first * second).sum(1) / sizes, np.nan)


def _sentence(seen: Estimate | None, chance: Estimate | None, apart: Estimate | None) -> str:
    if seen is None or chance is None or apart is None:
        return "Their saliency maps are flat on nearly every image, so that they cannot be compared."
    text = (
        f"Their saliency maps of one image correlate at {seen.value:.2f} (95 % interval {seen.low:.2f} to "
        f"{seen.high:.2f}), and at {chance.value:.2f} for two images of one class"
    )
    if apart.low > 0:
        return f"{text}: they look at the same places of an image more than its class explains."
    return f"{text}: no more than its class explains."


def _draw(pair: Pair, shown: Tensor) -> Figure:
    drawn, grid = figure_grid(2, len(shown), 1.4 * max(2, len(shown)), 3.1)
    for row, (letter, subject) in zip(grid, pair.subjects.items(), strict=True):
        overlay(subject.data.images[shown], _maps(subject, shown), row, titles=_titles(subject, shown))
        row[0].set_ylabel(letter, fontsize=9)
    return drawn


def _titles(subject: Subject, shown: Tensor) -> Sequence[str]:
    return [subject.class_label(int(subject.predictions[index]), 16) for index in shown]


INSTRUMENT = Instrument(
    name="places",
    title="Whether they look at the same places",
    term="saliency",
    chapter="what they look at",
    examine=examine,
    applies=applies,
    papers=("norm-grad",),
    order=10,
    passes=lambda pair: 6.0 * _count(pair),
    worth=20,
)
