"""What makes directions of one layer's weight space free: dependent activations, dependent gradients, units in step."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch, finite
from netopsy.core.capture import capturing
from netopsy.core.errors import require
from netopsy.core.layers import Layer, layer_names, module_of
from netopsy.core.modes import running_on
from netopsy.core.outputs import first_of
from netopsy.core.runs import RunHook
from netopsy.core.seeds import generator
from netopsy.landscape.interaction_basis.ranks import RowSpace, count_above, padded, tolerance_of
from netopsy.landscape.interaction_basis.sections import check_count, differentiating, gradients, probed


@dataclass(frozen=True, eq=False)
class LayerDegeneracy:
    """The free directions that can be seen inside one layer."""

    layer: str
    rank_activations: int
    """Linearly independent inputs of the weights."""
    rank_gradients: int
    """Linearly independent derivatives of the network's outputs by what the layer puts out."""
    synchronised_blocks: tuple[tuple[int, ...], ...]
    """Groups of two or more units behind which a ReLU is live on the same samples and places."""
    free_directions_bound: int
    """At least so many directions of the weights change nothing, to second order of the behavioural loss."""
    shape: tuple[int, int]
    """Outputs and inputs of the weights."""
    activation_values: Float[Tensor, "inputs"]
    """Singular values of the inputs, root mean squares over samples and places, in falling order."""
    gradient_values: Float[Tensor, "outputs"]
    """The same of the derivatives."""

    def ranks_at(self, rtol: float | int) -> tuple[int, int]:
        """Both ranks at another tolerance, relative to the largest singular value."""
        return count_above(self.activation_values, rtol), count_above(self.gradient_values, rtol)


@checked
def layer_degeneracy(
    model: nn.Module,
    layer: Layer,
    inputs: Tensor,
    *,
    rtol: float | int | None = None,
    n_sources: int | None = None,
    batch_size: int = 256,
    seed: int | torch.Generator = 0,
) -> LayerDegeneracy:
    """Ranks of a layer's inputs and of the output's derivatives behind it, and its ReLUs that fire in step.

    The rank of the weights' behavioural Hessian is at most the product of the two ranks, and equal to it in general;
    the rest of the weights' directions are free. A convolution sees one patch a place. Units in step form a linear
    block: k of them leave k squared directions free instead of k scalings, in this layer and the next together.

    Source: the paper's sections on the three degeneracies.

    Args:
        layer: a linear layer or an ungrouped convolution, by name or as a submodule.
        inputs: a batch.
        rtol: of singular values relative to the largest; by default 1e-10 in double and 1e-5 in single precision, in
            which the network runs as it is: convert it with ``.double()`` for exact ranks.
        n_sources: random sums of outputs to differentiate instead of each of them; at least as many as the rank that
            is looked for.
        batch_size: samples that go through together.
        seed: for those sums.

    Raises:
        InputError: a layer of another kind or one that the output does not depend on, values that are not finite.

    >>> from netopsy.models import mlp
    >>> model = mlp([6, 8, 7, 5], seed=0).double()
    >>> inputs = torch.randn(400, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> found = layer_degeneracy(model, "fc2", inputs)
    >>> found.shape, found.rank_activations * found.rank_gradients, found.free_directions_bound
    ((7, 8), 56, 0)
    """
    [name] = layer_names(model, layer)
    module = module_of(model, name)
    _check_kind(name, module)
    assert isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d)
    check_batch(inputs)
    check_count("n_sources", n_sources, optional=True)
    check_count("batch_size", batch_size)
    within = tolerance_of(rtol, inputs.dtype)
    random = generator(seed)
    entered, slopes, fired = RowSpace(), RowSpace(), _InStep()
    for some in inputs.split(batch_size):
        given: dict[str, Tensor] = {}
        watch = _Rectified(name)
        with differentiating(model), capturing(model, name, start_graph=True, inputs=given) as seen:
            hook = RunHook(model, name, watch.begin)
            try:
                with running_on(some, model), watch:
                    outputs = first_of(model(some))
            finally:
                hook.remove()
            require(name in seen, f"layer {name!r} is never run by the forward pass; choose another layer")
            require(finite(outputs) and finite(seen[name]), "the network's outputs must be finite, check its weights")
            entered.update(_patches(module, given[name]))
            columns = probed(outputs.reshape(len(outputs), 1, -1), n_sources, random)
            for _, found in gradients(columns, seen[name]):
                slopes.update(_units(module, found.flatten(0, 1)))
        if watch.input is not None:
            fired.update(_units(module, watch.input) > 0)
    shape = len(module.weight), module.weight[0].numel()
    values, derived = (padded(each.values().cpu(), size) for each, size in ((entered, shape[1]), (slopes, shape[0])))
    rank, other = count_above(values, within), count_above(derived, within)
    return LayerDegeneracy(
        layer=name,
        rank_activations=rank,
        rank_gradients=other,
        synchronised_blocks=fired.blocks(),
        free_directions_bound=shape[0] * shape[1] - rank * other,
        shape=shape,
        activation_values=values,
        gradient_values=derived,
    )


