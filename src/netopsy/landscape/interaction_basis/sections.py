"""The part of a network between two of its layers, run and differentiated on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.batches import check_batch, finite
from netopsy.core.capture import capturing
from netopsy.core.errors import InputError, require
from netopsy.core.layers import INPUT, Layer, layer_names
from netopsy.core.modes import evaluating, frozen, running_on
from netopsy.core.outputs import first_of, with_first
from netopsy.core.runs import RunHook
from netopsy.landscape.curvature.loss import twice_differentiable
from netopsy.landscape.interaction_basis.ranks import RowSpace

NUMBERS = 2**24
"""Entries of Jacobians held at a time."""


class _ReachedError(Exception):
    """The end of a section: what follows need not run."""


def check_count(name: str, value: object, *, optional: bool = False) -> None:
    """Raise `InputError` unless it is an int of at least 1, or ``None`` where that is allowed."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
    wanted = "None or an int of at least 1" if optional else "an int of at least 1"
    require(whole or (optional and value is None), f"{name} must be {wanted}, got {value!r}")


def to_rows(values: Tensor) -> Tensor:
    """Activations as ``[batch, positions, units]``: channels are the units of images, the last axis otherwise."""
    axis = 1 if values.ndim >= 4 else -1
    moved = values.movedim(axis, -1)
    return moved.reshape(len(values), -1, moved.shape[-1])


