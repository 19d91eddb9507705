"""Other ways to tell a good configuration before it is trained; each makes a score, lower for better ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.modes import device_of, evaluating
from netopsy.data import Dataset
from netopsy.training import Recipe, evaluate, fit
from netopsy.training.checks import check_data


@checked
def warmup_loss(data: Dataset, recipe: Recipe, *, seed: int = 0) -> Callable[[nn.Module], float]:
    """The loss after a few steps of training: all of ``recipe``'s, from the candidate's own weights.

    Raises:
        InputError: ``data`` is no data set.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> warmup_loss(digits()[:50], Recipe(steps=20))(mlp([64, 8, 10])) < 2.3
    True
    """
    check_data("data", data)

    def score(network: nn.Module) -> float:
        fit(network, data, recipe, seed=seed)
        return evaluate(network, data, loss=recipe.loss).loss

    return score


@checked
def gradient_norm(data: Dataset, *, loss: str = "cross_entropy") -> Callable[[nn.Module], float]:
    """Minus the Euclidean norm of the loss's gradient: a network that learns at once has a large one.

    Raises:
        InputError: ``data`` is no data set.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> gradient_norm(digits()[:50])(mlp([64, 8, 10])) < 0
    True
    """
    check_data("data", data)

    def score(network: nn.Module) -> float:
        pairs = _gradients(network, data, loss)
        return -float(torch.stack([gradient.square().sum() for _, gradient in pairs]).sum().sqrt())

    return score


@checked
def snip_sum(data: Dataset, *, loss: str = "cross_entropy") -> Callable[[nn.Module], float]:
    """Minus the sum of ``|weight * gradient|``, the connection sensitivity of SNIP (Lee et al. 2019, equation 5).

    Raises:
        InputError: ``data`` is no data set.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> snip_sum(digits()[:50])(mlp([64, 8, 10])) < 0
    True
    """
    check_data("data", data)

    def score(network: nn.Module) -> float:
        pairs = _gradients(network, data, loss)
        return -float(torch.stack([(weight.detach() * gradient).abs().sum() for weight, gradient in pairs]).sum())

    return score


def _gradients(network: nn.Module, data: Dataset, loss: str) -> list[tuple[Tensor, Tensor]]:
    """Every parameter that the loss depends on, with its gradient."""
    device, recipe = device_of(network), Recipe(loss=loss)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    with evaluating(network), torch.enable_grad():
        value = recipe.loss_of(network(data.inputs.to(device)), data.targets.to(device)).mean()
        found = torch.autograd.grad(value, weights, allow_unused=True)
    return [(weight, gradient) for weight, gradient in zip(weights, found, strict=True) if gradient is not None]
