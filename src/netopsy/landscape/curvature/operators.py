"""The Hessian and the Gauss-Newton matrix of a network's mean loss, as products with vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import finite
from netopsy.core.errors import require
from netopsy.core.parameters import State
from netopsy.data import Dataset
from netopsy.landscape.curvature.loss import Losses, LossFunction, flat_gradient, twice_differentiable


class Curvature(ABC):
    """A symmetric matrix over a network's parameters, known by its products; `hessian` and `gauss_newton` make one.

    Data of a single batch is run once, and what that run left behind serves every product. More batches are run anew
    for each, so that memory is bounded by ``batch_size``.
    """

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._parameters = list(losses.parameters.values())
        self._single = len(losses.data) <= losses.batch_size
        self._graphs: tuple[Tensor, ...] | None = None
        self.products = 0
        """Products with a vector so far."""

    @property
    def size(self) -> int:
        """Rows of the matrix: parameters in all."""
        return sum(each.numel() for each in self._parameters)

    @property
    def parameters(self) -> State:
        """The point that the curvature is taken at; its order is that of the vectors."""
        return {name: value.detach() for name, value in self._losses.parameters.items()}

    @property
    def dtype(self) -> torch.dtype:
        """That of the parameters, and of every product."""
        return self._parameters[0].dtype

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self._parameters[0].device

    def __call__(self, vector: Float[Tensor, "size"]) -> Float[Tensor, "size"]:
        """The matrix times a vector.

        Raises:
            InputError: a vector of another length, or a product that is not finite.
        """
        got = f"shape {tuple(vector.shape)}" if isinstance(vector, Tensor) else type(vector).__name__
        fits = isinstance(vector, Tensor) and vector.shape == (self.size,)
        require(fits, f"vector must be a tensor of shape ({self.size},), got {got}")
        along = vector.detach().to(self.dtype).to(self.device)
        total = torch.zeros(self.size, dtype=self.dtype, device=self.device)
        with torch.inference_mode(False), torch.enable_grad():
            for graphs in self._each():
                total += self._product(graphs, along)
        self.products += 1
        require(finite(total), "the curvature is not finite at this point: the network has diverged")
        return total

    def _each(self) -> Iterator[tuple[Tensor, ...]]:
        if self._single:
            if self._graphs is None:
                self._graphs = self._ready(*next(self._losses.batches()))
            yield self._graphs
            return
        for inputs, targets in self._losses.batches():
            yield self._ready(inputs, targets)

    def _ready(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        with twice_differentiable(self._losses.model):
            return self._run(inputs, targets)

    @abstractmethod
    def _run(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """What the products with a batch need, with the graphs behind it."""

    @abstractmethod
    def _product(self, graphs: tuple[Tensor, ...], vector: Tensor) -> Tensor:
        """A batch's share of the product."""


class _Hessian(Curvature):
    def _run(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        own = self._losses
        mean = own.losses(own.outputs(inputs), targets).sum() / len(own.data)
        if not mean.requires_grad:
            return ()
        return torch.autograd.grad(mean, self._parameters, create_graph=True, materialize_grads=True)

    def _product(self, graphs: tuple[Tensor, ...], vector: Tensor) -> Tensor:
        pieces = torch.split(vector, [each.numel() for each in self._parameters])
        bent = [
            (slope, piece.view_as(slope)) for slope, piece in zip(graphs, pieces, strict=False) if slope.requires_grad
        ]
        if not bent:  # the loss is linear in the parameters
            return torch.zeros_like(vector)
        slopes, along = zip(*bent, strict=True)
        options = {"retain_graph": self._single, "materialize_grads": True}
        return torch.cat([each.reshape(-1) for each in torch.autograd.grad(slopes, self._parameters, along, **options)])


class _GaussNewton(Curvature):
    def _run(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        own = self._losses
        outputs = own.outputs(inputs)
        answers = outputs.detach().requires_grad_()
        mean = own.losses(answers, targets).sum() / len(own.data)
        slope = flat_gradient(mean, [answers], create=True)
        # The transposed Jacobian's product is linear in `dual`; its derivative is the Jacobian's own product.
        dual = torch.zeros_like(outputs).requires_grad_()
        return outputs, answers, slope, dual, flat_gradient(outputs, self._parameters, along=dual, create=True)

    def _product(self, graphs: tuple[Tensor, ...], vector: Tensor) -> Tensor:
        outputs, answers, slope, dual, transposed = graphs
        moved = flat_gradient(transposed, [dual], along=vector, keep=True)
        bent = flat_gradient(slope, [answers], along=moved, keep=self._single)
        return flat_gradient(outputs, self._parameters, along=bent.view_as(outputs), keep=self._single)


@checked
def hessian(
    model: nn.Module,
    data: Dataset,
    *,
    loss: LossFunction = "cross_entropy",
    names: Sequence[str] | None = None,
    at: State | None = None,
    batch_size: int = 1024,
) -> Curvature:
    """The Hessian of the mean loss over ``data``, as a function from vector to vector.

    The network is run in evaluation mode with copies of its parameters, and is never changed. Products are exact, by
    differentiating twice (Pearlmutter 1994); vectors hold all parameters end to end, in the order of
    ``named_parameters()``.

    Args:
        loss: a loss by name, or a function of outputs and targets that gives one number a sample.
        names: parameters to differentiate by; all of them by default.
        at: a state (parameters and, where given, buffers) to look at instead of the network's own.
        batch_size: samples that go through together; data that is one batch is run a single time for all products.

    Raises:
        InputError: a network that does not run on the data, one in half precision, a loss that is reduced over
            samples, a state or a name that does not fit the network.

    >>> data = Dataset(torch.tensor([[3.0], [1.0]]), torch.zeros(2, 1))
    >>> model = nn.Linear(1, 1, bias=False)
    >>> hessian(model, data, loss="mse")(torch.ones(1))  # 2 * mean(x**2)
    tensor([10.])
    """
    return _Hessian(Losses(model, data, loss, names=names, at=at, batch_size=batch_size))


@checked
def gauss_newton(
    model: nn.Module,
    data: Dataset,
    *,
    loss: LossFunction = "cross_entropy",
    names: Sequence[str] | None = None,
    at: State | None = None,
    batch_size: int = 1024,
) -> Curvature:
    """The generalised Gauss-Newton matrix of the mean loss: ``J^T H J``, with H the loss's Hessian by the outputs.

    It has no negative eigenvalue where the loss is convex in the outputs; for cross-entropy it is the Fisher matrix
    (Schraudolph 2002; Martens 2020, sections 8 and 9). Arguments are those of `hessian`.

    Raises:
        InputError: what `hessian` refuses.

    >>> data = Dataset(torch.tensor([[3.0], [1.0]]), torch.zeros(2, 1))
    >>> model = nn.Linear(1, 1, bias=False)
    >>> gauss_newton(model, data, loss="mse")(torch.ones(1))
    tensor([10.])
    """
    return _GaussNewton(Losses(model, data, loss, names=names, at=at, batch_size=batch_size))
