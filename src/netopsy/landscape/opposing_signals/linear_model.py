"""The two-layer linear model of the paper's theory: flow, gradient descent and sharpness, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.integrate import solve_ivp
from torch import Tensor

from netopsy.core.arguments import checked, checked_class
from netopsy.core.errors import InputError, require
from netopsy.core.numbers import Array, as_floats
from netopsy.core.seeds import generator


@dataclass(frozen=True, eq=False)
class Flow:
    """The model's weights along training, by gradient flow or gradient descent."""

    times: Float[Tensor, "points"]
    """Time of the flow, or steps done."""
    first: Float[Tensor, "points inputs"]
    """First layer: the weight of every input."""
    second: Float[Tensor, "points"]
    """Second layer: one number."""
    sharpness: Float[Tensor, "points"]
    """Largest eigenvalue of the Hessian."""
    losses: Float[Tensor, "points"]
    """The loss, up to a constant."""

    @property
    def conserved(self) -> Float[Tensor, "points"]:
        """``second**2 - |first|**2``, which the flow does not change."""
        return self.second**2 - self.first.square().sum(1)


class TwoLayerLinear:
    """``second * (first @ x)`` with squared loss, known by the moments of its data.

    The loss is ``u @ covariance @ u / 2 - cross @ u`` in ``u = second * first``, up to a constant.

    Args:
        covariance: mean of ``x x^T``.
        cross: mean of ``y x``.

    Raises:
        InputError: moments whose shapes do not fit together, or that are not finite.
    """

    def __init__(self, covariance: Float[Tensor, "inputs inputs"], cross: Float[Tensor, "inputs"]) -> None:
        self.covariance, self.cross = as_floats(covariance, "covariance"), as_floats(cross, "cross")
        size = self.cross.size
        fits = self.cross.ndim == 1 and size > 0 and self.covariance.shape == (size, size)
        require(fits, f"covariance must be [inputs, inputs] and cross [inputs], got {self.covariance.shape}")
        finite = np.isfinite(self.covariance).all() and np.isfinite(self.cross).all()
        require(finite, "covariance and cross must be finite")

    def flow(
        self, first: Sequence[float | int] | Tensor, second: float | int, *, time: float | int, points: int = 200
    ) -> Flow:
        """The gradient flow from a start, by an implicit solver (LSODA, scipy's) to a relative accuracy of 1e-10.

        Args:
            first, second: where it starts.
            time: how long it runs.
            points: moments to keep, evenly spaced.

        Raises:
            InputError: a start of another size, a time that is not positive, fewer than two points.
        """
        start = self._start(first, second)
        require(0 < time < math.inf, f"time must be positive and finite, got {time}")
        require(isinstance(points, int) and points > 1, f"points must be an int of at least 2, got {points!r}")
        times = np.linspace(0, float(time), points)
        options: dict[str, Any] = {"method": "LSODA", "rtol": 1e-10, "atol": 1e-12}
        found = solve_ivp(lambda _, weights: -self._gradient(weights), (0, float(time)), start, t_eval=times, **options)
        if not found.success:
            raise InputError(f"the flow could not be followed to time={time}: {found.message}")
        return self._along(times, found.y.T)

    def gd(self, first: Sequence[float | int] | Tensor, second: float | int, *, lr: float | int, steps: int) -> Flow:
        """Gradient descent from a start, every step kept.

        Raises:
            InputError: a start of another size, numbers out of range, or divergence.
        """
        weights = self._start(first, second)
        require(0 < lr < math.inf, f"lr must be positive and finite, got {lr}")
        require(isinstance(steps, int) and steps > 0, f"steps must be an int of at least 1, got {steps!r}")
        rows = [weights]
        for step in range(steps):
            with np.errstate(all="ignore"):
                rows.append(rows[-1] - lr * self._gradient(rows[-1]))
            require(np.isfinite(rows[-1]).all(), f"gradient descent has diverged after {step + 1} steps at lr={lr}")
        return self._along(np.arange(steps + 1.0), np.stack(rows))

    def hessian(self, first: Sequence[float | int] | Tensor, second: float | int) -> Float[Tensor, "weights weights"]:
        """The Hessian at a point, the second layer last."""
        return torch.from_numpy(self._hessian(self._start(first, second)))

    def sharpness(self, first: Sequence[float | int] | Tensor, second: float | int) -> float:
        """The largest eigenvalue of the Hessian at a point."""
        return float(np.linalg.eigvalsh(self._hessian(self._start(first, second)))[-1])

    def _start(self, first: Any, second: Any) -> Array:
        weights = np.append(as_floats(first, "first"), as_floats(second, "second"))
        require(
            weights.shape == (len(self.cross) + 1,), f"first must have {len(self.cross)} entries, and second be one"
        )
        require(np.isfinite(weights).all(), "first and second must be finite")
        return weights

    def _gradient(self, weights: Array) -> Array:
        first, second = weights[:-1], weights[-1]
        slope = second * (self.covariance @ first) - self.cross
        return np.append(second * slope, first @ slope)

    def _hessian(self, weights: Array) -> Array:
        first, second = weights[:-1], weights[-1]
        turned = self.covariance @ first
        mixed = (2 * second * turned - self.cross)[:, None]
        whole: Array = np.block([[second**2 * self.covariance, mixed], [mixed.T, np.array([[first @ turned]])]])
        return whole

    def _along(self, times: Array, rows: Array) -> Flow:
        sharpness = np.array([np.linalg.eigvalsh(self._hessian(row))[-1] for row in rows])
        products = rows[:, -1:] * rows[:, :-1]
        losses = 0.5 * np.einsum("ti,ij,tj->t", products, self.covariance, products) - products @ self.cross
        return Flow(*map(torch.from_numpy, (times, rows[:, :-1].copy(), rows[:, -1].copy(), sharpness, losses)))


