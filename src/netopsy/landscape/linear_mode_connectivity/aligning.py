"""Networks brought into one order of units, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.core.modes import check_model
from netopsy.core.parameters import State
from netopsy.landscape.linear_mode_connectivity.activation_matching import activation_matching
from netopsy.landscape.linear_mode_connectivity.permutation import (
    PermutationSpec,
    apply_permutation,
    permutation_spec,
)
from netopsy.landscape.linear_mode_connectivity.states import check_ends
from netopsy.landscape.linear_mode_connectivity.weight_matching import weight_matching


@checked
def align(
    model_a: nn.Module,
    model_b: nn.Module,
    inputs: Tensor,
    *,
    by: Literal["weights", "activations"] = "weights",
    seed: int = 0,
) -> dict[str, Tensor]:
    """The state of ``model_b`` with its units in the order of those of ``model_a``; it computes what it did.

    Args:
        inputs: what both take: by weights only the shape matters, by activations they are shown to both.
        by: `weight_matching` or `activation_matching`.

    Raises:
        InputError: networks of two architectures, that cannot be traced, or that do not take the inputs.

    >>> from netopsy.models import mlp
    >>> one, other = mlp([64, 8, 10], seed=0), mlp([64, 8, 10], seed=1)
    >>> state = align(one, other, torch.zeros(2, 64))
    >>> state["fc1.weight"].shape
    torch.Size([8, 64])
    """
    check_model(model_a)
    check_model(model_b)
    lookup("way to align", by, dict.fromkeys(("weights", "activations")))
    a, b = model_a.state_dict(), model_b.state_dict()
    check_ends(a, b)
    spec = permutation_spec(model_a, inputs)
    if by == "weights":
        order = weight_matching(spec, a, b, seed=seed)
    else:
        order = activation_matching(model_a, spec, a, b, inputs)
    return apply_permutation(spec, order, b)


@checked
def align_many(
    spec: PermutationSpec, states: Sequence[State], *, reference: int = 0, cycles: int = 0, seed: int = 0
) -> list[dict[str, Tensor]]:
    """All states with their units in the order of those of one of them, by `weight_matching`.

    Args:
        reference: the number of the state whose order counts.
        cycles: how many times each state is then matched to the mean of all others, until none changes; the order that
            comes out is that of no single one.

    Raises:
        InputError: fewer than two states, of two architectures, or a reference that is not there.

    >>> from netopsy.landscape.linear_mode_connectivity import manual_spec
    >>> a = {"w": torch.tensor([[1.0, 0.0], [0.0, 1.0]])}
    >>> aligned = align_many(manual_spec({"units": [("w", 0)]}, a), [a, {"w": a["w"].flip(0)}])
    >>> torch.equal(aligned[1]["w"], a["w"])
    True
    """
    require(len(states) > 1, f"states must be at least two, got {len(states)}")
    require(0 <= reference < len(states), f"reference must be from 0 to {len(states) - 1}, got {reference}")
    require(cycles >= 0, f"cycles must not be negative, got {cycles}")
    base = states[reference]
    aligned = [
        apply_permutation(spec, {} if state is base else weight_matching(spec, base, state, seed=seed), state)
        for state in states
    ]
    for _ in range(cycles):
        changed = False
        for number, state in enumerate(aligned):
            others = [other for place, other in enumerate(aligned) if place != number]
            order = weight_matching(spec, _mean(others), state, seed=seed)
            changed |= any(not torch.equal(each, torch.arange(len(each))) for each in order.values())
            aligned[number] = apply_permutation(spec, order, state)
        if not changed:
            break
    return aligned


def _mean(states: Sequence[State]) -> dict[str, Tensor]:
    first = states[0]
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in first.items()
    }
