"""Runs that share the first stretch of training and then part."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.parameters import State, flatten
from netopsy.core.seeds import derive
from netopsy.data import Dataset
from netopsy.landscape.linear_mode_connectivity.states import check_ends
from netopsy.training import Recipe, fit, fit_many


@dataclass(frozen=True, eq=False)
class Fork:
    """Two runs from one trunk."""

    step: int
    """Steps of the trunk where they parted."""
    trunk: dict[str, Tensor]
    """Its state there."""
    children: tuple[dict[int, dict[str, Tensor]], dict[int, dict[str, Tensor]]]
    """For each, steps since they parted to its state; the last one is always there."""


@checked
def forks(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    at: Sequence[int],
    *,
    seed: int = 0,
    keep_states: Sequence[int] = (),
) -> list[Fork]:
    """Train a trunk, and from each of its steps ``at`` two children that see the batches in orders of their own.

    The children of all forks train together (`fit_many`), each for ``recipe.steps`` steps from where they part and
    with a learning rate that starts anew there. A fork at 0 is two runs from the same first weights, which is not the
    same as runs from different ones.

    Source: section 3 of the paper; Frankle et al. 2020 (arXiv 1912.05671), section 2, for the experiment.

    Args:
        model: where the trunk starts; it is left as it was.
        recipe: of the trunk and the children alike, but that the trunk is as long as the latest fork.
        at: steps of the trunk.
        seed: of the orders of the batches.
        keep_states: steps of the children whose states are kept, too.

    Raises:
        InputError: no fork, a negative step, what `netopsy.training.fit_many` refuses.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> found = forks(mlp([64, 8, 10]), digits()[:100], Recipe(steps=3), at=[0, 2])
    >>> [(fork.step, list(fork.children[0])) for fork in found]
    [(0, [3]), (2, [3])]
    """
    require(len(at) > 0, "at is empty; give at least one step at which to part")
    require(min(at) >= 0, f"at must hold steps of the trunk, 0 or more, got {list(at)}")
    trunk, places = copy.deepcopy(model), {0: copy.deepcopy(model.state_dict())}
    if max(at) > 0:
        longer = replace(recipe, steps=max(at))
        places |= fit(trunk, data, longer, seed=derive(seed, "trunk"), keep_states=sorted(set(at))).states
    children = []
    for step in at:
        for _ in range(2):
            child = copy.deepcopy(model)
            child.load_state_dict(places[step])
            children.append(child)
    orders = [derive(seed, "child", step, number) for step in at for number in (0, 1)]
    kept = sorted({*keep_states, recipe.steps})
    runs = fit_many(children, data, recipe, seeds=orders, keep_states=kept)
    found = [dict(run.states) for run in runs]
    pairs = zip(found[::2], found[1::2], strict=True)
    return [Fork(step, places[step], pair) for step, pair in zip(at, pairs, strict=True)]


@checked
def displacement_cosine(a: State, b: State, base: State) -> float:
    """The cosine of the angle between the ways from ``base`` to ``a`` and to ``b``; 0 where one did not move.

    Source: section 3 of the paper.

    Raises:
        InputError: states with other names or shapes.

    >>> import torch
    >>> base = {"w": torch.zeros(2)}
    >>> displacement_cosine({"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([0.0, 2.0])}, base)
    0.0
    """
    check_ends(a, base)
    check_ends(b, base)
    one, other = (_moved(state, base) for state in (a, b))
    lengths = float(one.norm() * other.norm())
    return float(one @ other) / lengths if lengths > 0 else 0.0


@checked
def distance(a: State, b: State) -> float:
    """The Euclidean distance of two states, over all entries that are no whole numbers.

    Raises:
        InputError: states of two architectures.

    >>> import torch
    >>> distance({"w": torch.zeros(2)}, {"w": torch.tensor([3.0, 4.0])})
    5.0
    """
    check_ends(a, b)
    return float(_moved(a, b).norm())


def _moved(state: State, base: State) -> Float[Tensor, "size"]:
    floats = {name: value.double() for name, value in state.items() if value.is_floating_point()}
    return flatten(floats) - flatten({name: base[name].double() for name in floats})
