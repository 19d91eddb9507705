"""Weight masks: which weights there are to prune, and keeping pruned ones at exactly zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.optim.optimizer import register_optimizer_step_post_hook

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.modes import check_model

Masks = Mapping[str, Tensor]
"""Parameter name to a bool tensor of the parameter's shape, True where the weight is kept."""


@checked
def prunable_parameters(
    model: nn.Module, types: tuple[type[nn.Module], ...] = (nn.Linear, _ConvNd), exclude: Sequence[str] = ()
) -> dict[str, nn.Parameter]:
    """The ``weight`` of every module of the given ``types``, by parameter name, in definition order.

    Biases and norms are never among them. A weight that two modules share is listed once, under the name it has in
    ``named_parameters()``.

    Args:
        exclude: module names to leave out, with everything below them.

    Raises:
        InputError: nothing is left to prune, an excluded name that is not in the model, or a layer that computes its
            weight from other parameters (a parametrization, `torch.nn.utils.prune`, ``weight_norm``), where no mask on
            a parameter is a mask on the weight.

    >>> list(prunable_parameters(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))))
    ['0.weight', '2.weight']
    """
    check_model(model)
    modules, names = dict(model.named_modules()), {id(value): name for name, value in model.named_parameters()}
    for name in exclude:
        if name not in modules:
            raise UnknownNameError("module in exclude", name, [known for known in modules if known])
    found: dict[str, nn.Parameter] = {}
    seen: set[int] = set()
    for name, module in modules.items():
        left_out = any(name == out or name.startswith(f"{out}.") for out in exclude)
        if left_out or not isinstance(module, types):
            continue
        weight = getattr(module, "weight", None)
        require(
            isinstance(weight, nn.Parameter) or not isinstance(weight, Tensor),
            f"layer {name!r} computes its weight (torch.nn.utils.parametrize, prune or weight_norm do that), so that "
            "there is no parameter to mask: make the weight a parameter again first "
            "(parametrize.remove_parametrizations, prune.remove, remove_weight_norm), or leave the layer out with "
            "exclude",
        )
        if isinstance(weight, nn.Parameter) and id(weight) not in seen:
            seen.add(id(weight))
            found[names[id(weight)]] = weight
    require(found, f"this network has no weights to prune among {', '.join(kind.__name__ for kind in types)} layers")
    return found


@checked
def density(masks: Masks) -> float:
    """The share of weights kept, over all masks together; raises `InputError` where there is no weight.

    >>> density({"a": torch.tensor([True, False]), "b": torch.tensor([True, True])})
    0.75
    """
    total = sum(mask.numel() for mask in masks.values())
    require(total > 0, f"masks must hold at least one weight, got {len(masks)} masks of none")
    return sum(int(mask.sum()) for mask in masks.values()) / total


@checked
def check_tensors(argument: str, given: object) -> None:
    """Raise `InputError` unless ``given`` maps names to tensors."""
    odd = type(given).__name__
    fits = isinstance(given, Mapping)
    if isinstance(given, Mapping):
        others = (f"{name!r}: {type(value).__name__}" for name, value in given.items() if not isinstance(value, Tensor))
        odd = next(others, "")
        fits = not odd
    require(fits, f"{argument} must map names to tensors, got {odd}")


@checked
def check_masks(model: nn.Module, masks: Masks) -> dict[str, nn.Parameter]:
    """The masked parameters by name, once every mask is known to fit.

    Raises:
        InputError: an unknown parameter, a wrong shape, or values other than 0 and 1.
    """
    check_model(model)
    parameters = dict(model.named_parameters())
    check_tensors("masks", masks)
    require(masks, "masks is empty; give at least one parameter name and its mask")
    for name, mask in masks.items():
        if name not in parameters:
            raise UnknownNameError("parameter in masks", name, parameters)
        expected = tuple(parameters[name].shape)
        require(tuple(mask.shape) == expected, f"masks[{name!r}] must have shape {expected}, got {tuple(mask.shape)}")
        binary = mask.dtype == torch.bool or bool(((mask == 0) | (mask == 1)).all())
        require(binary, f"masks[{name!r}] must hold only 0 and 1 (or be boolean)")
    return {name: parameters[name] for name in masks}


@torch.no_grad()
@checked
def zero_masked(model: nn.Module, masks: Masks) -> nn.Module:
    """Set the weights that ``masks`` drop to zero, in place, once; returns the model."""
    for name, parameter in check_masks(model, masks).items():
        parameter.mul_(masks[name].to(parameter))
    return model


@torch.no_grad()
@checked
def revived(model: nn.Module, masks: Masks) -> dict[str, int]:
    """How many weights that ``masks`` drop are not zero, by parameter name; empty when all are.

    >>> revived(nn.Linear(2, 1), {"weight": torch.tensor([[True, False]])})
    {'weight': 1}
    """
    weights = check_masks(model, masks)
    counts = {n: int((weights[n][~mask.to(weights[n].device, torch.bool)] != 0).sum()) for n, mask in masks.items()}
    return {name: count for name, count in counts.items() if count}


class AppliedMasks:
    """Masks at work on a model; a context manager, or call `remove` when done. The weights stay as they are."""

    def __init__(self, parameters: list[Tensor], masks: list[Tensor]) -> None:
        self._parameters = parameters
        self._masks = [mask.to(p.device, p.dtype) for p, mask in zip(parameters, masks, strict=True)]
        self._owned = {id(parameter) for parameter in parameters}
        self._handle: Any = register_optimizer_step_post_hook(self._after_step)
        self.enforce()

    @torch.no_grad()
    def enforce(self) -> None:
        """Set every masked weight to zero now, wherever the model has moved since."""
        if any(mask.device != p.device for p, mask in zip(self._parameters, self._masks, strict=True)):
            self._masks = [mask.to(p.device) for p, mask in zip(self._parameters, self._masks, strict=True)]
        torch._foreach_mul_(self._parameters, self._masks)

    def _after_step(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        if any(id(parameter) in self._owned for group in optimizer.param_groups for parameter in group["params"]):
            self.enforce()

    def remove(self) -> None:
        """Stop enforcing the masks."""
        self._handle.remove()

    def __enter__(self) -> AppliedMasks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


@checked
def apply_masks(model: nn.Module, masks: Masks) -> AppliedMasks:
    """Set masked weights to zero and back to zero after every step of any optimizer that trains them.

    Momentum and weight decay cannot revive a masked weight: it is exactly 0 whenever the step has returned.

    Returns:
        a handle with `remove`, also usable in a ``with`` block.

    Raises:
        InputError: see `check_masks`.

    >>> net = nn.Linear(2, 1)
    >>> with apply_masks(net, {"weight": torch.tensor([[True, False]])}):
    ...     optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    ...     net(torch.ones(1, 2)).sum().backward()
    ...     optimizer.step()
    >>> net.weight[0, 1].item() == 0
    True
    """
    parameters = check_masks(model, masks)
    return AppliedMasks(list(parameters.values()), [masks[name] for name in parameters])
