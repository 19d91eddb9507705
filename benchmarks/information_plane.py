"""Information of layers: all checkpoints at once against one by one; the bottleneck's curve against embo."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.timing import Comparison, Growth
from netopsy.representations.information_plane import icosahedral_dataset, information_bottleneck, layer_information
from netopsy.representations.information_plane.layers import TANH_EDGES

WIDTHS, CHECKPOINTS, GAMMA = (10, 7, 5, 4, 3), 20, 8.0922
BETAS = (1.1, 5.0, 7)
"""The least, the greatest, and how many, evenly spaced: what embo takes."""

Array = NDArray[np.float64]


def benchmarks() -> Iterator[Comparison | Growth]:
    """Equal values first, then the times."""
    layers, labels = _run(4096)
    apart = float(np.abs(np.array(ours(layers, labels)) - np.array(one_by_one(layers, labels))).max())
    print(f"  information of {CHECKPOINTS} checkpoints of {len(WIDTHS)} layers differs by at most {apart:.1e} bits")
    yield Comparison(
        "information_plane_checkpoints",
        partial(ours, layers, labels),
        partial(one_by_one, layers, labels),
        target=0.2,
        peer_name="numpy, one by one",
        rounds=5,
    )
    yield Growth(
        "information_plane_samples",
        {n: partial(ours, *_run(n)) for n in (4_096, 16_384, 65_536)},
        size_name="samples",
        rounds=3,
    )
    try:
        import embo  # noqa: F401
    except ImportError:
        print('  embo is missing: `pip install "netopsy[bench]"` brings it\n')
        return
    p_xy = _classes()
    curve, (ixt, ity, beta) = bottleneck(p_xy), with_embo(p_xy)
    found = {round(float(b), 9): (x, y) for x, y, b in zip(curve.ixt, curve.ity, curve.beta, strict=True)}
    pairs = [(*found[round(float(b), 9)], x, y, b) for x, y, b in zip(ixt, ity, beta, strict=True)]
    apart = max(max(abs(a - x), abs(b - y)) for a, b, x, y, _ in pairs)
    better = max(x - at * y - (a - at * b) for a, b, x, y, at in pairs)
    print(f"  at {len(pairs)} of {BETAS[2]} betas both have a point; they differ by at most {apart:.1e} bits,")
    print(f"  and embo's I(X;T) - beta I(T;Y), which is to be small, is greater by at most {better:.1e} bits")
    yield Comparison(
        "information_plane_bottleneck",
        partial(bottleneck, p_xy),
        partial(with_embo, p_xy),
        target=1.0,
        peer_name="embo",
        rounds=3,
    )


def _run(samples: int) -> tuple[list[Tensor], Tensor]:
    """Activations of a tanh network whose weights grow from checkpoint to checkpoint: ``[checkpoints, samples, u]``."""
    random = torch.Generator().manual_seed(0)
    values = (torch.rand(samples, 12, generator=random) < 0.5).float()
    values = values.expand(CHECKPOINTS, -1, -1)
    scale = torch.linspace(0.5, 5, CHECKPOINTS)[:, None, None]
    layers = []
    for width in WIDTHS:
        weight = torch.randn(values.shape[2], width, generator=random) / values.shape[2] ** 0.5
        values = torch.tanh(scale * (values @ weight))
        layers.append(values)
    return layers, torch.randint(0, 2, (samples,), generator=random)


def ours(layers: list[Tensor], labels: Tensor) -> list[tuple[Array, Array]]:
    """All checkpoints of a layer in one call."""
    found = [layer_information(each, labels) for each in layers]
    return [(each.ixt, each.ity) for each in found]


def one_by_one(layers: list[Tensor], labels: Tensor) -> list[tuple[Array, Array]]:
    """For each checkpoint and layer the unique rows of bins, over all samples and within each class."""
    y = labels.numpy()
    shares = np.bincount(y) / len(y)
    found = []
    for layer in layers:
        points = []
        for values in layer.numpy():
            bins = np.digitize(values.astype(np.float64), TANH_EDGES)
            rows = np.ascontiguousarray(bins).view(np.dtype((np.void, bins.dtype.itemsize * bins.shape[1]))).ravel()
            whole = _entropy(rows)
            within = sum(share * _entropy(rows[y == label]) for label, share in enumerate(shares))
            points.append((whole, whole - within))
        found.append(tuple(np.array(points).T))
    return found  # type: ignore[return-value]


def _entropy(rows: NDArray[np.void]) -> float:
    _, counts = np.unique(rows, return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _classes() -> Array:
    """The task with inputs of equal ``p(y|x)`` merged, as embo is to have them, too."""
    rows = icosahedral_dataset(GAMMA)[1].numpy()
    kinds, counts = np.unique(rows.round(13), axis=0, return_counts=True)
    return np.asarray(kinds * counts[:, None] / len(rows))


def bottleneck(p_xy: Array) -> object:
    """The curve by reverse annealing."""
    return information_bottleneck(torch.from_numpy(p_xy), np.linspace(*BETAS).tolist(), tol=1e-6)


def with_embo(p_xy: Array) -> tuple[Array, Array, Array]:
    """The same with embo, from one random start a beta."""
    from embo import InformationBottleneck

    least, most, count = BETAS
    options = {"minbeta": least, "maxbeta": most, "numbeta": count, "restarts": 1, "iterations": 2000, "rtol": 1e-6}
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002 - embo draws its starts from the global state
    found = InformationBottleneck(pxy=p_xy.copy(), **options).get_bottleneck()
    np.random.set_state(state)  # noqa: NPY002
    ixt, ity, _, beta = (np.asarray(each) for each in found)
    return ixt, ity, beta
