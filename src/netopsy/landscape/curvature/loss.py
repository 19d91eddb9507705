"""The loss of every sample at any point of parameter space, ready to be differentiated once or twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from netopsy.core.arguments import checked
from netopsy.core.computed import call_with
from netopsy.core.errors import InputError, lookup, require
from netopsy.core.modes import check_model, device_of, evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.parameters import State, check_has_values
from netopsy.data import Dataset
from netopsy.training.checks import check_data
from netopsy.training.losses import LOSSES

LossFunction: TypeAlias = str | Callable[[Tensor, Tensor], Tensor]
"""A loss of `netopsy.training.Recipe` by name, or a function of outputs and targets that gives one number a sample."""


class Losses:
    """The losses of a network on a data set as a function of its parameters; the network itself is never touched.

    It runs in evaluation mode, so that samples do not depend on one another and nothing is drawn at random.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Dataset,
        loss: LossFunction,
        *,
        names: Sequence[str] | None = None,
        at: State | None = None,
        batch_size: int = 1024,
    ) -> None:
        check_model(model)
        check_has_values(model)
        check_data("data", data)
        whole = isinstance(batch_size, int) and not isinstance(batch_size, bool) and batch_size > 0
        require(whole, f"batch_size must be an int of at least 1, got {batch_size!r}")
        self.model, self.data, self.batch_size = model, data, batch_size
        self.of = lookup("loss", loss, LOSSES) if isinstance(loss, str) else loss
        require(callable(self.of), f"loss must be a name or a function, got {type(loss).__name__}")
        self.device = device_of(model)
        values = state_values(model, at)
        own = list(dict(model.named_parameters()))
        chosen = own if names is None else list(names)
        table = dict.fromkeys(own, True)
        for name in chosen:
            lookup("parameter", name, table)
        with torch.inference_mode(False):
            copies = {name: value.detach().clone() for name, value in values.items()}
            self.parameters = {name: copies[name].requires_grad_() for name in own if name in set(chosen)}
        self.fixed = {name: value for name, value in copies.items() if name not in self.parameters}
        _check_kinds(self.parameters)

    @property
    def state(self) -> dict[str, Tensor]:
        """Every parameter and buffer by name."""
        return {**self.fixed, **self.parameters}

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets of each batch, where the network is."""
        for start in range(0, len(self.data), self.batch_size):
            part = slice(start, start + self.batch_size)
            with torch.inference_mode(False):  # ends before the yield: a generator may be left where it stands
                batch = self.data.inputs[part].to(self.device), self.data.targets[part].to(self.device)
            yield batch

    def outputs(self, inputs: Tensor) -> Tensor:
        """What the network answers to a batch."""
        with running_on(inputs, self.model):
            return single_output(call_with(self.model, self.state, inputs))

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample of a batch, ``[batch]``."""
        try:
            found = self.of(outputs, targets)
        except InputError:
            raise
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise InputError(
                f"loss cannot compare outputs of shape {tuple(outputs.shape)} with targets of shape "
                f"{tuple(targets.shape)}: {reason}"
            ) from error
        got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        require(
            isinstance(found, Tensor) and found.shape == (len(outputs),),
            f"loss must give one number a sample (reduction='none'), shape ({len(outputs)},), got {got}",
        )
        return found


