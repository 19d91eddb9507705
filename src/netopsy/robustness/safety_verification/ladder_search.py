"""The paper's search for a counterexample: round after round, layer after layer, along one path or along all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.layers import INPUT
from netopsy.robustness.checks import Bounds, as_batch
from netopsy.robustness.queries import Classifier
from netopsy.robustness.safety_verification.grid import Mode, grid_points
from netopsy.robustness.safety_verification.propagation import count_of
from netopsy.robustness.safety_verification.pullback import pull_back, track
from netopsy.robustness.safety_verification.question import LEAST_MARGIN, Found, Question
from netopsy.robustness.safety_verification.reading import read_network
from netopsy.robustness.safety_verification.region import Region, extremal, input_region, region_of
from netopsy.robustness.safety_verification.solvers import Limits
from netopsy.robustness.safety_verification.verdict import Verdict

MOST_PATHS = 64
"""Images that a search along all paths keeps from one round to the next."""
HIDDEN = 1.0
"""Span at hidden layers."""
MOST_POINTS = 4096
"""Of a layer's grid that are taken back to images in a round."""


@checked
def search(
    model: Classifier,
    image: Tensor,
    *,
    layers: Sequence[str] = (INPUT,),
    n_dims: int = 5,
    span: float | int = 1.0,
    count: int = 1,
    mode: Mode = "convex",
    rounds: int = 12,
    path: Literal["single", "multi"] = "single",
    tolerance: float | int = 0.1,
    bounds: Bounds | None = (0, 1),
    timeout: float | int | None = None,
    seed: int = 0,
) -> Verdict:
    """Look for a counterexample as the paper's search does, far beyond what one region holds.

    At each of ``layers``, from the image anew: a round takes an image, chooses ``n_dims`` of its pixels that were not
    chosen before, takes that region to the layer, and goes through the layer's grid. Each point is taken back to an
    image, layer by layer, and that image is run through the network. Where none has another class, the next round goes
    on from one of them ("single") or from all ("multi", at most 64).

    The answer is "unsafe" with the counterexample, or "unknown": a search along some paths proves nothing.

    Args:
        layers: "" for the input, others as in ``named_modules()``; the network must then be a chain.
        span, count: of the steps, as in `input_region`; hidden layers take a span of 1, as the paper does on images,
            or half of what a unit can move where that is less.
        mode: points of the grid: "convex" for its corners, "line" for all.
        tolerance: how far beyond its region an image that was taken back may be, per pixel.
        seed: for the choice of the image to go on from.

    Raises:
        InputError: no layer or one that is not there, a branching network behind its input, or a setting out of range.

    Source: section 4 of the paper, and its released code.

    >>> def scores(images):
    ...     return images.flatten(1) - torch.tensor([0.0, 0.3])
    >>> search(scores, torch.tensor([[[0.5, 0.6]]]), n_dims=1, rounds=2).status
    'unsafe'
    """
    start, limits = time.monotonic(), Limits.of(timeout)
    require(len(layers) > 0, "layers must name at least one layer, got none")
    require(rounds >= 1, f"rounds must be 1 or more, got {rounds}")
    require(path in ("single", "multi"), f"path must be 'single' or 'multi', got {path!r}")
    require(tolerance >= 0, f"tolerance must not be negative, got {tolerance}")
    as_batch(image, bounds)
    region = input_region(image, n_dims=n_dims, span=span, count=count)
    question = Question(model, image, region, bounds, LEAST_MARGIN, 8192, read=False)
    found = question.broken(question.image[None])
    random = torch.Generator().manual_seed(seed)
    for layer in layers:
        if found is not None or limits.over:
            break
        steps = _Steps(question, model, layer, n_dims, float(span), count, mode, float(tolerance), bounds)
        found = steps.walk(rounds, path, limits, random)
    reason = "" if found else ("the time was up" if limits.over else f"{rounds} rounds found none")
    said = "the counterexample was run through the network itself" if found else "nothing was shown"
    return Verdict(
        "unsafe" if found else "unknown",
        f"search, {path} path",
        question.predicted,
        region if found is None else _moved(question.image, found.point, float(span), count),
        question.image,
        said,
        None if found is None else found.point,
        None if found is None else found.label,
        evaluated=question.evaluated,
        seconds=time.monotonic() - start,
        reason=reason,
    )


def _moved(image: Tensor, point: Tensor, span: float, count: int) -> Region:
    """Of the pixels that the counterexample changes; the image's own first where a tie needs no change."""
    dims = (point != image).flatten().nonzero()[:, 0].tolist() or [0]
    return region_of(dims, span, count)


class _Steps:
    """Rounds at one layer."""

    def __init__(
        self,
        question: Question,
        model: Classifier,
        layer: str,
        n_dims: int,
        span: float,
        count: int,
        mode: Mode,
        tolerance: float,
        bounds: Bounds | None,
    ) -> None:
        self.question, self.layer, self.n_dims, self.span = question, layer, n_dims, span
        self.count, self.mode, self.tolerance, self.bounds = count, mode, tolerance, bounds
        self.end, self.network = 0, None
        if layer != INPUT:
            require(isinstance(model, nn.Module), "a function has no layers to search at: leave layers as it is")
            assert isinstance(model, nn.Module)
            self.network = read_network(model, question.image)
            self.end = self.network.number(layer)

    def walk(self, rounds: int, path: str, limits: Limits, random: torch.Generator) -> Found | None:
        """Until something of another class is met, or the rounds are over."""
        waiting, used = [self.question.image], set[int]()
        for _ in range(rounds):
            if limits.over:
                return None
            dims = extremal(self.question.image, self.n_dims, used=sorted(used))
            used = set(dims) if used & set(dims) else used | set(dims)
            reached = torch.cat([self.around(image, dims) for image in waiting])
            if len(reached) == 0:
                continue
            found = self.question.broken(reached)
            if found is not None:
                return found
            order = torch.randperm(len(reached), generator=random)[: 1 if path == "single" else MOST_PATHS]
            waiting = list(reached[order])
        return None

    def around(self, image: Tensor, dims: list[int]) -> Tensor:
        """The images that the points of the layer's grid around an image stand for."""
        region = region_of(dims, self.span, self.count)
        if self.network is None or self.end == 0:
            return torch.cat(list(grid_points(region, image, mode=self.mode, bounds=self.bounds)))
        on = track(self.network, image, region, self.end, self.n_dims)
        last, kept = on.results[-1], on.dims[-1]
        reach = on.reach[-1].flatten()[kept].tolist()
        spans = [min(HIDDEN, each / 2) if each > 0 else HIDDEN for each in reach]
        counts = [count_of(each, span) for each, span in zip(reach, spans, strict=True)]
        grid = grid_points(region_of(kept, spans, counts), last, mode=self.mode, bounds=None)
        targets, size = [], 0
        for some in grid:
            targets.append(some.flatten(1)[:, kept])
            size += len(some)
            if size >= MOST_POINTS:
                break
        images = pull_back(on, torch.cat(targets)[:MOST_POINTS], self.bounds, self.tolerance)
        return images.to(image.dtype)
