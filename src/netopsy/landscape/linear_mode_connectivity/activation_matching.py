"""The order of units that makes what the units of two networks answer as alike as can be."""

from __future__ import annotations

from typing import Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch
from netopsy.core.capture import layer_activations
from netopsy.core.computed import copied
from netopsy.core.errors import lookup, require
from netopsy.core.modes import device_of, running_on
from netopsy.core.moments import Moments, unit_rows
from netopsy.core.parameters import State
from netopsy.core.units import Place
from netopsy.landscape.linear_mode_connectivity.permutation import PermutationSpec, check_state
from netopsy.landscape.linear_mode_connectivity.states import check_ends


@checked
def activation_matching(
    model: nn.Module,
    spec: PermutationSpec,
    a: State,
    b: State,
    inputs: Tensor,
    *,
    by: Literal["correlation", "product"] = "correlation",
    batch_size: int = 256,
) -> dict[str, Tensor]:
    """The permutation of the units of ``b`` that makes their outputs most like those of ``a``, group by group.

    A linear assignment over the units of each group, of what the layers that make them put out, before the activation;
    where several layers make the units of a group, as in a residual stream, over their sum.

    Source: Ainsworth et al. 2023 (arXiv 2209.04836), section 3; Li et al. 2016 (arXiv 1511.07543) for correlation.

    Args:
        spec: from `permutation_spec`; one written by hand does not know its layers.
        inputs: what both networks are shown.
        by: the correlation of two units (units that never change have none), or the mean product of their outputs.

    Returns:
        what `apply_permutation` takes, with ``b``.

    Raises:
        InputError: states of other networks, inputs that do not go through, a spec without layers.

    >>> from netopsy.landscape.linear_mode_connectivity import permutation_spec
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> inputs = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    >>> state = net.state_dict()
    >>> activation_matching(net, permutation_spec(net, inputs), state, state, inputs)["0"].tolist()
    [0, 1, 2]
    """
    check_ends(a, b)
    check_state(spec, a, "a")
    check_batch(inputs)
    require(batch_size >= 1, f"batch_size must be at least 1, got {batch_size}")
    lookup("kind of likeness", by, dict.fromkeys(("correlation", "product")))
    bare = [name for name in spec.groups if not spec.layers.get(name)]
    require(not bare, f"spec does not say which layers make the units of {bare[0] if bare else ''!r}")
    networks = [copied(model), copied(model)]
    for network, state in zip(networks, (a, b), strict=True):
        network.load_state_dict(dict(state))
    layers = list(dict.fromkeys(layer for name in spec.groups for layer in spec.layers[name]))
    moments = _moments(networks, layers, inputs, batch_size) if layers else {}
    found = {}
    for name, width in spec.widths.items():
        alike = torch.zeros(width, width, dtype=torch.float64)
        for place in _made(spec, name):
            alike += _likeness(moments[place.layer], place, by)
        found[name] = torch.from_numpy(linear_sum_assignment(alike.numpy(), maximize=True)[1])
    return found


def _moments(networks: list[nn.Module], layers: list[str], inputs: Tensor, batch_size: int) -> dict[str, Moments]:
    """Of the units of both networks side by side, by layer."""
    found = {layer: Moments() for layer in layers}
    for part in inputs.split(batch_size):
        with running_on(part, networks[0]):
            seen = [layer_activations(each, part.to(device_of(each)), layers) for each in networks]
        for layer, moments in found.items():
            linear = isinstance(networks[0].get_submodule(layer), nn.Linear)
            rows = [unit_rows(each[layer], -1 if linear else 1) for each in seen]
            moments.update(torch.cat(rows, 1))
    return found


def _made(spec: PermutationSpec, name: str) -> list[Place]:
    """Where each layer of a group puts out its units: its weight has their positions along the axis of its outputs."""
    of_layers = set(spec.layers[name])
    places = {}
    for place in spec.groups[name]:
        own = place.parameter.rpartition(".")[2]
        if place.layer in of_layers and (own == "bias" or place.layer not in places):
            places[place.layer] = place
    return list(places.values())


def _likeness(moments: Moments, place: Place, by: str) -> Tensor:
    assert moments.mean is not None
    if by == "correlation":
        matrix = moments.correlation()
    else:
        matrix = moments.covariance() + torch.outer(moments.mean, moments.mean)
    size = len(matrix) // 2
    between = matrix[:size, size:].cpu()
    return torch.stack([between[column][:, column] for column in place.index.T]).sum(0)
