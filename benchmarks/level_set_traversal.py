"""Level set traversal of 16 pairs against the plain loop, of two forward passes and one backward, and how it grows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.timing import Comparison, Growth
from netopsy.models import resnet18
from netopsy.robustness.level_set_traversal import level_set_traversal, triangle_confidence

STEPS, ETA, EPS, DELTA = 12, 1e-2, 2e-3, 0.2


def benchmarks() -> Iterator[Comparison | Growth]:
    """Against the loop as one writes it first, with ``backward()``, and against one that spares the parameters."""
    model = resnet18(classes=10, widths=(16, 32, 64, 128)).eval()
    given = pairs(model, 16)
    for spare in (False, True):
        check(model, given, spare=spare)
        yield Comparison(
            f"level_set_traversal{'_images_only' if spare else ''}",
            partial(ours, model, *given),
            partial(plain_loop, model, *given, spare=spare),
            target=0.8 if spare else 1 / 1.5,
            peer_name="loop, images only" if spare else "plain loop",
            rounds=7,
        )
    yield Growth(
        "level_set_traversal_pairs",
        {count: partial(ours, model, *pairs(model, count)) for count in (4, 16, 64)},
        size_name="pairs",
        rounds=3,
    )
    yield Growth(
        "triangle_points",
        {count: partial(triangles, model, count) for count in (4, 16, 64)},
        size_name="triangles",
        rounds=3,
    )


def ours(model: nn.Module, source: Tensor, label: Tensor, target: Tensor) -> Tensor:
    """The walk with the same numbers."""
    options = {"steps": STEPS, "step_size": ETA, "adv_step": EPS, "conf_tol": DELTA, "init_noise": 0.0}
    return level_set_traversal(model, source, label, target, **options).final  # type: ignore[arg-type]


def plain_loop(model: nn.Module, source: Tensor, label: Tensor, target: Tensor, *, spare: bool) -> Tensor:
    """The published pseudo-code with the accepting rule of the authors' code, all pairs at once."""
    with torch.no_grad():
        clean = model(source).softmax(1).gather(1, label[:, None])[:, 0]
    at, pull = source.clone(), torch.zeros_like(source)
    for _ in range(STEPS):
        at = at.detach().requires_grad_()
        loss = nn.functional.cross_entropy(model(at), label, reduction="sum")
        if spare:
            (slope,) = torch.autograd.grad(loss, at)
        else:
            model.zero_grad()
            loss.backward()
            slope = at.grad
        at = at.detach()
        way = target - at
        along = (slope * way).flatten(1).sum(1) / slope.square().flatten(1).sum(1)
        pull = (pull + EPS / 2 * slope).clamp(-EPS, EPS)
        trial = (at + ETA * (way - along[:, None, None, None] * slope) - pull).clamp(0, 1)
        with torch.no_grad():
            said = model(trial).softmax(1).gather(1, label[:, None])[:, 0]
        at = torch.where((clean - said < DELTA)[:, None, None, None], trial, at)
    return at


def triangles(model: nn.Module, count: int) -> Tensor:
    """The 66 points of so many triangles."""
    source, label, target = pairs(model, count)
    return triangle_confidence(model, source, target, target.flip(3), label).confidence


def pairs(model: nn.Module, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random images with the classes that the network gives them."""
    source, target = torch.rand(2, count, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return source, model(source).argmax(1), target


def check(model: nn.Module, given: tuple[Tensor, Tensor, Tensor], *, spare: bool) -> None:
    """The two sides end at the same images."""
    error = (ours(model, *given) - plain_loop(model, *given, spare=spare)).abs().max()
    assert error < 1e-4, f"the ends differ by {error:.1e}"
