"""How sharply the loss bends around the solution: sharpness, trace and spectrum of the Hessian, and slices of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.parameters import State, random_direction, unflatten
from netopsy.core.progress import track
from netopsy.core.seeds import derive
from netopsy.data import Dataset
from netopsy.examination.instrument import Instrument
from netopsy.examination.instruments._loss import (
    BATCH,
    MOST,
    PRODUCT,
    TOLERANCE,
    called,
    check_affordable,
    differentiated,
    samples_of,
    why_not,
)
from netopsy.examination.subject import Subject
from netopsy.landscape.curvature import (
    Eigenpairs,
    Spectrum,
    Trace,
    hessian,
    hutchinson_trace,
    sample_losses,
    spectral_density,
    top_eigenpairs,
)

FEWEST, SAMPLES, SHARE = 16, 300, 2.0
REACH = 0.5
"""How far slices reach, as a share of the length of all parameters."""


@dataclass(frozen=True)
class _Work:
    """How much is done: fixed by depth and size of the network."""

    samples: int
    products: int
    """That the top eigenpairs usually take."""
    tops: int
    signs: int
    """Random vectors for the trace."""
    steps: int
    """Of Lanczos iterations, from one random vector."""
    points: int
    """Of every slice."""
    randoms: int
    """Random directions."""

    @property
    def passes(self) -> float:
        """Forward passes of each sample."""
        return PRODUCT * (self.products + self.signs + self.steps) + self.points * (1 + self.randoms)


_FULL = _Work(0, 60, 3, 16, 40, 25, 3)
_COARSE = _Work(0, 25, 1, 4, 12, 11, 1)


@dataclass(frozen=True, eq=False)
class _Found:
    data: Dataset
    top: Eigenpairs
    trace: Trace
    spectrum: Spectrum
    slices: dict[str, list[Tensor]]
    """Mean losses at `places`, by the kind of direction."""
    places: Tensor
    length: float
    """Of all parameters."""
    size: int


def _plan(subject: Subject) -> _Work:
    for work, fewest in ((_FULL, 0), (_COARSE, FEWEST)):
        count = subject.affordable(work.passes, SAMPLES, share=SHARE, fewest=fewest)
        if count >= FEWEST:
            break
    return _Work(count, work.products, work.tops, work.signs, work.steps, work.points, work.randoms)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    work = _plan(subject)
    check_affordable(subject, work.passes, min(work.samples, FEWEST))
    return work.samples * work.passes


def examine(subject: Subject) -> Finding:
    """Sharpness, trace and spectrum of the Hessian of the mean cross-entropy, and the loss along directions."""
    passes(subject)
    with differentiated():
        found = _measure(subject.in_single_precision, _plan(subject))
    sharpness, mean = found.top.values[0].item(), found.trace.value / found.size
    narrow = found.spectrum.share_below(-0.01 * max(sharpness, 1e-12))
    random = np.mean([_rise(each) for each in found.slices["random"]])
    top = _rise(found.slices["top"][0])
    most = f"{2 / sharpness:.3g}" if sharpness > 0 else "any"
    figures: dict[str, Number] = {
        "samples": len(found.data),
        "parameters": found.size,
        **{f"eigenvalue {i + 1}": float(f"{value:.4g}") for i, value in enumerate(found.top.values.tolist())},
        "trace": float(f"{found.trace.value:.4g}"),
        "standard error of the trace": float(f"{found.trace.error:.2g}"),
        "share of eigenvalues clearly below zero": round(narrow, 4),
        "loss": round(float(found.slices["top"][0][len(found.places) // 2]), 5),
        "loss at the end of the top direction": round(top, 4),
        "loss at the end of random directions": round(float(random), 4),
    }
    return Finding(
        sentence=(
            f"The sharpest direction of its loss has a curvature of {sharpness:.3g}, {abs(sharpness / mean):,.0f} "
            f"times the mean over all {found.size:,} directions (trace {found.trace.value:.3g} ± "
            f"{found.trace.error:.1g}): plain gradient descent is stable up to a learning rate of {most}."
            if mean
            else f"Its loss is flat: the largest curvature is {sharpness:.3g}."
        ),
        glance=f"sharpness {sharpness:.3g}, stable up to a rate of {most}",
        advice=(
            "A learning rate beyond that bound moves it to a flatter place before it settles again. Sharpness says "
            "little by itself about how well it generalises: it changes when weights are rescaled and answers are not."
        ),
        reading=(
            "On the left, how the curvatures of all directions are spread: most lie close to 0, and few are large, "
            "about one for each class; what lies below 0 are directions in which the loss still falls. On the right, "
            "the loss when the parameters move along the sharpest direction and along random ones, by up to half their "
            "own length; a random direction has the size of each filter that it moves. All is measured on "
            f"{len(found.data):,} {called(subject)} with cross-entropy, whatever the network was trained with."
        ),
        pictures=(
            Picture.of(
                _draw(found), "Density of the Hessian's eigenvalues; the loss along the top and random directions"
            ),
        ),
        figures=figures,
        code=(
            "from netopsy.landscape.curvature import hessian, hutchinson_trace, top_eigenpairs\n\n"
            "curvature = hessian(model, data[: min(200, len(data))])\n"
            "print(top_eigenpairs(curvature, tolerance=0.02).values, hutchinson_trace(curvature))"
        ),
    )


def _measure(subject: Subject, work: _Work) -> _Found:
    data = samples_of(subject, work.samples)
    curvature = hessian(subject.model, data, batch_size=BATCH)
    seed = derive(subject.seed, "loss shape")
    top = top_eigenpairs(curvature, min(work.tops, curvature.size), tolerance=TOLERANCE, max_products=MOST, seed=seed)
    trace = hutchinson_trace(curvature, samples=work.signs, seed=seed)
    spectrum = spectral_density(curvature, steps=work.steps, samples=1, seed=seed)
    state = curvature.parameters
    length = float(torch.cat([value.reshape(-1) for value in state.values()]).norm())
    places = torch.linspace(-REACH, REACH, work.points)
    directions = {
        "top": [unflatten(length * top.vectors[:, 0], state)],
        "random": [random_direction(state, seed=derive(seed, str(i)), scale="filter") for i in range(work.randoms)],
    }
    slices = {
        name: [_slice(subject, data, state, each, places) for each in track(every, f"loss along {name} directions")]
        for name, every in directions.items()
    }
    return _Found(data, top, trace, spectrum, slices, places, length, curvature.size)


def _slice(subject: Subject, data: Dataset, state: State, direction: State, places: Tensor) -> Tensor:
    found = []
    for at in places.tolist():
        moved = {name: value + at * direction[name].nan_to_num(0.0) for name, value in state.items()}
        found.append(sample_losses(subject.model, data, at=moved, batch_size=BATCH).double().mean().cpu())
    return torch.stack(found)


def _rise(losses: Tensor) -> float:
    """The mean loss at the two ends."""
    return float((losses[0] + losses[-1]) / 2)


def _draw(found: _Found) -> Figure:
    drawn, ((spread, along),) = figure_grid(1, 2, 7.4, 3.0)
    found.spectrum.plot(spread)
    for value in found.top.values.tolist():
        spread.axvline(value, color=PALETTE[1], linewidth=1, linestyle="--")
    for name, color in (("top", PALETTE[1]), ("random", PALETTE[0])):
        for number, losses in enumerate(found.slices[name]):
            shown = f"{'sharpest direction' if name == 'top' else 'random directions'}" if not number else None
            along.plot(100 * found.places, losses.clamp_min(1e-12), color=color, label=shown)
    along.axvline(0, color=INK, linewidth=0.8, linestyle=":")
    along.set(xlabel="moved by (% of the parameters' length)", ylabel="loss", yscale="log")
    along.legend()
    return drawn


INSTRUMENT = Instrument(
    name="loss-shape",
    title="How sharply its loss bends",
    term="sharpness, Hessian spectrum",
    chapter="the shape of its loss",
    examine=examine,
    applies=why_not,
    papers=("opposing-signals",),
    order=10,
    passes=passes,
    worth=40,
)
