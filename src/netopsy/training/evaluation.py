"""Loss and accuracy of a network on a data set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.core.modes import device_of, evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.data import Dataset
from netopsy.training.checks import check_answers, check_data
from netopsy.training.losses import LOSSES


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network answers on a data set."""

    outputs: Tensor
    """``[n, classes]``, on the CPU."""
    loss: float
    """Mean over the samples."""
    accuracy: float
    """Share of samples (of labels, where a sample has several) answered right; NaN for regression."""


@torch.no_grad()
@checked
def evaluate(model: nn.Module, data: Dataset, *, loss: str = "cross_entropy", batch_size: int = 1024) -> Evaluation:
    """Run ``model`` over ``data`` in evaluation mode.

    Raises:
        InputError: an unknown loss, a network that does not run on the data or returns no tensor, targets that do not
            fit its output.

    >>> from netopsy.data import digits
    >>> result = evaluate(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), digits())
    >>> tuple(result.outputs.shape), 0 <= result.accuracy <= 1
    ((1797, 10), True)
    """
    lookup("loss", loss, LOSSES)
    require(batch_size > 0, f"batch_size must be at least 1, got {batch_size}")
    check_data("data", data)
    device = device_of(model)
    with evaluating(model), running_on(data.inputs):
        outputs = torch.cat([single_output(model(part.to(device))) for part in data.inputs.split(batch_size)]).cpu()
    targets = data.targets.cpu()
    check_answers(outputs, targets, loss)
    losses, hits = LOSSES[loss](outputs, targets), correct(outputs, targets, loss)
    return Evaluation(outputs, losses.mean().item(), hits.mean().item())


@checked
def correct(outputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    """1 where an answer is right and 0 where not, averaged over the labels of a sample; NaN for regression."""
    if loss == "cross_entropy":
        return (outputs.argmax(-1) == targets).float()
    if loss == "bce":
        return ((outputs > 0) == (targets > 0.5)).float().flatten(1).mean(1)
    return torch.full((len(outputs),), torch.nan)
