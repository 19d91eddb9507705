"""Directions of parameter space that change no output, and how many still count at a given tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch, finite
from netopsy.core.errors import require
from netopsy.core.modes import evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.per_sample import PerSampleModel
from netopsy.core.progress import track
from netopsy.data import Dataset
from netopsy.landscape.curvature import dense, gauss_newton
from netopsy.landscape.curvature.eigen import LARGEST
from netopsy.landscape.curvature.loss import Losses, twice_differentiable
from netopsy.landscape.interaction_basis.ranks import RowSpace, count_above, padded, tolerance_of
from netopsy.landscape.interaction_basis.sections import NUMBERS, check_count

MOST = 4096
"""Parameters up to which the Jacobian's singular values are computed."""


@dataclass(frozen=True, eq=False)
class FreeDirections:
    """How many directions there are, and in how many of them the network's outputs change."""

    parameters: int
    rank: int
    """Of the outputs' Jacobian over all inputs, which is that of the behavioural loss's Hessian."""
    values: Float[Tensor, "parameters"]
    """The Jacobian's singular values, in falling order."""

    @property
    def free(self) -> int:
        """Directions in which no output changes, to first order."""
        return self.parameters - self.rank


@checked
def free_directions(
    model: nn.Module,
    inputs: Tensor,
    params: Sequence[str] | None = None,
    *,
    rtol: float | int | None = None,
    batch_size: int = 256,
) -> FreeDirections:
    """The rank of the outputs' Jacobian with respect to the parameters, from its singular values.

    The Jacobian is taken in part by part, so that memory does not grow with the inputs.

    Args:
        inputs: a batch.
        params: names of parameters to look at; all of them by default.
        rtol: of singular values relative to the largest; by default 1e-10 in double and 1e-5 in single precision, in
            which the network runs as it is.
        batch_size: samples that go through together, at most.

    Raises:
        InputError: an unknown parameter, too many of them, inputs that do not go through, or values that are not
            finite.

    >>> from netopsy.models import mlp
    >>> model = mlp([4, 5, 6], seed=0).double()
    >>> inputs = torch.randn(200, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> free_directions(model, inputs, ["fc1.weight", "output.weight"]).free  # a scaling of each hidden unit
    5
    """
    check_batch(inputs)
    check_count("batch_size", batch_size)
    own = Losses(model, Dataset(inputs, torch.zeros(len(inputs), 1)), _none, names=params)
    size = sum(value.numel() for value in own.parameters.values())
    require(
        size <= MOST,
        f"singular values are computed for at most {MOST:,} parameters, got {size:,}: name some of them in params",
    )
    within = tolerance_of(rtol, next(iter(own.parameters.values())).dtype)

    with torch.no_grad(), evaluating(model), running_on(inputs, model):
        width = single_output(model(inputs[:1])).numel()
    step = max(1, min(batch_size, NUMBERS // (size * width)))
    rows = RowSpace()
    for some in track(inputs.split(step), "Jacobians"):
        with twice_differentiable(model), running_on(some, model):
            each = {
                name: value.detach().expand(len(some), *value.shape).clone().requires_grad_()
                for name, value in own.parameters.items()
            }
            columns = PerSampleModel(model, each)(some.to(own.device)).flatten(1)
            unit = torch.eye(columns.shape[1], dtype=columns.dtype, device=columns.device)
            parts = torch.autograd.grad(
                columns.sum(0), list(each.values()), unit, is_grads_batched=True, materialize_grads=True
            )
        joined = torch.cat([part.flatten(2) for part in parts], 2).flatten(0, 1)
        require(finite(joined), "the outputs' derivatives must be finite, check the network's weights")
        rows.update(joined)
    values = padded(rows.values().cpu(), size)
    return FreeDirections(size, count_above(values, within), values)


@checked
def behavioural_spectrum(
    model: nn.Module, inputs: Tensor, params: Sequence[str] | None = None, *, batch_size: int = 1024
) -> Float[Tensor, "size"]:
    """Eigenvalues, in falling order, of the Hessian of the behavioural loss: how far answers move from what they are.

    The loss is the squared distance of the outputs from the network's own, summed over outputs, in the mean over
    inputs; where it is 0 its Hessian is the Gauss-Newton matrix, ``(2/n) sum J^T J``. Source: the paper's section on
    the behavioural loss.

    Raises:
        InputError: an unknown parameter, too many of them, or inputs that do not go through.

    >>> model = nn.Linear(1, 1, bias=False)
    >>> behavioural_spectrum(model, torch.tensor([[3.0], [1.0]]))  # 2 * mean(x**2)
    tensor([10.], dtype=torch.float64)
    """
    check_batch(inputs)
    data = behaviour(model, inputs)
    curvature = gauss_newton(model, data, loss=distance, names=params, batch_size=batch_size)
    require(curvature.size <= LARGEST, f"a spectrum takes at most {LARGEST:,} parameters, got {curvature.size:,}")
    return torch.linalg.eigvalsh(dense(curvature).double().cpu()).flip(0).clamp_min(0)


@checked
def effective_parameters(spectrum: Float[Tensor, "size"], eps: float | int) -> int:
    """Directions in which a step of unit length costs at least ``eps``: eigenvalues of at least ``2 eps``.

    It is twice the learning coefficient at the scale ``eps``, to quadratic order, if parameters are free to move by
    about 1. Source: the paper's section on the effective number of parameters.

    Raises:
        InputError: a tolerance that is not positive.

    >>> effective_parameters(torch.tensor([4.0, 0.5, 0.0]), 0.1)
    2
    """
    require(0 < eps < float("inf"), f"eps must be positive and finite, got {eps}")
    return int((spectrum >= 2 * eps).sum())


def behaviour(model: nn.Module, inputs: Tensor) -> Dataset:
    """The inputs with the network's own outputs for targets."""
    with torch.no_grad(), evaluating(model), running_on(inputs, model):
        return Dataset(inputs, single_output(model(inputs)).detach().clone())


def distance(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared, summed over a sample's outputs."""
    return (outputs - targets).square().flatten(1).sum(1)


def _none(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.flatten(1).sum(1)
