"""The order of units that brings the weights of one network as close to another's as coordinate descent can."""

from __future__ import annotations

from collections import defaultdict

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import finite
from netopsy.core.errors import require
from netopsy.core.parameters import State
from netopsy.core.progress import Task
from netopsy.core.seeds import derive, generator
from netopsy.core.units import Place
from netopsy.landscape.linear_mode_connectivity.permutation import (
    PermutationSpec,
    apply_permutation,
    check_state,
    random_permutation,
)
from netopsy.landscape.linear_mode_connectivity.states import check_ends

LEAST_GAIN = 1e-12
"""Of the size of the objective; less is rounding, and exchanging equal units would go on for ever."""


@checked
def weight_matching(
    spec: PermutationSpec, a: State, b: State, *, max_sweeps: int = 100, seed: int = 0, restarts: int = 0
) -> dict[str, Tensor]:
    """The permutation of the units of ``b`` that makes ``<a, permuted b>`` as large as coordinate descent finds it.

    Groups are taken in random order. With all others as they are, the best order of one group is a linear assignment,
    solved exactly; a group is looked at again once a group that shares weights with it has changed, and the search ends
    when none has. The distance of the two networks never increases. With one hidden layer the result is the best there
    is; with more, a local one. The search starts from the order of ``b``, and once more from the order that comes out
    where every group, from the input on, is matched by the weights alone whose other units are matched already: those
    of units that are not say nothing yet. The better end counts.

    Source: Ainsworth et al. 2023 (arXiv 2209.04836), algorithm 1; the second start is ours.

    Args:
        spec: from `permutation_spec`, or written by hand.
        a, b: states of the two networks; running statistics go along and are not compared.
        max_sweeps: through all groups.
        seed: of the order of the groups, and of the restarts.
        restarts: how many times more to start, from random orders; the best counts.

    Returns:
        what `apply_permutation` takes, with ``b``.

    Raises:
        InputError: states of other networks, that are not finite, or numbers out of range.

    >>> from netopsy.landscape.linear_mode_connectivity import manual_spec
    >>> a = {"w": torch.tensor([[1.0, 0.0], [0.0, 1.0]])}
    >>> weight_matching(manual_spec({"units": [("w", 0)]}, a), a, {"w": a["w"].flip(0)})["units"].tolist()
    [1, 0]
    """
    check_ends(a, b)
    check_state(spec, a, "a")
    require(max_sweeps > 0, f"max_sweeps must be at least 1, got {max_sweeps}")
    require(restarts >= 0, f"restarts must not be negative, got {restarts}")
    for side, state in (("a", a), ("b", b)):
        odd = [name for name, value in state.items() if not finite(value)]
        require(not odd, f"{side} must be finite, but {odd[0] if odd else ''!r} is not")
    best: tuple[float, dict[str, Tensor]] | None = None
    with Task("matching", max_sweeps * (restarts + 2)) as task:
        for start in range(restarts + 2):
            begin = random_permutation(spec, seed=derive(seed, "start", start)) if start > 1 else None
            search = _Search(spec, a, b, begin)
            if start == 1:
                search.start_from_input()
            search.run(max_sweeps, derive(seed, "order", start), task)
            if best is None or search.objective() > best[0]:
                best = search.objective(), search.permutation
    assert best is not None
    return best[1]


class _Search:
    """Both networks in double precision, the second with its units in the order found so far."""

    def __init__(self, spec: PermutationSpec, a: State, b: State, begin: dict[str, Tensor] | None) -> None:
        self.groups = {
            name: [place for place in places if place.parameter not in spec.buffers]
            for name, places in spec.groups.items()
        }
        names = {place.parameter for places in self.groups.values() for place in places}
        self.permutation = begin or {name: torch.arange(width) for name, width in spec.widths.items()}
        started = apply_permutation(spec, begin, b) if begin else b
        self.a = {name: a[name].detach().double() for name in names}
        self.b = {name: started[name].detach().double() for name in names}
        self.scale = sum(float(value.square().sum()) for state in (self.a, self.b) for value in state.values())
        self.rows = {name: [_rows(self.a, place) for place in places] for name, places in self.groups.items()}
        self.on: dict[str, list[str]] = defaultdict(list)
        for name, places in self.groups.items():
            for place in places:
                self.on[place.parameter].append(name)
        self.beside = {
            name: {other for place in own for other in self.on[place.parameter]} - {name}
            for name, own in self.groups.items()
        }
        self.twice = {name for sharing in self.on.values() for name in sharing if sharing.count(name) > 1}

    def objective(self) -> float:
        return sum(float((self.a[name] * self.b[name]).sum()) for name in self.a)

    def run(self, max_sweeps: int, seed: int, task: Task) -> None:
        random = generator(seed)
        names = list(self.groups)
        stale = set(names)
        for _ in range(max_sweeps):
            for number in torch.randperm(len(names), generator=random).tolist():
                name = names[number]
                if name in stale:
                    stale.discard(name)
                    if self._improve(name):
                        stale |= self.beside[name] | ({name} & self.twice)
            task.advance()
            if not stale:
                return

    def start_from_input(self) -> None:
        """An order to start from: every group matched by the weights it shares with none that is still to come."""
        done: set[str] = set()
        for name, places in self.groups.items():
            known = [
                place for place in places if set(self.on[place.parameter]) <= done | {name} and name not in self.twice
            ]
            if known:
                order = self._assigned(self._alike(name, known))
                self._move(name, self._reordered(places, order), order)
            done.add(name)

    def _improve(self, name: str) -> bool:
        """The best order of one group; whether it gains anything."""
        places = self.groups[name]
        if not places:
            return False
        alike = self._alike(name, places)
        order = self._assigned(alike)
        gain = float(alike[torch.arange(len(order)), order].sum() - alike.trace())
        moved = self._reordered(places, order)
        if name in self.twice:  # on two axes of a tensor the objective is quadratic, and the assignment a guess
            gain = sum(float((self.a[each] * (moved[each] - self.b[each])).sum()) for each in moved)
        if gain <= LEAST_GAIN * self.scale:
            return False
        self._move(name, moved, order)
        return True

    def _alike(self, name: str, places: list[Place]) -> Tensor:
        """What each unit of the first network has in common with each of the second, in ``places``."""
        parts = zip(self.groups[name], self.rows[name], strict=True)
        chosen = {id(place) for place in places}
        found = sum(rows @ _rows(self.b, place).T for place, rows in parts if id(place) in chosen)
        assert isinstance(found, Tensor)
        return found.cpu()

    @staticmethod
    def _assigned(alike: Tensor) -> Tensor:
        return torch.from_numpy(linear_sum_assignment(alike.numpy(), maximize=True)[1])

    def _move(self, name: str, moved: dict[str, Tensor], order: Tensor) -> None:
        self.b |= moved
        self.permutation[name] = self.permutation[name][order]

    def _reordered(self, places: list[Place], order: Tensor) -> dict[str, Tensor]:
        moved: dict[str, Tensor] = {}
        for place in places:
            value = moved.get(place.parameter, self.b[place.parameter])
            positions = torch.arange(value.shape[place.dimension])
            positions[place.index.flatten()] = place.index[order].flatten()
            moved[place.parameter] = value.index_select(place.dimension, positions.to(value.device))
        return moved


def _rows(state: State, place: Place) -> Tensor:
    """One row a unit: all that stands at its positions."""
    value = state[place.parameter].movedim(place.dimension, 0)
    return value[place.index.to(value.device)].flatten(1)
