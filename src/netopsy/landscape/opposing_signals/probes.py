"""What the network makes of inputs along training: probabilities of probes, sizes of features."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch
from netopsy.core.capture import layer_activations
from netopsy.core.computed import call_with, copied
from netopsy.core.errors import require
from netopsy.core.layers import Layers
from netopsy.core.modes import check_model, device_of, evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.parameters import State
from netopsy.data import Dataset
from netopsy.landscape.curvature.loss import state_values
from netopsy.landscape.opposing_signals.groups import Groups, check_groups
from netopsy.landscape.opposing_signals.trajectory import Trajectory


@checked
def probe_outputs(
    model: nn.Module, trajectory: Trajectory, inputs: Float[Tensor, "batch ..."]
) -> Float[Tensor, "snapshots batch classes"]:
    """Class probabilities of made-up inputs (one colour and noise, say) at every state that the trajectory kept.

    Early in training they swing between the opposing classes. Source: section 2 of the paper.

    Args:
        model: the network that was trained; it is left as it was.
        trajectory: from `record_losses` with ``snapshot_every``.
        inputs: the probes.

    Raises:
        InputError: inputs that the network does not take, no trajectory, or one of another network.

    >>> from netopsy.data import digits
    >>> from netopsy.landscape.opposing_signals import record_losses
    >>> from netopsy.models import mlp
    >>> run = record_losses(net := mlp([64, 10]), digits()[:50], lr=0.1, steps=4, snapshot_every=2)
    >>> probe_outputs(net, run, torch.ones(1, 1, 8, 8)).shape
    torch.Size([3, 1, 10])
    """
    check_model(model)
    check_batch(inputs)
    require(isinstance(trajectory, Trajectory), f"trajectory must be a Trajectory, got {type(trajectory).__name__}")
    there, device = inputs.to(device_of(model)), device_of(model)
    known = {name: value.shape for name, value in (*model.named_parameters(), *model.named_buffers())}
    found = []
    with torch.no_grad(), evaluating(model), running_on(there, model):
        for state in trajectory.states.values():
            fits = {name: value.shape for name, value in state.items()} == known
            require(fits, "trajectory holds states of another network than model")
            values = {name: value.to(device) for name, value in state.items()}
            found.append(single_output(call_with(model, values, there)).softmax(1).cpu())
    return torch.stack(found)


@checked
def feature_norms(
    model: nn.Module, data: Dataset, groups: Groups, layers: Layers, *, at: State | None = None
) -> dict[str, tuple[float, float]]:
    """Mean length of the activations of both groups at each layer, relative to the mean over all examples.

    Opposing examples share a feature of large magnitude: their numbers are above 1. Source: section 2 of the paper.

    Args:
        layers: names as in ``named_modules()``.
        at: a state to look at; the network's own by default.

    Raises:
        InputError: an unknown layer, groups that name examples which are not there, a state of another network.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> groups = Groups(torch.tensor([0, 1]), torch.tensor([2, 3]), -1, torch.zeros(20))
    >>> list(feature_norms(mlp([64, 5, 10]), digits()[:20], groups, ["fc1"]))
    ['fc1']
    """
    require(isinstance(data, Dataset), f"data must be a netopsy Dataset, got {type(data).__name__}")
    check_groups(groups, len(data))
    check_model(model)
    own = model
    if at is not None:
        own = copied(model)
        own.load_state_dict(state_values(model, at), strict=False)
    seen: dict[str, list[Tensor]] = {}
    for part in data.inputs.split(1024):
        for name, value in layer_activations(own, part.to(device_of(own)), layers).items():
            seen.setdefault(name, []).append(value.flatten(1).float().norm(dim=1).cpu())
    norms = {name: torch.cat(parts) for name, parts in seen.items()}
    return {
        name: (float(each[groups.up].mean() / each.mean()), float(each[groups.down].mean() / each.mean()))
        for name, each in norms.items()
    }