class _Rectified(TorchFunctionMode):
    """What the first ReLU after a layer is given, if that has the shape of the layer's output."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.shape: torch.Size | None = None
        self.input: Tensor | None = None

    def begin(self, module: nn.Module, arguments: Any, output: Any) -> None:
        """The layer has run."""
        self.shape = first_of(output).shape

    def __torch_function__(
        self, called: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if called in _RELUS and self.shape is not None and self.input is None:
            given = args[0]
            if given.shape == self.shape:
                self.input = given.detach().clone()
            else:
                self.shape = None
        return called(*args, **(kwargs or {}))


_RELUS = {F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}


class _InStep:
    """Which units were live on the same rows, by a random number a unit and row that is added up."""

    def __init__(self) -> None:
        self.sums: Tensor | None = None
        self.live: Tensor | None = None
        self.random = torch.Generator().manual_seed(0)

    def update(self, live: Tensor) -> None:
        drawn = torch.randint(-(2**62), 2**62, (len(live), 1), generator=self.random).to(live.device)
        sums, some = (live * drawn).sum(0), live.any(0)  # wraps around, which changes nothing
        self.sums = sums if self.sums is None else self.sums + sums
        self.live = some if self.live is None else self.live | some

    def blocks(self) -> tuple[tuple[int, ...], ...]:
        """Groups of two or more; units that are never live are in none."""
        if self.sums is None or self.live is None:
            return ()
        groups = defaultdict(list)
        for unit, (code, live) in enumerate(zip(self.sums.tolist(), self.live.tolist(), strict=True)):
            if live:
                groups[code].append(unit)
        return tuple(tuple(units) for units in groups.values() if len(units) > 1)


def _check_kind(name: str, module: nn.Module) -> None:
    known = isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d)
    require(known, f"layer must be a linear layer or a convolution, but {name!r} is a {type(module).__name__}")
    grouped = getattr(module, "groups", 1) != 1
    require(not grouped, f"layer {name!r} is a grouped convolution, whose weights are no single matrix")


def _units(module: nn.Module, values: Tensor) -> Tensor:
    """What the layer put out, or its derivative, as rows ``[samples and places, units]``."""
    if isinstance(module, nn.Linear):
        return values.flatten(0, -2)
    return values.movedim(1, -1).flatten(0, -2)


def _patches(module: nn.Module, values: Tensor) -> Tensor:
    """What the weights are multiplied with, as rows ``[samples and places, inputs]``."""
    if isinstance(module, nn.Linear):
        return values.flatten(0, -2)
    assert isinstance(module, nn.Conv1d | nn.Conv2d)
    kind = "constant" if module.padding_mode == "zeros" else module.padding_mode
    windows = F.pad(values, module._reversed_padding_repeated_twice, mode=kind)
    axes = len(module.kernel_size)
    for axis, (size, apart, stride) in enumerate(zip(module.kernel_size, module.dilation, module.stride, strict=True)):
        windows = windows.unfold(2 + axis, apart * (size - 1) + 1, stride)[..., ::apart]
    return windows.movedim(1, axes + 1).flatten(0, axes).flatten(1)
