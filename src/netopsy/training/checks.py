"""What is asked of a network, its data and its loss before training or evaluation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.modes import check_model, device_of, evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.data import Dataset
from netopsy.training.recipe import Recipe


def check_kinds(model: object, data: object, recipe: object) -> None:
    """Raise `InputError` for arguments that are another thing, or in another order."""
    check_model(model)
    check_data("data", data)
    require(isinstance(recipe, Recipe), f"recipe must be a netopsy.training.Recipe, got {type(recipe).__name__}")
    assert isinstance(model, nn.Module)
    require(any(p.requires_grad for p in model.parameters()), "model has no parameter that asks for a gradient")


def check_data(argument: str, data: object) -> None:
    """Raise `InputError` unless ``data`` is a `Dataset`."""
    require(isinstance(data, Dataset), f"{argument} must be a netopsy Dataset, got {type(data).__name__}")


def check_fit(model: nn.Module, data: Dataset, loss: str) -> None:
    """Run ``model`` on two samples of ``data``; raise `InputError` if they do not fit together, or the loss to them."""
    first = data.inputs[:2].to(device_of(model))
    with torch.no_grad(), evaluating(model), running_on(first):
        outputs = single_output(model(first))
    check_answers(outputs, data.targets, loss)


def check_answers(outputs: Tensor, targets: Tensor, loss: str) -> None:
    """Raise `InputError` unless ``loss`` can compare what a network answers with the targets of its data set."""
    answer, wanted = tuple(outputs.shape[1:]), tuple(targets.shape[1:])
    if loss == "cross_entropy" and not targets.is_floating_point():
        require(
            len(answer) > 0 and answer[1:] == wanted,
            f"loss='cross_entropy' needs [batch, classes] from the network, got [batch, {_listed(answer)}]",
        )
        highest = int(targets.max())
        require(highest < answer[0], f"data has a class {highest}, and the network only classes 0 to {answer[0] - 1}")
    elif loss == "mse":
        fits = outputs[:1].numel() == targets[:1].numel()
        require(fits, f"loss='mse' needs a target for each of the outputs, {_listed(answer)}, got {_listed(wanted)}")
    else:
        require(
            targets.is_floating_point() and answer == wanted,
            f"loss={loss!r} needs float targets of the shape of the outputs, [batch, {_listed(answer)}], got "
            f"[batch{', ' * bool(wanted)}{', '.join(map(str, wanted))}] of {targets.dtype}",
        )


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape)) or "one"
