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
    Effort,
    bend,
    called,
    differentiated,
    effort_of,
    sharpest,
    why_not,
)
from netopsy.examination.subject import Subject
from netopsy.landscape.curvature import (
    Eigenpairs,
    Spectrum,
    Trace,
    hutchinson_trace,
    sample_losses,
    spectral_density,
)

COARSELY = (
    " A network of this size is looked at coarsely, on few samples and in few steps: other samples would move the "
    "curvatures, and not all that lie between the largest and 0 are drawn."
)
REACH = 0.5
"""How far slices reach, as a share of the length of all parameters."""


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


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    effort = effort_of(subject)
    return effort.samples * effort.passes


def examine(subject: Subject) -> Finding:
    """Sharpness, trace and spectrum of the Hessian of the mean cross-entropy, and the loss along directions."""
    effort = effort_of(subject)
    with differentiated():
        found = _measure(subject.in_single_precision, effort)
    sharpness, trace, digits = found.top.values[0].item(), found.trace, 2 if effort.coarse else 3
    narrow = found.spectrum.share_below(-0.01 * max(sharpness, 1e-12))
    random = np.mean([_rise(each) for each in found.slices["random"]])
    top = _rise(found.slices["top"][0])
    sharp = _rounded(sharpness, digits)
    most = _rounded(2 / sharpness, digits) if sharpness > 0 else "any"
    spread = f"trace {_rounded(trace.value, digits)} ± {_rounded(trace.error, 1)}"
    over_all = f"the mean over all {found.size:,} directions ({spread})"
    beside = (
        f", {sharpness / (trace.value / found.size):,.0f} times {over_all}"
        if sharpness > 0 and trace.value > 2 * trace.error
        else f", beside {over_all}, which is too near 0 to be told from it"
    )
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
            f"The sharpest direction of its loss has a curvature of {sharp}{beside}: plain gradient descent is stable "
            f"up to a learning rate of {most}."
            if sharpness
            else "Its loss is flat: no direction has a curvature."
        ),
        glance=f"sharpness {sharp}, stable up to a rate of {most}",
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
            + COARSELY
            * effort.coarse
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


def _measure(subject: Subject, effort: Effort) -> _Found:
    data, curvature = bend(subject)
    (top, seen), seed = sharpest(subject, curvature), derive(subject.seed, "loss shape")
    trace = hutchinson_trace(curvature, samples=effort.signs, seed=seed)
    spectrum = seen.spectrum if seen else spectral_density(curvature, steps=effort.steps, samples=1, seed=seed)
    state = curvature.parameters
    length = float(torch.cat([value.reshape(-1) for value in state.values()]).norm())
    places = torch.linspace(-REACH, REACH, effort.points)
    directions = {
        "top": [unflatten(length * top.vectors[:, 0], state)],
        "random": [random_direction(state, seed=derive(seed, str(i)), scale="filter") for i in range(effort.randoms)],
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
        found.append(sample_losses(subject.model, data, at=moved, batch_size=subject.batch_size).double().mean().cpu())
    return torch.stack(found)


def _rounded(value: float, digits: int) -> str:
    return f"{float(f'{value:.{digits}g}'):,g}"


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