@checked_class
class TwoLayerOpposing(TwoLayerLinear):
    """The paper's model of opposing signals: inputs with a signal, and a rare strong feature of random sign.

    ``x_b`` is standard normal; with probability ``p`` the other ``d2`` inputs are all ``+sqrt(alpha / (p * d2))`` or
    all minus that, otherwise 0; ``y = beta @ x_b + |sum x_o| / 2``. As the sign is symmetric the strong feature carries
    nothing that a linear model could use, and its weight ``s = sum(first_o) / sqrt(d2)`` should be 0. Moments are exact
    here; those of a `sample` make a `TwoLayerLinear` by `sampled`.

    Source: section 3 of the paper, notation ours; statements recalled, constants unconfirmed. From a small balanced
    start sharpness first falls, while ``s`` is removed, then rises to ``alpha * |beta|``.

    Args:
        alpha: strength of the feature.
        beta: the signal.
        p: probability of the feature.
        d2: inputs that carry it.

    Raises:
        InputError: a number out of range.

    >>> model = TwoLayerOpposing(alpha=20, beta=[4.0], d2=1)
    >>> found = model.flow([0.0, 0.05], 0.05, time=10)
    >>> round(float(found.sharpness[-1]), 2)  # alpha * |beta|
    80.0
    """

    def __init__(
        self, alpha: float | int, beta: Sequence[float | int] | Tensor, *, p: float | int = 0.05, d2: int = 20
    ) -> None:
        require(0 < alpha < math.inf, f"alpha must be positive and finite, got {alpha}")
        require(0 < p <= 1, f"p must be in (0, 1], got {p}")
        require(isinstance(d2, int) and 0 < d2 < 10_000, f"d2 must be an int of at least 1, got {d2!r}")
        self.alpha, self.beta, self.p, self.d2 = float(alpha), as_floats(beta, "beta"), float(p), d2
        require(self.beta.ndim == 1 and self.beta.size > 0, "beta must be a list of at least one number")
        inputs = self.beta.size
        covariance = torch.eye(inputs + d2, dtype=torch.float64)
        covariance[inputs:, inputs:] = self.alpha / d2
        super().__init__(covariance, torch.from_numpy(np.append(self.beta, np.zeros(d2))))

    def strong(self, flow: Flow) -> Float[Tensor, "points"]:
        """``s``, the weight of the strong feature, along a flow."""
        return flow.first[:, -self.d2 :].sum(1) / math.sqrt(self.d2)

    def sample(
        self, n: int, *, seed: int | torch.Generator = 0
    ) -> tuple[Float[Tensor, "n inputs"], Float[Tensor, "n"]]:
        """Inputs and targets.

        Raises:
            InputError: ``n`` below 1.
        """
        require(isinstance(n, int) and n > 0, f"n must be an int of at least 1, got {n!r}")
        random = generator(seed)
        inputs = torch.randn(n, self.beta.size, generator=random, dtype=torch.float64)
        there = torch.rand(n, generator=random) < self.p
        signs = 2.0 * torch.randint(0, 2, (n,), generator=random) - 1
        size = math.sqrt(self.alpha / (self.p * self.d2))
        strong = (there * signs * size).double()[:, None].expand(n, self.d2)
        targets = inputs @ torch.from_numpy(self.beta) + strong.sum(1).abs() / 2
        return torch.cat([inputs, strong], 1), targets

    @checked
    def sampled(self, n: int, *, seed: int | torch.Generator = 0) -> TwoLayerLinear:
        """The model on the moments of a sample.

        Raises:
            InputError: ``n`` below 1.
        """
        inputs, targets = self.sample(n, seed=seed)
        return TwoLayerLinear(inputs.T @ inputs / n, inputs.T @ targets / n)
