"""Single units and what ties them, noted down while a network is followed and put together at the end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from netopsy.core.units.groups import Place, UnitGroup, Units

Ids: TypeAlias = NDArray[np.int64]
Kind: TypeAlias = Literal["producer", "consumer", "norm", "count"]


@dataclass(frozen=True, eq=False)
class _Noted:
    kind: Kind
    parameter: str
    dimension: int
    ids: Ids


class Atoms:
    """Numbered units: each channel of each layer is one, until something ties it to others."""

    def __init__(self) -> None:
        self.layers: list[str | None] = []
        """The layer that makes each."""
        self._ties: list[tuple[Ids, Ids]] = []
        self._fixed: list[tuple[Ids, str]] = []
        self._places: dict[tuple[Kind, str, int], _Noted] = {}
        self._of_layer: dict[str, Ids] = {}
        self.infinite: dict[str, str] = {}
        """Layers whose units a step made infinite, and its name."""
        self.opaque: dict[str, str] = {}
        """Layers that were not looked into, or must stay as they are, and why."""

    def made(self, layer: str | None, count: int) -> Ids:
        """``count`` new ones, or those of the layer if it made some before."""
        if layer in self._of_layer:
            return self._of_layer[layer]
        first = len(self.layers)
        self.layers += [layer] * count
        ids = np.arange(first, first + count, dtype=np.int64)
        if layer is not None:
            self._of_layer[layer] = ids
        return ids

    def immovable(self, count: int, why: str) -> Ids:
        """New ones that cannot be removed, for positions that no layer makes."""
        ids = self.made(None, count)
        self.fix(ids, why)
        return ids

    def tie(self, one: Ids, other: Ids) -> None:
        """Each of ``one`` goes with its counterpart."""
        if one is not other and not np.array_equal(one, other):
            self._ties.append((one, other))

    def tie_blocks(self, ids: Ids, blocks: int) -> Ids:
        """All of each block go together; returns the first of every block."""
        rows = ids.reshape(blocks, -1)
        for column in range(1, rows.shape[1]):
            self.tie(rows[:, 0], rows[:, column])
        return rows[:, 0]

    def fix(self, ids: Ids, why: str) -> None:
        """None of these can be removed."""
        self._fixed.append((ids, why))

    def place(self, kind: Kind, parameter: str, dimension: int, ids: Ids) -> None:
        """The positions along a dimension of a parameter belong to ``ids``, in order."""
        noted = self._places.setdefault((kind, parameter, dimension), _Noted(kind, parameter, dimension, ids))
        self.tie(noted.ids, ids)

    def units(self) -> Units:
        """Everything put together: components of tied atoms, and groups of components of one kind."""
        if not self.layers:
            return Units({}, self.opaque)
        unit_of = self._components()
        reasons: dict[int, str] = {}
        for place in self._places.values():
            owner = place.parameter.rpartition(".")[0]
            if owner in self.opaque:  # a later call than the one that noted the place
                self.fix(place.ids, f"{owner!r} {self.opaque[owner]}")
        for ids, why in self._fixed:
            for unit in np.unique(unit_of[ids]).tolist():
                reasons.setdefault(unit, why)
        left_out = dict(self.opaque)
        makers: dict[int, list[str]] = defaultdict(list)
        for unit, layer in zip(unit_of.tolist(), self.layers, strict=True):
            if layer is not None and unit in reasons:
                left_out.setdefault(layer, reasons[unit])
            elif layer is not None:
                makers[unit].append(layer)
        return Units(self._groups(unit_of, makers), left_out)

    def _components(self) -> Ids:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        count = len(self.layers)
        empty = np.zeros(0, dtype=np.int64)
        ends = [np.concatenate([empty, *(pair[side] for pair in self._ties)]) for side in (0, 1)]
        edges = coo_array((np.ones(len(ends[0]), dtype=np.int8), (ends[0], ends[1])), shape=(count, count))
        found: Ids = connected_components(edges, directed=False)[1].astype(np.int64)
        return found

    def _groups(self, unit_of: Ids, makers: dict[int, list[str]]) -> dict[str, UnitGroup]:
        """Units of which every parameter holds as many positions, made by the same layers, are one group."""
        noted_places = list(self._places.values())
        counts: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, place in enumerate(noted_places):
            units_here, counted = np.unique(unit_of[place.ids], return_counts=True)
            for unit, count in zip(units_here.tolist(), counted.tolist(), strict=True):
                counts[unit].append((number, count))
        kinds: dict[object, list[int]] = defaultdict(list)
        for unit, layers in makers.items():  # in the order in which they were first made
            kinds[tuple(layers), tuple(counts[unit])].append(unit)
        groups: dict[str, UnitGroup] = {}
        for units in kinds.values():
            layers = list(dict.fromkeys(makers[units[0]]))
            name, again = layers[0], 2
            while name in groups:
                name, again = f"{layers[0]}#{again}", again + 1
            row = np.full(int(unit_of.max()) + 1, -1)
            row[units] = np.arange(len(units))
            places: dict[Kind, list[Place]] = {"producer": [], "consumer": [], "norm": [], "count": []}
            for number, _ in counts[units[0]]:
                noted = noted_places[number]
                index = _positions(row[unit_of[noted.ids]])
                places[noted.kind].append(Place(noted.parameter, noted.dimension, index))
            groups[name] = UnitGroup(name, len(units), tuple(layers), *(tuple(each) for each in places.values()))
        return groups


def _positions(row: Ids) -> torch.Tensor:
    """``[width, repeat]``: where along a dimension each unit stands, from the unit of every position, -1 for others."""
    places = np.flatnonzero(row >= 0)
    order = np.argsort(row[places], kind="stable")
    return torch.from_numpy(places[order]).reshape(int(row.max()) + 1, -1)
