"""The largest eigenvalue of a Hessian against PyHessian's power iteration, and how it grows with the parameters.

PyHessian 0.1 needs neither torchvision nor a GPU: ``pip install pyhessian``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.timing import Comparison, Growth
from netopsy.core.errors import InputError
from netopsy.data import Dataset, digits_split
from netopsy.landscape.curvature import dense, hessian, hutchinson_trace, top_eigenpairs
from netopsy.models import mlp
from netopsy.training import Recipe, fit

OFF = 1e-4
"""Relative error of the eigenvalue that both sides may make."""
TOLERANCE, STEP = 1e-2, 1e-5
"""Ours of the residual, and PyHessian's of the change between two iterations, that keep to it."""
BATCH = 250


def benchmarks() -> Iterator[Comparison | Growth]:
    """One batch that is run a single time, several batches, the trace; then growth alone."""
    peer = _pyhessian()
    data = digits_split()[0]
    model = trained([64, 100, 100, 10], data)
    check(peer, model, data)
    loader = [(data.inputs[i : i + BATCH], data.targets[i : i + BATCH]) for i in range(0, len(data), BATCH)]
    whole = (data.inputs, data.targets)
    yield Comparison(
        "curvature_top_one_batch",
        partial(ours, model, data),
        lambda: theirs(peer, model, data=whole).eigenvalues(tol=STEP),
        target=1.0,
        peer_name="PyHessian",
        rounds=5,
    )
    yield Comparison(
        "curvature_top_batches",
        partial(ours, model, data, batch_size=BATCH),
        lambda: theirs(peer, model, dataloader=loader).eigenvalues(tol=STEP),
        target=1.0,
        peer_name="PyHessian",
        rounds=5,
    )
    yield Comparison(
        "curvature_trace",
        lambda: hutchinson_trace(hessian(model, data), samples=30),
        lambda: theirs(peer, model, data=whole).trace(maxIter=30, tol=0.0),
        target=1.1,
        peer_name="PyHessian",
        rounds=5,
    )
    sizes = {sum(p.numel() for p in net.parameters()): net for net in map(mlp, ([64, w, w, 10] for w in WIDTHS))}
    yield Growth(
        "curvature_top_parameters",
        {size: partial(ours, net, data[:200]) for size, net in sizes.items()},
        size_name="parameters",
    )


WIDTHS = (50, 200, 800)


def ours(model: nn.Module, data: Dataset, batch_size: int = 2000) -> float:
    """The largest eigenvalue, from a start of our own."""
    return top_eigenpairs(hessian(model, data, batch_size=batch_size), tolerance=TOLERANCE).values.item()


def theirs(peer: Callable[..., Any], model: nn.Module, **data: Any) -> Any:
    """PyHessian on the same mean loss."""
    model.zero_grad()
    torch.manual_seed(0)
    return peer(model, F.cross_entropy, cuda=False, **data)


def trained(sizes: list[int], data: Dataset) -> nn.Module:
    """A perceptron after some steps, in whose Hessian a few eigenvalues stand out."""
    model = mlp(sizes, activation="tanh")
    fit(model, data, Recipe(steps=200))
    return model


def check(peer: Callable[..., Any], model: nn.Module, data: Dataset) -> None:
    """Ours is the dense Hessian's on a small network; on the one that is timed both sides are as good as asked for."""
    small, few = trained([64, 8, 10], data), data[:200]
    exact = float(torch.linalg.eigvalsh(dense(hessian(small, few)).double())[-1])
    off = abs(ours(small, few) - exact) / exact
    assert off < OFF, f"the eigenvalue differs from the dense Hessian's by {off:.1e}"
    exact = top_eigenpairs(hessian(model, data), tolerance=1e-6).values.item()
    power = theirs(peer, model, data=(data.inputs, data.targets)).eigenvalues(tol=STEP)[0][0]
    for name, value in (("ours", ours(model, data)), ("PyHessian", power)):
        assert abs(value - exact) < OFF * exact, f"{name} is off by {abs(value - exact) / exact:.1e}"
    print(f"against the dense Hessian off by {off:.1e}\n")


def _pyhessian() -> Callable[..., Any]:
    try:
        from pyhessian import hessian as peer
    except ImportError as error:
        raise InputError(
            "the benchmark curvature compares with PyHessian, which is missing: pip install pyhessian"
        ) from error
    return peer  # type: ignore[no-any-return]
