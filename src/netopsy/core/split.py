"""A network in two parts: up to a layer, and from that layer on; and its layers' outputs replaced on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from netopsy.core.batches import check_batch
from netopsy.core.errors import InputError, require
from netopsy.core.layers import INPUT, Layer, layer_names, run_of
from netopsy.core.modes import evaluating, frozen, running_on
from netopsy.core.outputs import first_of, single_output, with_first
from netopsy.core.replay import Outputs, record, replaying
from netopsy.core.runs import RunHook

Edit = Callable[[Tensor], Tensor]
_CLOSE = 1e-4
"""Two ways of computing the same outputs agree to this share of the largest output."""


class _Reached(Exception):  # noqa: N818 - no error: it ends a forward pass that has gone far enough
    def __init__(self, output: Any) -> None:
        self.output = output


def run_to(model: nn.Module, layer: Layer, inputs: Tensor) -> Tensor:
    """The output of ``layer`` for a batch; nothing behind the layer is run, save once to see whether it runs again.

    The model runs in evaluation mode with its parameters held, and the result is differentiable with respect to
    ``inputs`` where those ask for a gradient. The first tensor counts where the layer returns several, and where it
    runs more than once the first run, of which a warning tells, or the one that its name says, as ``"relu#2"`` does.

    Raises:
        InputError: an unknown layer, or one that the forward pass does not reach.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> run_to(net, "1", torch.zeros(4, 2)).shape
    torch.Size([4, 3])
    """
    [name] = layer_names(model, [layer])
    if name == INPUT:
        return inputs

    def stop(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        raise _Reached(first_of(output))

    _tell_of_runs(model, name, inputs)
    return _stopped(model, inputs, RunHook(model, name, stop), "returns")


def input_of(model: nn.Module, layer: Layer, inputs: Tensor) -> Tensor:
    """The first argument that ``layer`` is given for a batch; nothing from the layer on is run.

    In all else like `run_to`.

    Raises:
        InputError: an unknown layer, or one that the forward pass does not reach.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> input_of(net, "2", torch.zeros(4, 2)).shape
    torch.Size([4, 3])
    """
    [name] = layer_names(model, [layer])
    if name == INPUT:
        return inputs

    def stop(module: nn.Module, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        raise _Reached(next(iter((*arguments, *options.values())), None))

    return _stopped(model, inputs, RunHook(model, name, stop, before=True), "is given")


_RUN_ONCE: WeakKeyDictionary[nn.Module, set[str]] = WeakKeyDictionary()


def _tell_of_runs(model: nn.Module, name: str, inputs: Tensor) -> None:
    """Warn of a layer that runs more than once; what stops at its first run does not see the others."""
    if run_of(model, name)[1] is not None or name in _RUN_ONCE.setdefault(model, set()):
        return
    hook = RunHook(model, name, lambda *_: None)
    try:
        with torch.no_grad(), evaluating(model), running_on(inputs, model):
            model(inputs[:1].detach())
    except Exception:  # what is behind the layer may well not take these inputs, in any manner
        return
    finally:
        hook.remove()
    hook.tell()
    if hook.most == 1:
        _RUN_ONCE[model].add(name)


def _stopped(model: nn.Module, inputs: Tensor, hook: RunHook, verb: str) -> Tensor:
    try:
        with evaluating(model), frozen(model), running_on(inputs, model):
            model(inputs)
    except _Reached as reached:
        require(
            isinstance(reached.output, Tensor),
            f"layer {hook.layer!r} {verb} {type(reached.output).__name__}, not a tensor or a tuple of tensors",
        )
        return reached.output
    finally:
        hook.remove()
    if hook.most:
        raise InputError(
            f"layer {hook.layer!r} runs {hook.most} times in a forward pass: there is no run of the number asked for"
        )
    raise InputError(f"layer {hook.layer!r} is never run by the forward pass; choose another layer")


@contextmanager
def editing(model: nn.Module, edits: Mapping[str, Edit]) -> Iterator[nn.Module]:
    """While the block runs, each layer puts out ``edits[layer]`` of what it would have put out.

    A layer's output is handed over as a copy, so an edit may work in place. Where a layer runs more than once its first
    run is edited, or the one that its name says, as ``"relu#2"`` does. The hooks are gone when the block ends.

    Raises:
        UnknownNameError: a layer that is not in the model.

    >>> net = nn.Sequential(nn.Identity(), nn.Flatten())
    >>> with editing(net, {"0": lambda seen: 2 * seen}):
    ...     net(torch.ones(1, 2))
    tensor([[2., 2.]])
    """
    names = layer_names(model, list(edits))
    require(INPUT not in names, "layer must be a layer of the network to be edited, got the input")

    def hook(edit: Edit) -> Callable[..., Any]:
        return lambda module, arguments, output: with_first(output, edit(first_of(output).clone()))

    hooks = [RunHook(model, name, hook(edit)) for name, edit in zip(names, edits.values(), strict=True)]
    try:
        yield model
        for each in hooks:
            each.tell()
    finally:
        for each in hooks:
            each.remove()


@dataclass(frozen=True, eq=False)
class Split:
    """A network ``f`` as ``tail(head(x))``, cut behind one layer; from `split_model`."""

    model: nn.Module
    layer: str
    reference: Tensor = field(repr=False)
    """A batch of one, which is run through the head to reach the layer whenever the tail is called."""
    repeated: bool
    """Whether the reference must be as long as the batch: a network that looks at its batch's length needs that."""
    dtype: torch.dtype = torch.float32
    """Of what the layer puts out."""
    replayed: bool = True
    """Whether what runs before the layer is computed once and given back at every call of the tail."""
    _seen: list[Outputs] = field(default_factory=list, repr=False)

    def head(self, inputs: Tensor) -> Tensor:
        """What the layer puts out, ``[batch, ...]``; differentiable with respect to ``inputs``."""
        return run_to(self.model, self.layer, inputs)

    def tail(self, activations: Tensor) -> Tensor:
        """The network's outputs when the layer puts out ``activations``; differentiable with respect to those."""
        edits = {self.layer: lambda _: activations.clone()}
        count = len(activations) if self.repeated else 1
        reference = self.reference.to(activations.device)
        with evaluating(self.model), frozen(self.model), running_on(activations, self.model):
            if self.replayed and not self._seen:
                self._seen.append(record(self.model, self.layer, reference))
            seen = self._seen[0] if self.replayed else {}
            with editing(self.model, edits), replaying(seen, count if self.repeated else None):
                return single_output(self.model(reference.expand(count, *reference.shape[1:])))


