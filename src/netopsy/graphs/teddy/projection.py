"""Keeping only the largest weights: projection onto the l0 ball after each step of an optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from netopsy.core.arguments import checked_class
from netopsy.core.errors import require
from netopsy.graphs.teddy.pruning import check_sparsity, count_of
from netopsy.graphs.teddy.smallest import smallest

Include = Callable[[str, Tensor], bool]


@checked_class
class L0Projection:
    """Sets the ``ceil(sparsity * size)`` smallest of all weights together to zero, in place.

    What is left is the nearest point, in Euclidean distance, with so many zeros. The threshold is one for all tensors:
    a layer may lose far more than another. No weight is lost for good: one that grows again in the next step may stay.

    Args:
        parameters: a network, or tensors.
        sparsity: the share of weights that are zero, from 0 to below 1.
        include: which of them take part, from a parameter's name (its place, for tensors without names) and itself.

    Raises:
        InputError: a share out of range, no weights, or weights on several devices.

    Source: Seo et al. 2024, section 4.3.

    >>> weights = torch.tensor([3.0, -1.0, 0.5, -2.0])
    >>> L0Projection([weights], 0.5).project()
    >>> weights.tolist()
    [3.0, 0.0, 0.0, -2.0]
    """

    def __init__(
        self, parameters: nn.Module | Iterable[Tensor], sparsity: float, *, include: Include = lambda name, p: True
    ) -> None:
        check_sparsity("sparsity", sparsity)
        named: Iterable[tuple[str, Tensor]]
        if isinstance(parameters, nn.Module):
            named = parameters.named_parameters()
        else:
            tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
            require(all(isinstance(one, Tensor) for one in tensors), "parameters must be tensors, or a network")
            named = ((str(place), tensor) for place, tensor in enumerate(tensors))
        self.tensors = [tensor for name, tensor in named if include(name, tensor)]
        self.size = sum(tensor.numel() for tensor in self.tensors)
        require(self.size > 0, "parameters must hold at least one weight to project, got none")
        require(len({tensor.device for tensor in self.tensors}) == 1, "parameters must be on one device")
        self.zeros = count_of(sparsity, self.size)
        """How many weights are zero after a projection, at least."""

    @torch.no_grad()
    def project(self) -> None:
        """Set the smallest weights to zero, of equal ones the first: exactly as many as the share asks for."""
        if not self.zeros:
            return
        chosen = smallest(torch.cat([tensor.detach().reshape(-1).abs() for tensor in self.tensors]), self.zeros)
        sizes = [tensor.numel() for tensor in self.tensors]
        for tensor, zero in zip(self.tensors, chosen.split(sizes), strict=True):
            # Multiplying is faster than filling, but would keep the sign of zero and what is not finite.
            tensor.masked_fill_(zero.view(tensor.shape), 0.0)

    def sparsity(self) -> float:
        """The share of weights that are zero now."""
        return 1 - sum(int(tensor.count_nonzero()) for tensor in self.tensors) / self.size


@checked_class
class ProjectedOptimizer(Optimizer):
    """An optimiser whose every step ends with a projection; its own state, such as Adam's moments, is left alone.

    It is an `Optimizer` to whoever asks (learning-rate schedules do), and everything but the step is the given one's.

    Raises:
        InputError: something other than a torch optimiser.

    >>> layer = nn.Linear(4, 2)
    >>> optimiser = ProjectedOptimizer(torch.optim.Adam(layer.parameters()), L0Projection(layer, 0.5))
    >>> layer(torch.ones(1, 4)).sum().backward()
    >>> optimiser.step()
    >>> sum(int((p == 0).sum()) for p in layer.parameters())
    5
    """

    def __init__(self, optimizer: Optimizer, projection: L0Projection) -> None:
        require(
            isinstance(optimizer, Optimizer), f"optimizer must be a torch optimiser, got {type(optimizer).__name__}"
        )
        self.optimizer, self.projection = optimizer, projection

    def step(self, closure: Any = None) -> Any:
        """One step of the optimiser, then the projection; returns what the optimiser returns."""
        loss = self.optimizer.step() if closure is None else self.optimizer.step(closure)
        self.projection.project()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Of the optimiser."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Into the optimiser."""
        self.optimizer.load_state_dict(state_dict)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """To the optimiser; the projection keeps to the weights it was given."""
        self.optimizer.add_param_group(param_group)

    def __getattr__(self, name: str) -> Any:
        if name in ("optimizer", "projection"):
            raise AttributeError(name)
        return getattr(self.optimizer, name)

    def __repr__(self) -> str:
        return f"ProjectedOptimizer({self.optimizer!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer, "projection": self.projection}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