def from_rows(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """The inverse of `to_rows` for activations of ``shape`` without the batch."""
    if len(shape) >= 3:
        return rows.reshape(len(rows), *shape[1:], shape[0]).movedim(-1, 1)
    return rows.reshape(len(rows), *shape)


@contextmanager
def differentiating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, gradients by activations alone, and no kernel that cannot be differentiated in a stack."""
    with ExitStack() as stack:
        stack.enter_context(twice_differentiable(model))
        stack.enter_context(frozen(model))
        yield


def run_section(model: nn.Module, start: str, end: str, values: Tensor, inputs: Tensor) -> Tensor:
    """Activations of ``end`` where ``start`` puts out ``values``; ``inputs`` only carry the network up to there."""
    seen: list[Tensor] = []

    def put(module: nn.Module, arguments: Any, output: Any) -> Any:
        return with_first(output, values.clone())

    def take(module: nn.Module, arguments: Any, output: Any) -> None:
        seen.append(first_of(output).clone())
        raise _ReachedError

    hooks = [RunHook(model, start, put)] if start != INPUT else []
    hooks.append(RunHook(model, end, take))
    try:
        with running_on(inputs, model):
            model(values if start == INPUT else inputs)
    except _ReachedError:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    require(seen, f"layer {end!r} is never run by the forward pass; choose another layer")
    return seen[0]


def run_rest(model: nn.Module, start: str, values: Tensor, inputs: Tensor) -> Tensor:
    """The network's output where ``start`` puts out ``values``."""
    hooks = []
    if start != INPUT:
        hooks.append(RunHook(model, start, lambda module, arguments, output: with_first(output, values.clone())))
    try:
        with running_on(inputs, model):
            outputs = model(values if start == INPUT else inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return first_of(outputs)  # type: ignore[no-any-return]


def gradients(outputs: Tensor, point: Tensor, most: int = NUMBERS) -> Iterator[tuple[slice, Tensor]]:
    """Derivatives of each column of ``outputs [batch, k]`` by ``point``, a few columns at a time: ``[k, batch, ...]``.

    Samples do not depend on one another, so a backward pass of the sum over the batch serves all of them.
    """
    require(
        outputs.requires_grad, "the later layer does not depend on the earlier one in a way that can be differentiated"
    )
    total = outputs.sum(0)
    step = max(1, most // max(1, point.numel()))
    unit = torch.eye(len(total), dtype=total.dtype, device=total.device)
    for first in range(0, len(total), step):
        part = slice(first, min(first + step, len(total)))
        last = part.stop == len(total)
        [found] = torch.autograd.grad(
            total,
            [point],
            unit[part],
            is_grads_batched=True,
            retain_graph=not last,
            allow_unused=True,
            materialize_grads=True,
        )
        yield part, found.detach()


def probed(outputs: Tensor, sources: int | None, random: torch.Generator) -> Tensor:
    """Columns ``[batch, k]`` of outputs ``[batch, positions, units]``: all, or sums with random signs.

    A probe's squared derivative is in the mean the sum of the squared derivatives, whichever sign each sample has.
    """
    flat = outputs.flatten(1)
    if sources is None:
        return flat
    drawn = torch.randint(0, 2, (*flat.shape, sources), generator=random, device=random.device)
    return torch.einsum("bk,bks->bs", flat, (2 * drawn - 1).to(flat))


def jacobian_root(
    model: nn.Module,
    start: str,
    end: str,
    inputs: Tensor,
    columns: Callable[[Tensor], Tensor],
    *,
    sources: int | None = None,
    random: torch.Generator,
    batch_size: int,
) -> Tensor:
    """A root of ``(1/n) sum_x J(x)^T J(x)`` of ``columns(end)`` by ``start``, ``[rows, units]`` in double precision.

    It is never squared, so that directions of little effect are not lost to rounding. Positions of both are summed
    over. ``columns`` maps ``[batch, positions, units]`` to coordinates of the end.
    """
    total = RowSpace()
    for some in inputs.split(batch_size):
        with differentiating(model):
            given = some.detach().clone().requires_grad_(start == INPUT)
            names = [name for name in (start, end) if name != INPUT]
            with capturing(model, names, start_graph=True) as seen, running_on(some, model):
                model(given)
            point = given if start == INPUT else seen[start]
            outputs = probed(columns(to_rows(seen[end])), sources, random)
            for _, found in gradients(outputs, point):
                require(finite(found), f"derivatives by layer {start!r} are not finite; check weights and inputs")
                total.update(to_rows(found.flatten(0, 1)).flatten(0, 1))
    return total.root() * (total.count / (len(inputs) * (sources or 1))) ** 0.5


def check_sequence(model: nn.Module, layers: Sequence[Layer], inputs: Tensor) -> list[str]:
    """The names, once it is known that each layer depends on the input through the one before alone.

    Raises:
        InputError: fewer than two layers, layers in another order or with a path around one of them, or parameters
            that two sections share.
    """
    names = layer_names(model, layers)
    check_batch(inputs)
    require(len(names) > 1, f"layers must name at least two layers, got {names}")
    require(INPUT not in names[1:], "the network's input, '', can only be the first of layers")
    few, other = inputs[:2], inputs[-2:].flip(0) * 0.5
    with torch.no_grad(), evaluating(model):
        _check_order(model, names, few)
        with capturing(model, [name for name in names if name != INPUT]) as seen, running_on(few, model):
            model(few)
        for before, after in pairwise(names):
            if before == INPUT:
                continue
            again = run_section(model, before, after, seen[before], other)
            scale = float(seen[after].abs().max())
            same = again.shape == seen[after].shape and float((again - seen[after]).abs().max()) <= 1e-4 * scale
            require(
                same,
                f"layers must be in sequence, but {after!r} depends on the input by a way around {before!r}: leave "
                f"{before!r} out, or name the layer where the two ways meet",
            )
    return names


def _check_order(model: nn.Module, names: Sequence[str], inputs: Tensor) -> None:
    """Layers run in the order given, and no parameter is used in two sections."""
    section, order = 0, []
    users: dict[int, tuple[int, str]] = {}
    hooks: list[Any] = []

    def ended(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            nonlocal section
            order.append(name)
            section += 1

        return hook

    def used(name: str, module: nn.Module) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            for key, value in module.named_parameters(recurse=False):
                before = users.setdefault(id(value), (section, f"{name}.{key}"))
                if before[0] != section:
                    raise InputError(
                        f"layers must not part what shares parameters, but {before[1]!r} is used before and after "
                        f"{order[-1]!r}"
                    )

        return hook

    try:
        for name, module in model.named_modules():
            if any(True for _ in module.parameters(recurse=False)):
                hooks.append(module.register_forward_pre_hook(used(name, module)))
        hooks += [RunHook(model, name, ended(name)) for name in names if name != INPUT]
        with running_on(inputs, model):
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    wanted = [name for name in names if name != INPUT]
    for name in wanted:
        require(name in order, f"layer {name!r} is never run by the forward pass; choose another layer")
    require(order == wanted, f"layers must be in the order of the forward pass, {order}, got {wanted}")
