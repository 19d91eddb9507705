"""The information bottleneck: how much about Y can be kept for how much of X."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require

Array = NDArray[np.float64]
_TINY = 1e-12
_ALIKE = 1e-6
"""Clusters whose p(y|t) differ by no more at any label are one."""
_STEPS = 20_000


@dataclass(frozen=True)
class IBCurve:
    """Points of the curve, from the largest beta to the smallest, information in bits."""

    ixt: Array
    ity: Array
    beta: Array
    encoders: tuple[Array, ...]
    """``p(t|x)`` ``[x, clusters]`` of each point."""
    converged: NDArray[np.bool_]
    """Whether each point settled within the steps allowed."""

    def bound(self, ixt: ArrayLike) -> Array:
        """The most ``I(T;Y)`` seen at ``I(X;T)``: linear between the points and from (0, 0), flat beyond the last.

        The curve is concave, so that between points this lies at most at the true bound.
        """
        order = np.argsort(self.ixt)
        x, y = np.append(0.0, self.ixt[order]), np.maximum.accumulate(np.append(0.0, self.ity[order]))
        return np.interp(np.asarray(ixt, dtype=np.float64), x, y)


@checked
def information_bottleneck(
    p_xy: Float[Tensor, "x y"],
    betas: Sequence[float | int],
    *,
    n_clusters: int | None = None,
    tol: float = 1e-10,
) -> IBCurve:
    """The curve of ``min I(X;T) - beta I(T;Y)``, by reverse annealing.

    Tishby, Pereira and Bialek 1999; Shwartz-Ziv and Tishby 2017, section 2.3. Inputs of equal ``p(y|x)`` are merged
    first, which is exact. From ``T = X`` at the largest beta each smaller one starts from what the one before found.
    Alike and empty clusters are merged on the way.

    Args:
        p_xy: joint distribution. A deterministic Y leaves the method no trade-off: give it some noise.
        betas: any order.
        n_clusters: at most so many; by default as many as there are different ``p(y|x)``.
        tol: a point has settled when no ``p(t|x)`` moves by more.

    Raises:
        InputError: a joint distribution that is negative or does not sum to 1, no or a non-positive beta, fewer than
            1 cluster.

    >>> import torch
    >>> curve = information_bottleneck(torch.tensor([[0.5, 0.0], [0.0, 0.5]]), [2.0])
    >>> curve.ixt.round(6).tolist(), curve.ity.round(6).tolist()
    ([1.0], [1.0])
    """
    px, py_x, of_input = _classes(_joint(p_xy))
    require(len(betas) > 0, "betas must not be empty")
    require(all(0 < beta < math.inf for beta in betas), f"betas must be positive and finite, got {min(betas)}")
    require(tol > 0, f"tol must be positive, got {tol}")
    require(n_clusters is None or n_clusters >= 1, f"n_clusters must be at least 1, got {n_clusters}")
    encoder = np.eye(len(px))
    if n_clusters is not None and n_clusters < len(px):
        order = np.argsort(py_x[:, 0], kind="stable")
        group = np.empty(len(px), dtype=np.int64)
        group[order] = np.minimum(np.cumsum(px[order]) * n_clusters, n_clusters - 1).astype(np.int64)
        encoder = np.eye(n_clusters)[group]
    points = list(_anneal(px, py_x, encoder, sorted(map(float, betas), reverse=True), tol))
    ixt, ity = np.array([_point(px, py_x, each) for _, each, _ in points]).T
    found = tuple(each[of_input] for _, each, _ in points)
    return IBCurve(ixt, ity, np.array([b for b, _, _ in points]), found, np.array([c for _, _, c in points]))


@checked
def ib_critical_beta(p_xy: Float[Tensor, "x y"]) -> float:
    """The least beta at which T keeps anything: ``1/rho^2``, with rho the maximal correlation of X and Y.

    rho is the second singular value of ``p(x,y) / sqrt(p(x) p(y))``; infinite where X and Y are independent.

    Raises:
        InputError: a joint distribution that is negative or does not sum to 1.

    >>> import torch
    >>> round(ib_critical_beta(torch.tensor([[0.45, 0.05], [0.05, 0.45]])), 4)
    1.5625
    """
    joint = _joint(p_xy)
    joint = joint[joint.sum(1) > 0][:, joint.sum(0) > 0]
    if min(joint.shape) < 2:
        return math.inf
    scaled = joint / np.sqrt(np.outer(joint.sum(1), joint.sum(0)))
    rho = float(np.linalg.svd(scaled, compute_uv=False)[1])
    return math.inf if rho < _TINY else 1 / rho**2


@checked
def ib_inconsistency(p_xy: Float[Tensor, "x y"], encoder: Float[Tensor, "inputs t"], beta: float | int) -> float:
    """How far an encoder is from a fixed point of the bottleneck: mean ``KL[p(t|x) | its update]``, in bits.

    0 on the curve at its beta, which is the inverse of the curve's slope.

    Raises:
        InputError: no joint distribution, no ``p(t|x)`` of as many inputs, or a beta that is not positive and finite.

    >>> import torch
    >>> p_xy = torch.tensor([[0.45, 0.05], [0.05, 0.45]])
    >>> ib_inconsistency(p_xy, torch.ones(2, 1), 3.0)
    0.0
    """
    joint = _joint(p_xy)
    given = encoder.detach().cpu().double().numpy()
    require(0 < beta < math.inf, f"beta must be positive and finite, got {beta}")
    fits = len(given) == len(joint) and (given >= 0).all() and np.allclose(given.sum(1), 1, atol=1e-6)
    require(fits, f"encoder must be p(t|x) for each of {len(joint)} inputs, with rows that sum to 1")
    living = joint.sum(1) > 0
    joint, given = joint[living], given[living]
    px, py_x = joint.sum(1), joint / joint.sum(1, keepdims=True)
    used = px @ given > _TINY
    update = _update(px, py_x, given[:, used], beta)
    own = given[:, used]
    ratio = np.where(own > 0, np.log(np.maximum(own, 1e-300)) - np.log(np.maximum(update, 1e-300)), 0.0)
    return float(px @ (own * ratio).sum(1) / math.log(2)) + 0.0


def _joint(p_xy: Tensor) -> Array:
    joint = p_xy.detach().cpu().double().numpy()
    require(joint.ndim == 2 and joint.size > 0, f"p_xy must be [x, y], got shape {list(joint.shape)}")
    fits = np.isfinite(joint).all() and (joint >= 0).all() and abs(joint.sum() - 1) < 1e-6
    require(fits, f"p_xy must be a joint distribution that sums to 1, got a sum of {joint.sum():g}")
    return np.asarray(joint / joint.sum())


def _classes(joint: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """Probability and ``p(y|x)`` of each class of inputs alike, and the class of every input."""
    px = joint.sum(1)
    py_x = np.divide(joint, px[:, None], out=np.full_like(joint, 1 / joint.shape[1]), where=px[:, None] > 0)
    _, first, of_input = np.unique(py_x.round(13), axis=0, return_index=True, return_inverse=True)
    of_input = of_input.ravel()
    mass = np.bincount(of_input, weights=px)
    mass = np.maximum(mass, 1e-300)
    return mass / mass.sum(), py_x[first], of_input


def _anneal(
    px: Array, py_x: Array, encoder: Array, betas: Sequence[float], tol: float
) -> Iterator[tuple[float, Array, bool]]:
    for beta in betas:
        settled = False
        for step in range(_STEPS):
            after = _update(px, py_x, encoder, beta)
            settled = bool(np.abs(after - encoder).max() < tol)
            encoder = after if settled or step % 20 else _merged(px, py_x, after)
            if settled:
                break
        encoder = _merged(px, py_x, encoder)
        yield beta, encoder, settled


def _decoder(px: Array, py_x: Array, encoder: Array) -> tuple[Array, Array]:
    joint = px[:, None] * encoder
    pt = joint.sum(0)
    return pt, joint.T @ py_x / pt[:, None]


def _update(px: Array, py_x: Array, encoder: Array, beta: float) -> Array:
    """``p(t|x)`` proportional to ``p(t) exp(-beta KL[p(y|x) | p(y|t)])``; what depends on x alone cancels."""
    pt, py_t = _decoder(px, py_x, encoder)
    scores = np.log(pt) + beta * py_x @ np.log(np.maximum(py_t, 1e-300)).T
    return np.asarray(np.exp(scores - logsumexp(scores, axis=1, keepdims=True)))


def _merged(px: Array, py_x: Array, encoder: Array) -> Array:
    """Without empty clusters, and with alike ones as one."""
    encoder = encoder[:, px @ encoder > _TINY]
    _, py_t = _decoder(px, py_x, encoder)
    order = np.lexsort(py_t.T)
    apart = np.abs(np.diff(py_t[order], axis=0)).max(1) > _ALIKE
    starts = np.flatnonzero(np.append(True, apart))
    joined = np.add.reduceat(encoder[:, order], starts, axis=1)
    return np.asarray(joined / joined.sum(1, keepdims=True))


def _point(px: Array, py_x: Array, encoder: Array) -> tuple[float, float]:
    """``I(X;T)`` and ``I(T;Y)`` in bits."""
    pt, py_t = _decoder(px, py_x, encoder)
    py = px @ py_x
    ixt = float((px[:, None] * encoder * np.log2(np.where(encoder > 0, encoder / pt, 1.0))).sum())
    ity = float((pt[:, None] * py_t * np.log2(np.where(py_t > 0, py_t / np.where(py > 0, py, 1.0), 1.0))).sum())
    return max(ixt, 0.0), max(ity, 0.0)