class _PlainWeightNorm(TorchFunctionMode):
    """Weight norms as their formula: torch's fused kernel has a wrong second derivative (torch 2.13)."""

    def __torch_function__(
        self, called: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if called is not torch._weight_norm:
            return called(*args, **(kwargs or {}))
        direction, length, axis = (*args, 0)[:3]
        axes = [one for one in range(direction.ndim) if one != axis] if axis != -1 else None
        return direction * (length / torch.linalg.vector_norm(direction, dim=axes, keepdim=True))


@contextmanager
def twice_differentiable(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, gradients recorded, and no fused kernel that can be differentiated once only."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(evaluating(model))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))  # its recurrent layers
        stack.enter_context(_PlainWeightNorm())
        yield


@checked
def sample_losses(
    model: nn.Module,
    data: Dataset,
    *,
    loss: LossFunction = "cross_entropy",
    at: State | None = None,
    batch_size: int = 1024,
) -> Float[Tensor, "n"]:
    """The loss of every sample, in evaluation mode, without gradients.

    Args:
        loss: a loss by name, or a function of outputs and targets that gives one number a sample.
        at: a state (parameters and, where given, buffers) to look at instead of the network's own.
        batch_size: samples that go through together.

    Raises:
        InputError: a network that does not run on the data, a loss that is reduced over samples, a state that does not
            fit the network.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> sample_losses(mlp([64, 10]), digits()[:20]).shape
    torch.Size([20])
    """
    own = Losses(model, data, loss, at=at, batch_size=batch_size)
    with torch.inference_mode(False), torch.no_grad(), evaluating(model):
        return torch.cat([own.losses(own.outputs(inputs), targets) for inputs, targets in own.batches()])


@checked
def mean_gradient(
    model: nn.Module,
    data: Dataset,
    *,
    loss: LossFunction = "cross_entropy",
    names: Sequence[str] | None = None,
    at: State | None = None,
    batch_size: int = 1024,
) -> Float[Tensor, "size"]:
    """The gradient of the mean loss with respect to all parameters, end to end in their own order.

    Args:
        names: parameters to differentiate by; all of them by default.

    The other arguments are those of `sample_losses`.

    Raises:
        InputError: an unknown name, a network in half precision or without parameters, what `sample_losses` refuses.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> mean_gradient(mlp([64, 10]), digits()[:20]).shape
    torch.Size([650])
    """
    own = Losses(model, data, loss, names=names, at=at, batch_size=batch_size)
    parameters = list(own.parameters.values())
    total = torch.zeros(sum(each.numel() for each in parameters), dtype=parameters[0].dtype, device=own.device)
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        for inputs, targets in own.batches():
            mean = own.losses(own.outputs(inputs), targets).sum() / len(own.data)
            total += flat_gradient(mean, parameters)
    return total


@checked
def slopes(
    model: nn.Module,
    data: Dataset,
    direction: Float[Tensor, "size"],
    *,
    loss: LossFunction = "cross_entropy",
    at: State | None = None,
    batch_size: int = 1024,
) -> Float[Tensor, "n"]:
    """The derivative of every sample's loss along one direction of parameter space: its gradient's part along it.

    Two backward passes give all of them, where the gradients themselves would take one a sample.

    Args:
        direction: all parameters end to end, such as an eigenvector from `top_eigenpairs`.

    The other arguments are those of `sample_losses`.

    Raises:
        InputError: a direction of another length, and what `mean_gradient` refuses.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> slopes(mlp([64, 10]), digits()[:20], torch.ones(650)).shape
    torch.Size([20])
    """
    own = Losses(model, data, loss, at=at, batch_size=batch_size)
    parameters = list(own.parameters.values())
    size = sum(each.numel() for each in parameters)
    fits = isinstance(direction, Tensor) and direction.shape == (size,)
    require(fits, f"direction must be a tensor of shape ({size},)")
    along = direction.detach().to(parameters[0])
    found = []
    with twice_differentiable(model):
        for inputs, targets in own.batches():
            losses = own.losses(own.outputs(inputs), targets)
            dual = torch.zeros_like(losses).requires_grad_()
            transposed = flat_gradient(losses, parameters, along=dual, create=True)
            found.append(flat_gradient(transposed, [dual], along=along))
    return torch.cat(found)


def flat_gradient(
    of: Tensor, parameters: Sequence[Tensor], *, along: Tensor | None = None, keep: bool = False, create: bool = False
) -> Tensor:
    """The derivative of ``of`` end to end; zeros where it does not depend on a parameter, or on none of them."""
    if not of.requires_grad:
        return torch.cat([torch.zeros_like(each).reshape(-1) for each in parameters])
    found = torch.autograd.grad(
        of, parameters, along, retain_graph=keep or create, create_graph=create, materialize_grads=True
    )
    return torch.cat([each.reshape(-1) for each in found])


def state_values(model: nn.Module, at: State | None) -> dict[str, Tensor]:
    """Every parameter and buffer by name: those of ``at`` where it has them, otherwise the network's own."""
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    if at is None:
        return own
    require(hasattr(at, "items"), f"at must be a state, name to tensor, got {type(at).__name__}")
    known = {**own, **{name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}}
    for name, value in at.items():
        wanted = lookup("parameter", name, known)
        fits = isinstance(value, Tensor) and value.shape == wanted.shape
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        require(fits, f"at[{name!r}] must have shape {tuple(wanted.shape)}, got {got}")
    missing = [name for name in dict(model.named_parameters()) if name not in at]
    require(not missing, f"at has no value for the parameter {missing[0] if missing else ''!r}")
    return {name: at[name].to(value) if name in at else value for name, value in own.items()}


def _check_kinds(parameters: State) -> None:
    require(parameters, "the network has no parameters to differentiate by")
    kinds = {value.dtype for value in parameters.values()}
    require(
        len(kinds) == 1 and kinds <= {torch.float32, torch.float64},
        "curvature is computed in single or double precision, got a network with parameters of "
        f"{', '.join(sorted(map(str, kinds)))}: convert it with .float() or .double()",
    )
