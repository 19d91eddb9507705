"""Which saliency map to trust on this network: the one that changes with the class it is asked about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from matplotlib.figure import Figure

from netopsy.core.drawing import PALETTE, figure, label
from netopsy.core.finding import Finding, Picture
from netopsy.core.layers import INPUT
from netopsy.core.progress import track
from netopsy.examination.instrument import Instrument
from netopsy.examination.instruments._covering import covering
from netopsy.examination.instruments._saliency_methods import layer_label, layers, why_not
from netopsy.examination.subject import Subject
from netopsy.interpretability.norm_grad import class_sensitivity
from netopsy.lab.saliency_methods import METHODS
from netopsy.lab.statistics import Estimate, mean_interval

BATCH, MOST, FEWEST = 32, 256, 12
PASSES = 6.0 * len(METHODS)
"""Of one image: maps for two classes by every method."""
SHARE = 2.0
BLIND = 0.9
"""A mean correlation above this says that a map hardly depends on the class."""

Measured = dict[tuple[str, str], Estimate]


def examine(subject: Subject) -> Finding:
    """Spearman's correlation of the maps for the most and the least likely class, for every method and layer."""
    values, undefined = _measure(subject)
    found: Measured = {key: _within(mean_interval(value)) for key, value in values.items() if len(value)}
    code = (
        "from netopsy.interpretability.norm_grad import class_sensitivity, grad_cam\n\n"
        f"class_sensitivity(grad_cam, model, data.inputs[:64], layer={layers(subject)[-1]!r}).nanmean()"
    )
    if not found:
        return Finding(
            sentence="No saliency map varies over the image on this network, so none can be told from another.",
            glance="no saliency map varies",
            verdict="doubtful",
            reading="Every map was constant: the layers that were looked at give each place the same weight.",
            code=code,
        )
    last = layers(subject)[-1]
    points = {name for name, each in covering(subject).items() if each.points}
    depends = [key for key in found if found[key].high < BLIND]
    trusted = [key for key in depends if key[0] in points and key[1] in (last, INPUT)]
    chosen = min(trusted or found, key=lambda key: found[key].value)
    method, layer = chosen
    best, blind = found[chosen], [key for key in found if found[key].low > BLIND]
    warning = (
        f" {len(blind)} of the {len(found)} maps, a method at a layer each, hardly "
        f"{'depends' if len(blind) == 1 else 'depend'} on the class."
        if blind
        else ""
    )
    of = f"{method} at {layer_label(layer)}"
    if trusted:
        said = (
            f"{of} depends most on the class among the maps that point at what matters: those for the most and the "
            f"least likely class have a rank correlation of {best:.2f}."
        )
    elif depends:
        said = (
            f"No map can be trusted to tell classes apart: {of} depends on the class (rank correlation {best:.2f}), "
            "but masking what such maps point at does not take the answer away."
        )
    else:
        said = f"No map depends on the class: even those of {of} agree, with a rank correlation of {best:.2f}."
    images = max(len(value) for value in values.values())
    return Finding(
        sentence=said + warning,
        glance=f"{of} depends most on the class" if trusted else "no map both matters and depends on the class",
        verdict="good" if trusted else "doubtful",
        advice=(
            f"To ask why this class and not another, use {of}."
            if trusted
            else "Do not ask these maps why it is this class and not another."
        ),
        reading=(
            "A map that explains a class should change when another class is asked about. Each mark is the mean rank "
            f"correlation over {images} images of the maps for the most and the least likely class, with its 95 % "
            "interval: 1 means that the map is blind to the class, 0 that the two have nothing in common, and less "
            "than 0 that what speaks for one class speaks against the other. A low value is needed for trust and "
            "does not suffice for it: random maps would have 0 as well. "
            + (f"{undefined} maps were constant and are left out." if undefined else "")
        ),
        pictures=(
            Picture.of(_draw(found, layers(subject)), "Rank correlation for every method and layer, with intervals"),
        ),
        figures={
            f"{name} at {layer_label(where)}": round(estimate.value, 4) for (name, where), estimate in found.items()
        },
        code=code,
    )


def _within(estimate: Estimate) -> Estimate:
    """No correlation lies beyond -1 and 1, and no end of its interval."""
    return replace(estimate, low=max(-1.0, estimate.low), high=min(1.0, estimate.high))


def blind_by_construction(subject: Subject) -> str | None:
    """The reason why maps cannot be compared by class, if there is one."""
    if (reason := why_not(subject)) is not None:
        return reason
    if subject.class_count == 2:
        return "with two classes what speaks for one speaks against the other, so that maps for both tell nothing apart"
    return None


def _count(subject: Subject) -> int:
    return subject.affordable(PASSES, MOST, share=SHARE, fewest=FEWEST)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return min(_count(subject), len(subject.data)) * PASSES


def _measure(subject: Subject) -> tuple[dict[tuple[str, str], list[float]], int]:
    """The defined correlations of every method and layer."""
    where = list(layers(subject))
    values: dict[tuple[str, str], list[float]] = {(name, layer): [] for layer in where for name in METHODS}
    undefined = 0
    for indices in track(subject.sample(_count(subject)).split(min(BATCH, subject.batch_size)), "comparing maps"):
        images = subject.data.inputs[indices].to(subject.device)
        for name, method in METHODS.items():
            by_layer = class_sensitivity(method, subject.model, images, layer=where)
            assert isinstance(by_layer, dict)
            for layer, scores in by_layer.items():
                defined = scores[torch.isfinite(scores)]
                values[name, layer] += defined.tolist()
                undefined += len(scores) - len(defined)
    return values, undefined


def _draw(found: Measured, where: tuple[str, ...]) -> Figure:
    drawn, axes = figure(6.4, 0.45 * len(METHODS) + 1.1)
    names = list(METHODS)
    for number, layer in enumerate(where):
        rows = [(names.index(name), estimate) for (name, place), estimate in found.items() if place == layer]
        offset = 0.16 * (number - (len(where) - 1) / 2)
        positions = np.array([len(names) - 1 - place for place, _ in rows]) - offset
        means = np.array([estimate.value for _, estimate in rows])
        spread = np.array([[e.value - e.low, e.high - e.value] for _, e in rows]).reshape(-1, 2).T
        axes.errorbar(
            means,
            positions,
            xerr=np.nan_to_num(spread),
            fmt="o",
            color=PALETTE[number % len(PALETTE)],
            label=label(layer_label(layer)),
            elinewidth=1.2,
        )
    axes.set_yticks(range(len(names)), names[::-1])
    axes.axvline(0, linewidth=0.8, color=axes.spines["left"].get_edgecolor())
    axes.set_xlim(min(-0.1, *(e.value - 0.1 for e in found.values())), 1.04)
    axes.set_xlabel("rank correlation of the maps for two classes (1: blind to the class)")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="layer", title_fontsize=8)
    return drawn


INSTRUMENT = Instrument(
    name="class-sensitivity",
    title="Which map to trust",
    term="saliency, sanity check",
    chapter="what it looks at",
    examine=examine,
    applies=blind_by_construction,
    papers=("norm-grad",),
    order=20,
    passes=passes,
    worth=60,
)
