"""SplitSGD: momentum with dampening, and bounded steps for the coordinates that are outliers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from netopsy.core.arguments import checked_class
from netopsy.core.errors import InputError, require


@checked_class
class SplitSGD(torch.optim.Optimizer):
    """SGD whose momentum is dampened and whose largest coordinates move by a step of fixed size.

    ``m = momentum * m + (1 - dampening) * g``, from 0. In every tensor the share ``fraction`` of coordinates of
    largest ``|m|`` moves by ``-sign_lr * sign(m)``, the others by ``-lr * m``. With ``fraction=0`` it is SGD with
    dampening, with ``fraction=1`` signed momentum.

    Source: section 4 of the paper, the comparison with Adam. The default of ``fraction`` and one threshold a tensor are
    unconfirmed.

    Args:
        params: parameters, or groups of them.
        lr: learning rate of the coordinates below the threshold.
        sign_lr: step of those above.
        momentum, dampening: between 0 and 1.
        fraction: share of coordinates above the threshold.

    Raises:
        InputError: a number out of range.

    >>> weight = torch.nn.Parameter(torch.tensor([0.0, 0.0]))
    >>> optimizer = SplitSGD([weight], lr=1.0, sign_lr=0.5, momentum=0.0, dampening=0.0, fraction=0.5)
    >>> (weight * torch.tensor([100.0, 0.1])).sum().backward()
    >>> optimizer.step()
    >>> weight.data
    tensor([-0.5000, -0.1000])
    """

    def __init__(
        self,
        params: Any,
        lr: float | int,
        sign_lr: float | int,
        *,
        momentum: float | int = 0.9,
        dampening: float | int = 0.9,
        fraction: float | int = 0.1,
    ) -> None:
        for name, value in (("lr", lr), ("sign_lr", sign_lr)):
            require(0 <= value < float("inf"), f"{name} must be finite and not negative, got {value}")
        for name, value in (("momentum", momentum), ("dampening", dampening)):
            require(0 <= value < 1, f"{name} must be in [0, 1), got {value}")
        require(0 <= fraction <= 1, f"fraction must lie between 0 and 1, got {fraction}")
        options = {"lr": lr, "sign_lr": sign_lr, "momentum": momentum, "dampening": dampening, "fraction": fraction}
        try:
            super().__init__(params, options)
        except (TypeError, ValueError, KeyError) as error:
            raise InputError(f"params must be parameters, or groups of them: {error}") from error

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step along the gradients that the parameters hold; returns what ``closure`` returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)
        return loss

    def _move(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        mean = state["momentum_buffer"]
        mean.mul_(group["momentum"]).add_(parameter.grad, alpha=1 - group["dampening"])
        count = round(group["fraction"] * mean.numel())
        if count == 0:
            parameter.add_(mean, alpha=-group["lr"])
        elif count == mean.numel():
            parameter.add_(mean.sign(), alpha=-group["sign_lr"])
        else:
            sizes = mean.abs()
            threshold = sizes.flatten().kthvalue(mean.numel() - count).values
            parameter.sub_(torch.where(sizes > threshold, group["sign_lr"] * mean.sign(), group["lr"] * mean))
