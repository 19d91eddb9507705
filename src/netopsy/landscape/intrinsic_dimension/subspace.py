"""A network that is trained in a random subspace of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, cast

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked_class
from netopsy.core.computed import call_with, copied
from netopsy.core.errors import lookup, require
from netopsy.core.modes import check_model
from netopsy.core.parameters import check_has_values
from netopsy.landscape.intrinsic_dimension.projections import Projection, make_projection

Chosen = Collection[str] | Callable[[str, nn.Parameter], bool] | None
"""Names of parameters, or a function of name and parameter that says which."""


@checked_class
class SubspaceModel(nn.Module):
    """A network whose parameters are ``theta_0 + P z``, and whose only trainable parameter is ``z``.

    Li et al. 2018, section 2. ``theta_0`` are the parameters of ``model`` as they are, P has d columns of length 1 over
    all of its trainable parameters together: weights, biases, scales and shifts. Train it as any module; ``z`` starts
    at 0, where it answers as ``model`` does. It works on a copy. Statistics of batch norms are buffers, which
    training moves as ever.

    A step of Adam moves ``z`` by about ``lr * sqrt(d)`` and so the parameters, where plain training would move them by
    ``lr * sqrt(D)``: take a rate that is larger by about ``sqrt(D / d)``, as `rate_for` does, or look for one.

    Args:
        model: any network, freshly initialised. Parameters that do not ask for a gradient stay fixed.
        dimension: d, from 1 to the number D of chosen parameters.
        projection: ``"fastfood"``, ``"sparse"``, ``"dense"``, or a `Projection` of D rows and d columns.
        params: the parameters to train, by name or by a function of name and parameter; the others stay fixed.
        weight_decay: of the squared length of the parameters themselves: ``weight_decay * theta`` is added to their
            gradient in training mode. That of an optimiser would shrink ``z`` instead, towards ``theta_0``.
        seed: of the projection.

    Raises:
        InputError: nothing to train, d below 1 or above D, a projection of another size, or an unknown name.

    >>> from netopsy.models import mlp
    >>> subspace = SubspaceModel(mlp([64, 16, 10]), 20)
    >>> subspace.full, subspace(torch.rand(3, 64)).shape, [name for name, p in subspace.named_parameters() if
    ...  p.requires_grad]
    (1210, torch.Size([3, 10]), ['z'])
    """

    def __init__(
        self,
        model: nn.Module,
        dimension: int,
        *,
        projection: str | Projection = "fastfood",
        params: Chosen = None,
        weight_decay: float | int = 0.0,
        seed: int = 0,
    ) -> None:
        check_model(model)
        check_has_values(model)
        known = isinstance(weight_decay, int | float) and 0 <= weight_decay < float("inf")
        require(known, f"weight_decay must be a finite number and not negative, got {weight_decay!r}")
        super().__init__()
        self.names = _chosen(model, params)
        self.asking = [name for name, value in model.named_parameters() if value.requires_grad]
        self.model = copied(model).requires_grad_(False)
        found = dict(self.model.named_parameters())
        shapes = [found[name].shape for name in self.names]
        self.sizes = [shape.numel() for shape in shapes]
        like = found[self.names[0]]
        self.projection = (
            make_projection(projection, sum(self.sizes), dimension, seed=seed)
            if isinstance(projection, str)
            else projection
        ).to(device=like.device, dtype=like.dtype)
        for name, wanted in (("full", sum(self.sizes)), ("dimension", dimension)):
            got = getattr(self.projection, name)
            require(got == wanted, f"projection must have {name} {wanted}, got {got}")
        self.weight_decay = float(weight_decay)
        self.z = nn.Parameter(torch.zeros(dimension, dtype=like.dtype, device=like.device))
        self.train(model.training)

    @property
    def full(self) -> int:
        """D, the number of parameters that the subspace lies in."""
        return self.projection.full

    @property
    def dimension(self) -> int:
        """d."""
        return self.projection.dimension

    def weights(self) -> dict[str, Tensor]:
        """The parameters ``theta_0 + P z`` by name; gradients go back to ``z``."""
        held = dict(self.model.named_parameters())
        pieces = self.projection(self.z).split(self.sizes, -1)
        moved = {}
        for name, piece in zip(self.names, pieces, strict=True):
            start = held[name]
            moved[name] = start + piece.view(start.shape).to(start.dtype)
        return moved

    def forward(self, *inputs: Any) -> Any:
        """What the network returns with these parameters."""
        weights = self.weights()
        if self.training and self.weight_decay and torch.is_grad_enabled():
            weights = {name: _Decayed.apply(value, self.weight_decay) for name, value in weights.items()}
        return call_with(self.model, weights, *inputs)

    @torch.no_grad()
    def first(self, dimension: int) -> SubspaceModel:
        """The same network in the subspace of its first directions, at the first coordinates."""
        require(1 <= dimension <= self.dimension, f"dimension must be from 1 to {self.dimension}, got {dimension}")
        made: Any = copied(self)
        if dimension < self.dimension:
            made.projection = self.projection.first(dimension)
            made.z = nn.Parameter(self.z[:dimension].clone())
        return cast("SubspaceModel", made)

    @torch.no_grad()
    def materialise(self) -> nn.Module:
        """An ordinary network with these parameters, which ask for gradients as those of ``model`` did."""
        made = copied(self.model)
        values = dict(made.named_parameters())
        for name, value in self.weights().items():
            values[name].copy_(value)
        for name in self.asking:
            values[name].requires_grad_(True)
        return made

    def state_for_storage(self) -> dict[str, Any]:
        """All that it takes to have the trained parameters again from those that training started with."""
        return {
            "dimension": self.dimension,
            "seed": getattr(self.projection, "seed", None),
            "z": self.z.detach().cpu().clone(),
        }

    def extra_repr(self) -> str:
        """For people."""
        return f"full={self.full}, dimension={self.dimension}"


class _Decayed(torch.autograd.Function):
    """The same values, whose gradient has a multiple of them added: that of half their squared length."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, decay: float) -> Tensor:
        return values.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.decay = inputs[1]
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient + ctx.decay * ctx.saved_tensors[0], None


def _chosen(model: nn.Module, params: Chosen) -> list[str]:
    """The names of the parameters to train; one that is shared counts once."""
    known = dict(model.named_parameters())
    asking = {name: value for name, value in known.items() if value.requires_grad}
    if params is None:
        names = list(asking)
    elif callable(params):
        names = [name for name, value in asking.items() if params(name, value)]
    else:
        given = {params} if isinstance(params, str) else set(params)
        for name in given:
            lookup("parameter", name, known)
        names = [name for name in known if name in given]
    require(names, "model has no trainable parameter" if params is None else "params choose no trainable parameter")
    floats = [name for name in names if not known[name].is_floating_point()]
    require(not floats, f"parameters must be real floats, got {known[floats[0]].dtype if floats else ''}")
    return names
