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

TOLERANCE = 1e-3
"""PyHessian's own."""
BATCH = 250


def benchmarks() -> Iterator[Comparison | Growth]:
    """One batch that is run a single time, several batches, the trace; then growth alone."""
    peer = _pyhessian()
    data = digits_split()[0]
    check(peer, data)
    model = trained([64, 100, 100, 10], data)
    loader = [(data.inputs[i : i + BATCH], data.targets[i : i + BATCH]) for i in range(0, len(data), BATCH)]
    whole = (data.inputs, data.targets)
    yield Comparison(
        "curvature_top_one_batch",
        partial(ours, model, data),
        lambda: theirs(peer, model, data=whole).eigenvalues(tol=TOLERANCE),
        target=1.0,
        peer_name="PyHessian",
        rounds=5,
    )
    yield Comparison(
        "curvature_top_batches",
        partial(ours, model, data, batch_size=BATCH),
        lambda: theirs(peer, model, dataloader=loader).eigenvalues(tol=TOLERANCE),
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


def check(peer: Callable[..., Any], data: Dataset) -> None:
    """Ours is the dense Hessian's to 1e-4; how far the power iteration is from it is printed."""
    model, few = trained([64, 8, 10], data), data[:200]
    exact = float(torch.linalg.eigvalsh(dense(hessian(model, few)).double())[-1])
    found = top_eigenpairs(hessian(model, few)).values.item()
    assert abs(found - exact) < 1e-4 * exact, f"{found} is not the dense Hessian's {exact}"
    power = theirs(peer, model, data=(few.inputs, few.targets)).eigenvalues(tol=TOLERANCE)[0][0]
    off, way_off = (abs(each - exact) / exact for each in (found, power))
    print(f"dense {exact:.5f}; ours off by {off:.1e}, PyHessian by {way_off:.1e}\n")


def _pyhessian() -> Callable[..., Any]:
    try:
        from pyhessian import hessian as peer
    except ImportError as error:
        raise InputError(
            "the benchmark curvature compares with PyHessian, which is missing: pip install pyhessian"
        ) from error
    return peer  # type: ignore[no-any-return]
