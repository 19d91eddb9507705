"""Drift and diffusion: the mean of mini-batch gradients beside their spread, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.modes import device_of, evaluating


@dataclass(frozen=True)
class GradientSNR:
    """What the mini-batch gradients of one parameter do, at one point of training."""

    mean: float
    """Norm of the mean gradient: drift."""
    std: float
    """Square root of the trace of the gradients' covariance: diffusion."""
    weight_norm: float
    """Norm of the parameter; the paper plots both over it (normalisation unconfirmed)."""

    @property
    def snr(self) -> float:
        """``mean / std``; infinite without spread, NaN where both are 0."""
        if self.std > 0:
            return self.mean / self.std
        return math.inf if self.mean > 0 else math.nan


@checked
def gradient_snr(
    model: nn.Module,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
) -> dict[str, GradientSNR]:
    """Signal-to-noise ratio of mini-batch gradients, for every weight of two or more axes.

    Shwartz-Ziv and Tishby 2017, section 3.3. The parameters stay where they are; the network runs in evaluation mode.
    With B batches the ratio of pure noise is about ``1 / sqrt(B)``, not 0.

    Raises:
        InputError: fewer than two batches, no weight that is trained, or gradients that are not finite.

    >>> net = nn.Linear(2, 1, bias=False)
    >>> batch = torch.ones(4, 2), torch.zeros(4, 1)
    >>> gradient_snr(net, nn.functional.mse_loss, [batch, batch])["weight"].std
    0.0
    """
    weights = {name: one for name, one in model.named_parameters() if one.requires_grad and one.ndim >= 2}
    require(len(weights) > 0, "model has no weight of two or more axes that is trained")
    device, count = device_of(model), 0
    means = {name: torch.zeros_like(one, dtype=torch.float64, device="cpu") for name, one in weights.items()}
    spreads = dict.fromkeys(weights, 0.0)
    with evaluating(model), torch.enable_grad():
        for inputs, targets in batches:
            count += 1
            loss = loss_fn(model(inputs.to(device)), targets.to(device))
            found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True, materialize_grads=True)
            for name, gradient in zip(weights, found, strict=True):
                value = gradient.detach().cpu().double()
                require(bool(value.isfinite().all()), f"the gradient of {name!r} is not finite")
                before = value - means[name]
                means[name] += before / count
                spreads[name] += float((before * (value - means[name])).sum())
    require(count >= 2, f"batches must be at least 2, got {count}")
    return {
        name: GradientSNR(
            mean=float(means[name].norm()),
            std=math.sqrt(max(spreads[name], 0.0) / (count - 1)),
            weight_norm=float(one.detach().double().norm()),
        )
        for name, one in weights.items()
    }
