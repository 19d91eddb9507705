"""How the last layer arranges the samples: a map of them, and whether neighbours are of one class."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.capture import capturing
from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.finding import Finding, Number, Picture, Verdict
from netopsy.core.modes import evaluating
from netopsy.core.progress import track
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.subject import Subject
from netopsy.examination.weighted_layers import weighted_layers
from netopsy.lab.statistics import Estimate, mean_interval, paired_difference

MOST, FEWEST = 600, 30
NEAREST = 10
COLOURED = 10
"""Classes that get a colour of their own: more could not be told apart."""

Array = NDArray[np.float64]


def _count(subject: Subject) -> int:
    return subject.affordable(1, MOST, fewest=FEWEST)


def applies(subject: Subject) -> str | None:
    """Layers with weights, and enough samples to have neighbours."""
    if len(subject.data) < FEWEST:
        return f"{len(subject.data)} samples are too few for a map; it takes {FEWEST}"
    return None if weighted_layers(subject, 1) else "no layer with weights was seen at work"


def examine(subject: Subject) -> Finding:
    """Share of the nearest neighbours that are of a sample's class, in the last layer's input and in the pixels."""
    indices = subject.sample(_count(subject))
    features = _before_the_last(subject, indices)
    if features.std(0).max() <= 1e-9 * max(1.0, float(np.abs(features).max())):
        raise NotNow("what the last layer is given is the same for every sample")
    labels, wrong = subject.labels[indices].numpy(), (subject.predictions != subject.labels)[indices].numpy()
    near = min(NEAREST, len(indices) - 1)
    fellows = np.bincount(labels)[labels] - 1
    if (fellows > 0).sum() < FEWEST:
        raise NotNow("hardly any sample that is looked at has another one of its class among them")
    inputs = subject.data.inputs[indices].flatten(1)
    pure, of_inputs = (_purity(each, labels, near) for each in (features, inputs.double().cpu().numpy()))
    held = fellows > 0
    whole, raw = mean_interval(pure[held]), mean_interval(of_inputs[held])
    more = paired_difference(pure[held], of_inputs[held])
    figures: dict[str, Number] = {
        "samples": len(indices),
        "numbers in the layer": features.shape[1],
        f"of the {near} nearest, of one class": round(whole.value, 4),
        "interval, low": round(whole.low, 4),
        "interval, high": round(whole.high, 4),
        "the same in the inputs": round(raw.value, 4),
        "difference": round(more.value, 4),
        "difference, low": round(more.low, 4),
        "difference, high": round(more.high, 4),
    }
    missed = pure[wrong & held]
    if len(missed):
        figures["the same of the samples it gets wrong"] = round(float(missed.mean()), 4)
    verdict: Verdict = "good" if more.low > 0 and subject.skilled else "plain"
    return Finding(
        sentence=_sentence(whole, raw, more, near, missed),
        glance=f"{100 * whole.value:.0f} % of nearest neighbours are of one class",
        verdict=verdict,
        advice=(
            "Look at the mistakes that lie deep inside another class's cloud: their labels may be wrong. Those between "
            "two clouds are hard."
            if wrong.any()
            else "Look at the samples at the borders of the clouds: the next mistakes will be made there."
        ),
        reading=(
            "Each point is a sample, laid out (by t-SNE) so that samples that are near each other in what the last "
            "layer is given stay near; crosses are mistakes. Only nearness can be read from such a map: sizes of clouds"
            " and distances between them mean nothing, and the numbers are therefore taken in the layer itself. The "
            "share of a sample's nearest neighbours (by the angle between them) that are of its class is shown beside "
            "the same for the bare inputs, since neighbours there are often of one class, too. Of a class with fewer "
            "other samples, as many neighbours as those are looked at."
        ),
        pictures=(
            Picture.of(
                _draw(subject, features, labels, wrong),
                "A map of the samples by what the last layer is given, coloured by class, with mistakes as crosses",
            ),
        ),
        figures=figures,
        code=(
            "from sklearn.manifold import TSNE\n\n"
            "from netopsy.core.capture import capturing\n\n"
            f"given, last = {{}}, {weighted_layers(subject, 1)[-1]!r}\n"
            "with capturing(model.eval(), last, inputs=given):\n"
            f"    model(data.inputs[:{len(indices)}])\n"
            'places = TSNE(init="pca", perplexity=10, random_state=0).fit_transform(given[last].flatten(1).numpy())'
        ),
    )


@torch.no_grad()
def _before_the_last(subject: Subject, indices: Tensor) -> Array:
    """What the last layer with weights is given, one row a sample; means over the places of a grid."""
    wide, last, parts = subject.in_single_precision, weighted_layers(subject, 1)[-1], []
    for some in track(indices.split(subject.batch_size), "looking at the last layer"):
        given: dict[str, Tensor] = {}
        with evaluating(wide.model), capturing(wide.model, last, inputs=given):
            wide.model(wide.data.inputs[some].to(subject.device))
        if last not in given or len(given[last]) != len(some):
            raise NotNow(f"{last!r} is not given one row a sample")
        values = given[last].float()
        parts.append((values.mean((2, 3)) if values.ndim == 4 else values.flatten(1)).cpu())
    found = torch.cat(parts).double().numpy()
    if not np.isfinite(found).all():
        raise NotNow("what the last layer is given is not finite")
    return found


def _purity(rows: Array, labels: NDArray[np.int64], near: int) -> Array:
    """Of each row, the share of its nearest other rows, by cosine, that have its label.

    As many of them are looked at as there are others of its label, if these are fewer: so that it can always be 1.
    """
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    nearest = np.argsort(-alike, axis=1, kind="stable")[:, :near]
    looked = np.arange(near) < np.maximum(np.bincount(labels)[labels] - 1, 1)[:, None]
    return ((labels[nearest] == labels[:, None]) & looked).sum(1) / looked.sum(1)


def _sentence(whole: Estimate, raw: Estimate, more: Estimate, near: int, missed: Array) -> str:
    text = (
        f"Of the {near} nearest neighbours of a sample in what the last layer is given, {100 * whole.value:.0f} % are "
        f"of its class, and {100 * raw.value:.0f} % in the bare inputs"
    )
    if len(missed):
        text += f"; of the samples it gets wrong, {100 * float(missed.mean()):.0f} %"
    if more.low <= 0:
        return f"{text}: the network brings classes together no more than the inputs do."
    return f"{text}."


def _draw(subject: Subject, features: Array, labels: NDArray[np.int64], wrong: NDArray[np.bool_]) -> Figure:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    reduced = PCA(min(50, *features.shape), random_state=0).fit_transform(features)
    first = np.zeros((len(reduced), 2))  # the tree of scikit-learn's t-SNE ends the process where a start is not finite
    first[:, : reduced.shape[1]] = reduced[:, :2]
    first = 1e-4 * first / max(float(first[:, 0].std()), 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        perplexity = min(30.0, (len(features) - 1) / 3)
        places = TSNE(init=first, perplexity=perplexity, random_state=0).fit_transform(reduced)
    drawn, axes = figure(5.2, 4.2)
    counts = np.bincount(labels)
    shown = np.argsort(-counts, kind="stable")[:COLOURED]
    for rank, number in enumerate(sorted(shown[counts[shown] > 0].tolist())):
        own = (labels == number) & ~wrong
        colour = PALETTE[rank % len(PALETTE)]
        filled, name = colour if rank < len(PALETTE) else "none", subject.class_label(number, 16)
        x, y = places[own].T
        axes.plot(x, y, "o", color=colour, markerfacecolor=filled, markersize=3.2, alpha=0.8, label=name)
        if own.any():
            axes.text(float(np.median(x)), float(np.median(y)), subject.class_label(number, 12), fontsize=7, color=INK)
    rest = ~np.isin(labels, shown) & ~wrong
    if rest.any():
        axes.plot(
            places[rest, 0], places[rest, 1], ".", color=PALETTE[5], markersize=3, alpha=0.4, label="other classes"
        )
    axes.plot(places[wrong, 0], places[wrong, 1], "x", color=INK, markersize=5, label="mistakes")
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)
    return drawn


INSTRUMENT = Instrument(
    name="neighbours",
    title="How it arranges the samples",
    term="nearest neighbours, t-SNE",
    chapter="what it represents",
    examine=examine,
    applies=applies,
    order=10,
    passes=lambda subject: 1.5 * _count(subject),
    beside=2.0,
    worth=25,
)