def split_model(model: nn.Module, layer: Layer, images: Tensor) -> Split:
    """Cut a network behind ``layer``, so that what comes after can be asked about activations that no image gives.

    The layer is replaced by the activations in a run on one other image, of which what comes before the cut is computed
    once: the cost of the tail is that of the layers behind the cut.

    Args:
        images: a batch on which the two parts are compared with the whole, in evaluation mode.

    Raises:
        InputError: images that are not finite; the outputs depend on more than the layer puts out (a shortcut goes
            around it); or the layer is unknown, unreached or the input.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> x = torch.randn(4, 2)
    >>> parts = split_model(net, "1", x)
    >>> torch.equal(parts.tail(parts.head(x)), net(x))
    True
    """
    [name] = layer_names(model, [layer])
    require(name != INPUT, "layer must be a layer of the network, got the input")
    check_batch(images, "images")
    some = images[:2].detach()
    # Another image than those compared: what goes around the layer would then come from it, and show.
    reference = 0.5 * some[:1].flip(-1) + 0.25 * some[:1].abs().amax()
    with torch.no_grad(), evaluating(model), running_on(some, model):
        whole = single_output(model(some))
    activations = run_to(model, name, some).detach()
    for repeated, replayed in ((False, True), (True, True), (True, False)):
        parts = Split(model, name, reference, repeated, activations.dtype, replayed)
        try:
            with torch.no_grad():
                joined = parts.tail(activations)
        except InputError:
            if not replayed:
                raise
            continue
        if joined.shape == whole.shape and _same(joined, whole):
            return parts
    raise InputError(
        f"the outputs depend on more than layer {name!r} puts out (a shortcut goes around it); "
        "choose a layer that everything passes through, such as the end of a block"
    )


def _same(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().amax() <= _CLOSE * (1e-6 + other.abs().amax()))
