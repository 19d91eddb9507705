"""Borrow a model and give it back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from netopsy.core.errors import InputError, require


def check_model(model: object) -> None:
    """Raise `InputError` unless ``model`` is a network: not its name, its class or its weights."""
    got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
    require(isinstance(model, nn.Module), f"model must be a torch nn.Module, got {got}")


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """The model in evaluation mode, a compiled one uncompiled; afterwards every submodule has the mode it had."""
    check_model(model)
    with _keeping_modes(model), uncompiled(model):
        try:
            model.eval()
        except NotImplementedError:
            _evaluate_exported(model)
        yield model


@contextmanager
def training(model: nn.Module) -> Iterator[nn.Module]:
    """The model in training mode; afterwards every submodule has the mode it had."""
    check_model(model)
    with _keeping_modes(model):
        yield model.train()


def _evaluate_exported(model: nn.Module) -> None:
    """Networks of `torch.export` keep the mode in which they were exported, and know no other."""
    for name, module in model.named_modules():
        module.training = False
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            schema = getattr(node.target, "_schema", None)
            given = zip(schema.arguments, node.args, strict=False) if schema is not None else ()
            trains = any(argument.name in ("train", "training") and value is True for argument, value in given)
            require(
                not trains,
                f"{name or 'model'!r} was exported in training mode ({node.name} trains): export it after eval()",
            )


@contextmanager
def _keeping_modes(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def uncompiled(model: nn.Module) -> AbstractContextManager[Any]:
    """What was compiled before a hook was set runs without it, so a compiled model is run as it was written."""
    for module in model.modules():
        if "_orig_mod" in module._modules or module._compiled_call_impl is not None:
            return torch.compiler.set_stance("force_eager")
    return nullcontext()


@contextmanager
def frozen(model: nn.Module) -> Iterator[nn.Module]:
    """The model with no parameter asking for a gradient; afterwards each asks as before."""
    # Parameters that were made in inference mode can be held, but never ask again.
    asking = [each for each in model.parameters() if each.requires_grad and not each.is_inference()]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        yield model
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)


def device_of(model: nn.Module) -> torch.device:
    """The device of the first parameter or buffer, the CPU for a model that has neither."""
    check_model(model)
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


@contextmanager
def running_on(inputs: Tensor, model: nn.Module | None = None) -> Iterator[None]:
    """Says so in an `InputError` when a network that runs inside the block is not made for ``inputs``.

    With ``model``, it says that their types differ where that is the reason.
    """
    try:
        yield
    except (InputError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        weights = {one.dtype for one in model.parameters() if one.is_floating_point()} if model is not None else set()
        if weights and inputs.is_floating_point() and inputs.dtype not in weights:
            raise InputError(
                f"inputs are {inputs.dtype}, but the network's weights {next(iter(weights))}: convert one of them"
            ) from error
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"inputs of shape {tuple(inputs.shape)} do not go through the network: {reason}") from error


def best_device() -> torch.device:
    """The GPU where there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
