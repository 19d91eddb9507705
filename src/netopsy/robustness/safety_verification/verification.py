"""Is one decision stable in a region? The methods behind one function."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.core.layers import INPUT
from netopsy.robustness.checks import Bounds, as_batch
from netopsy.robustness.queries import Classifier
from netopsy.robustness.safety_verification.cells import prove_pieces
from netopsy.robustness.safety_verification.complete import decide
from netopsy.robustness.safety_verification.grid import MOST, Mode, search_grid
from netopsy.robustness.safety_verification.propagation import propagate_region
from netopsy.robustness.safety_verification.question import LEAST_MARGIN, TIGHT, Found, Question
from netopsy.robustness.safety_verification.region import Region
from netopsy.robustness.safety_verification.rounding import ASSUMED
from netopsy.robustness.safety_verification.solvers import Limits, solver_called
from netopsy.robustness.safety_verification.verdict import SHOWN, Method, Status, Verdict

HOW = {
    "bounds": "by intervals and linear relaxation in double precision",
    "grid+cells": "by intervals and linear relaxation in double precision, piece by piece",
    "milp": "by mixed-integer programming (HiGHS, to its tolerances of 1e-6) after bounds in double precision",
    "smt": "by satisfiability modulo exact linear arithmetic (z3) after bounds in double precision",
}


@checked
@torch.inference_mode(mode=False)
def verify(
    model: Classifier,
    image: Tensor,
    region: Region,
    *,
    method: Method = "milp",
    mode: Mode = "line",
    margin: float | int = 1e-4,
    bounds: Bounds | None = (0, 1),
    timeout: float | int | None = None,
    nodes: int | None = None,
    batch_size: int = 8192,
) -> Verdict:
    """Whether everything in a region around an image, or around a layer's activations, keeps the image's class.

    Five methods, of which bounds go first in every one:

    - "grid": every point of the grid (section 3 of the paper); boxes of points are proved by bounds, the network is
      asked about the rest. Any classifier will do where the region is at the input.
    - "grid+cells": then every image between the points as well, by bounds over ever smaller pieces.
    - "bounds": intervals and linear relaxation alone, for networks too large for more.
    - "milp", "smt": the whole region, completely: mixed-integer programming, or z3 (``pip install 'netopsy[verify]'``).

    A counterexample was always run through the network itself. Nothing is called safe unless every other class stays
    behind by ``margin``, or by what rounding in the network's own precision can do if that is more. Equal scores count
    as another class.

    Args:
        model: a network in evaluation mode or a function from images to scores; for all but "grid" at the input, a
            network of the layers that `read_network` reads.
        image: ``[channels, height, width]``, in the network's precision.
        region: from `input_region` or `propagate_region`.
        mode: which points of the grid: "line" for all, "convex" for its corners.
        margin: 1e-6 or more.
        bounds: of pixels, at which a region at the input ends; ``None`` for none.
        timeout: seconds after which the answer is "unknown".
        nodes: branches or pieces at most, which, unlike seconds, are the same on every machine.

    Raises:
        InputError: a grid of more than 2e8 points without ``timeout``, a layer that cannot be read, z3 missing, or an
            image outside ``bounds``.

    Source: Huang et al. 2017 (arXiv 1610.06940), sections 2 and 3; the complete check of a region, which the paper's
    solver makes layer by layer, is one program here (Tjeng, Xiao and Tedrake 2019).

    >>> from netopsy.robustness.safety_verification import input_region
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    >>> _ = net[1].weight.data.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]])), net[1].bias.data.zero_()
    >>> image = torch.tensor([[[0.8, 0.2]]])
    >>> [verify(net, image, input_region(image, n_dims=2, span=s)).status for s in (0.29, 0.31)]
    ['safe', 'unsafe']
    """
    start = time.monotonic()
    lookup("method", method, {"grid": 0, **HOW})
    require(margin >= LEAST_MARGIN, f"margin must be at least {LEAST_MARGIN:g}, got {margin:g}")
    require(timeout is None or timeout > 0, f"timeout must be a positive number of seconds, got {timeout}")
    require(nodes is None or nodes >= 1, f"nodes must be 1 or more, got {nodes}")
    require(mode in ("line", "convex"), f"mode must be 'line' or 'convex', got {mode!r}")
    as_batch(image, bounds)
    points = 2 ** len(region.dims) if mode == "convex" else region.points
    if method.startswith("grid"):
        require(
            points <= MOST or timeout is not None,
            f"the grid has {points:.3g} points, more than {MOST:.0e}: give timeout, or fewer dims or steps",
        )
    if region.layer == INPUT:
        region.radius(tuple(image.shape))
    solver = solver_called(method) if method in ("milp", "smt") else None
    tight = 0 if method.startswith("grid") else TIGHT
    limits = Limits.of(timeout, nodes)
    question = Question(model, image, region, bounds, float(margin), batch_size, tight=tight)
    if method != "grid" or region.layer != INPUT:
        question.need_network()
    first = question.broken(question.centre[None])
    if first is not None:
        found = _verdict(question, method, first)
    elif method == "grid" or method == "grid+cells":
        found = _by_grid(question, method, mode, points, limits, batch_size)
    else:
        done = decide(question, solver, limits)
        status: Status = "safe" if done.whole else "unknown"
        shown = "bounds" if done.by_bounds == len(question.rivals) else method
        found = replace(_verdict(question, shown, done.found, status, reason=done.reason), method=method)
    return replace(found, seconds=time.monotonic() - start, evaluated=question.evaluated)


def _by_grid(question: Question, method: Method, mode: Mode, points: int, limits: Limits, batch_size: int) -> Verdict:
    done = search_grid(question, mode, limits, batch_size)
    if done.found is not None or not done.whole:
        reason = "" if done.found else f"the time was up after {done.proved + done.asked:,} of {points:,} points"
        return replace(_verdict(question, method, done.found, "unknown", reason=reason), proved=done.proved)
    if method == "grid+cells":
        pieces = prove_pieces(question, limits)
        if pieces.found is not None or pieces.whole:
            return replace(_verdict(question, method, pieces.found, "safe"), proved=done.proved)
        reason = f"between the points, {pieces.looked_at:,} pieces did not prove the rest"
        return replace(_verdict(question, method, None, "grid-safe", reason=reason, points=points), proved=done.proved)
    return replace(_verdict(question, method, None, "grid-safe", points=points), proved=done.proved)


def _verdict(
    question: Question,
    method: str,
    found: Found | None,
    status: Status = "unknown",
    *,
    reason: str = "",
    points: int = 0,
) -> Verdict:
    if found is not None:
        status = "unsafe" if question.region.layer == INPUT else "layer-unsafe"
    return Verdict(
        status=status,
        method=method,
        predicted=question.predicted,
        region=question.region,
        image=question.image,
        assumptions=_assumptions(question, method, status, points),
        counterexample=None if found is None else found.point,
        found=None if found is None else found.label,
        margin=question.margin,
        reason=reason,
    )


def _assumptions(question: Question, method: str, status: Status, points: int) -> str:
    own = "its own double precision" if question.centre.dtype == torch.float64 else "its own single precision"
    layer = question.region.layer
    what = "image of the region" if layer == INPUT else f"activation of the region at layer {layer}"
    if status == "safe":
        return (
            f"no {what} has another class or ties: in real arithmetic every other class stays behind by "
            f"{question.margin:.2g} or more, which is more than rounding in {own} can do ({ASSUMED}); "
            f"shown {HOW[method]}"
        )
    if status == "grid-safe":
        proved = (
            f"; where bounds proved boxes of points, by a lead above {question.margin:.2g}, more than rounding can do "
            f"({ASSUMED})"
            if question.network is not None
            else ""
        )
        return (
            f"none of the {points:,} points of the grid has another class or ties, as the network itself computes "
            f"them{proved}; what lies between the points was not looked at"
        )
    return SHOWN.get(status, "nothing was shown")


@checked
@torch.inference_mode(mode=False)
def verify_layers(
    model: nn.Module,
    image: Tensor,
    region: Region,
    layers: Sequence[str],
    *,
    span: float | int | None = None,
    **options: object,
) -> list[Verdict]:
    """`verify` at the input and then at each of ``layers``, whose regions are propagated from one to the next.

    What is safe at a layer is safe at those below it, so the first safe layer settles them; "layer-unsafe" settles
    nothing below. ``span`` is that of `propagate_region`; ``options`` are those of `verify`.

    Raises:
        InputError: what `propagate_region` and `verify` raise.

    Source: section 3.2 of the paper, theorem 1.

    >>> from netopsy.robustness.safety_verification import input_region
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> image = torch.full((1, 2, 2), 0.5)
    >>> found = verify_layers(net, image, input_region(image, n_dims=2, span=1e-3), ["1", "2"])
    >>> [one.layer for one in found]
    ['', '1', '2']
    """
    regions = [region]
    for layer in layers:
        regions.append(propagate_region(model, image, regions[-1], layer, span=span))
    return [verify(model, image, one, **options) for one in regions]  # type: ignore[arg-type]
