"""Many pattern-producing networks over all pixels at once, whatever their graphs.

The nodes of all graphs are sorted by their depth, the longest way from an input. The nodes of one depth, of all graphs,
are computed together: the weighted sum of the rows of values that come in, then the functions, one slice each.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from netopsy.robustness.fooling_images.cppn_graph import CPPN, FUNCTIONS, INPUTS

AT_ONCE = 2**21
"""Values that are held at a time: more than a processor keeps near takes longer."""

Numbers = NDArray[np.int64]


@torch.no_grad()
def outputs_of(graphs: list[CPPN], places: Float[Tensor, "inputs pixels"]) -> Float[Tensor, "n outputs pixels"]:
    """What every graph puts out for every pixel. A node that nothing reaches puts out its function of 0."""
    if not graphs:
        return places.new_zeros(0, 1, places.shape[1])
    return torch.cat([_together(some, places) for some in _portions(graphs, AT_ONCE // places.shape[1])])


def _portions(graphs: list[CPPN], most: int) -> Iterator[list[CPPN]]:
    some: list[CPPN] = []
    nodes = 0
    for graph in graphs:
        if some and nodes + len(graph.functions) > most:
            yield some
            some, nodes = [], 0
        some.append(graph)
        nodes += len(graph.functions)
    yield some


def _together(graphs: list[CPPN], places: Tensor) -> Tensor:
    functions = _flat([each.functions for each in graphs])
    counts = np.array([len(each.functions) for each in graphs])
    connections = np.array([len(each.sources) for each in graphs])
    first = np.concatenate(([0], counts.cumsum()[:-1]))
    shift = first.repeat(connections)
    sources, targets = (_flat([getattr(each, name) for each in graphs]) for name in ("sources", "targets"))
    sources, targets = np.where(sources < INPUTS, sources, sources + shift), targets + shift
    depth = _depths(sources, targets, len(functions))
    order = np.lexsort((functions, depth))
    row = np.concatenate((np.arange(INPUTS), INPUTS + _inverse(order)))
    arranged = row[targets].argsort(kind="stable")
    device = places.device
    weights = np.fromiter(chain.from_iterable(each.weights for each in graphs), np.float64, len(sources))
    scaled = torch.from_numpy((20 * weights - 10)[arranged]).to(places)
    incoming = torch.from_numpy(row[sources][arranged]).to(device)
    starts = np.searchsorted(row[targets][arranged], np.arange(INPUTS, INPUTS + len(functions) + 1))
    values = places.new_empty(INPUTS + len(functions), places.shape[1])
    values[:INPUTS] = places
    kinds, depths = functions[order], depth[order]
    for level in range(1, int(depths[-1]) + 1):
        begin, end = np.searchsorted(depths, (level, level + 1))
        edges = slice(starts[begin], starts[end])
        offsets = torch.from_numpy(starts[begin:end] - starts[begin]).to(device)
        sums = values[INPUTS + begin : INPUTS + end]
        if edges.stop > edges.start:
            sums.copy_(F.embedding_bag(incoming[edges], values, offsets, mode="sum", per_sample_weights=scaled[edges]))
        else:
            sums.zero_()
        cuts = np.searchsorted(kinds[begin:end], np.arange(len(FUNCTIONS) + 1))
        for kind, (here, there) in enumerate(pairwise(cuts)):
            _apply(kind, sums[here:there])
    wanted = first[:, None] + np.arange(graphs[0].outputs)
    return values[torch.from_numpy(row[INPUTS + wanted]).to(device)]


def _apply(kind: int, sums: Tensor) -> None:
    if kind == 0:
        sums.sin_()
    elif kind == 1:
        sums.div_(2).tanh_()  # the same as 2 sigma(p) - 1
    elif kind == 2:
        sums.square_().neg_().exp_()
    else:
        sums.clamp_(-3, 3).div_(3)


def _depths(sources: Numbers, targets: Numbers, nodes: int) -> Numbers:
    """The longest way from an input to each node, in connections; 1 for a node that nothing reaches."""
    depth = np.ones(INPUTS + nodes, np.int64)
    depth[:INPUTS] = 0
    while True:
        before = depth.copy()
        np.maximum.at(depth, targets, depth[sources] + 1)
        if np.array_equal(depth, before):
            return depth[INPUTS:]


def _inverse(order: Numbers) -> Numbers:
    found = np.empty_like(order)
    found[order] = np.arange(len(order))
    return found


def _flat(rows: list[tuple[int, ...]]) -> Numbers:
    return np.fromiter(chain.from_iterable(rows), np.int64)
