"""The part of a graph that local work has touched, as growing arrays behind a hash table.

Nothing here has one entry a node of the graph: a node gets a place among the touched ones when it is first seen, and
its row of neighbours is read when it first needs them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netopsy.core.compiled import compiled


class Region(NamedTuple):
    """By touched node: its number in the graph, label, height x, mass, sink, weighted degree and where its row is.

    Masses count from the sink, so that what is positive is to be pushed; for walks they count from 0.

    ``table`` hashes numbers to places, ``queue`` is a ring of places, ``column`` and ``weight`` hold the rows that were
    read.
    """

    table: np.ndarray
    node: np.ndarray
    label: np.ndarray
    height: np.ndarray
    mass: np.ndarray
    sink: np.ndarray
    degree: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    queued: np.ndarray
    queue: np.ndarray
    column: np.ndarray
    weight: np.ndarray
    size: np.ndarray


COUNT, EDGES, HEAD, WAITING, LEFT, PASSES, PUSHES, OPEN, READ, FROM_ZERO = range(10)
"""What ``size`` counts: touched nodes, entries kept, the queue's head and length and what is left of the pass, passes,
pushes, touched nodes whose row was not read, and entries read; and whether masses count from 0, not from the sink."""


def empty_region(nodes: int = 256, entries: int = 2048, *, from_zero: bool = False) -> Region:
    """A region that has touched nothing, with room for a few; both must be powers of two."""
    size = np.zeros(10, np.int64)
    size[FROM_ZERO] = from_zero
    return Region(
        table=np.full(4 * nodes, -1, np.int64),
        node=np.empty(nodes, np.int64),
        label=np.empty(nodes, np.int8),
        height=np.empty(nodes),
        mass=np.empty(nodes),
        sink=np.empty(nodes),
        degree=np.empty(nodes),
        start=np.empty(nodes, np.int64),
        stop=np.empty(nodes, np.int64),
        queued=np.empty(nodes, np.bool_),
        queue=np.empty(nodes, np.int64),
        column=np.empty(entries, np.uint32),
        weight=np.empty(entries),
        size=size,
    )


@compiled
def slot_of(table, node, name):
    """Where in the table a number is, or would be."""
    mask = len(table) - 1
    hashed = np.uint64(name) * np.uint64(0x9E3779B97F4A7C15)
    slot = np.int64(hashed >> np.uint64(33)) & mask
    while table[slot] >= 0 and node[table[slot]] != name:
        slot = (slot + 1) & mask
    return slot


@compiled
def longer(values, length):
    """The values with room for more."""
    grown = np.empty(length, values.dtype)
    grown[: len(values)] = values
    return grown


@compiled
def with_room(region, nodes, entries):
    """The region with room for so many more nodes and entries; its arrays may be new ones."""
    size = region.size
    column, weight = region.column, region.weight
    room = len(column)
    while size[EDGES] + entries > room:
        room *= 2
    if room > len(column):
        column, weight = longer(column, room), longer(weight, room)
    room = len(region.node)
    while size[COUNT] + nodes > room:
        room *= 2
    if room == len(region.node):
        return Region(
            region.table, region.node, region.label, region.height, region.mass, region.sink, region.degree,
            region.start, region.stop, region.queued, region.queue, column, weight, size,
        )  # fmt: skip
    node = longer(region.node, room)
    table = np.full(4 * room, -1, np.int64)
    for place in range(size[COUNT]):
        table[slot_of(table, node, node[place])] = place
    queue = np.empty(room, np.int64)
    for turn in range(size[WAITING]):
        queue[turn] = region.queue[(size[HEAD] + turn) & (len(region.queue) - 1)]
    size[HEAD] = 0
    return Region(
        table, node, longer(region.label, room), longer(region.height, room), longer(region.mass, room),
        longer(region.sink, room), longer(region.degree, room), longer(region.start, room),
        longer(region.stop, room), longer(region.queued, room), queue, column, weight, size,
    )  # fmt: skip


@compiled
def entered(region, name, sink, label):
    """The place of a node, which is given one if it has none; there must be room."""
    return entered_at(region, slot_of(region.table, region.node, name), name, sink, label)


@compiled
def entered_at(region, slot, name, sink, label):
    """`entered`, where it is known already where in the table the node is or would be."""
    place = region.table[slot]
    if place < 0:
        place = region.size[COUNT]
        region.size[COUNT] += 1
        region.size[OPEN] += 1
        region.table[slot] = place
        region.node[place] = name
        region.label[place] = label
        region.sink[place] = sink
        region.height[place] = 0.0
        region.mass[place] = 0.0 if region.size[FROM_ZERO] else -sink
        region.degree[place] = 0.0
        region.start[place] = -1
        region.stop[place] = -1
        region.queued[place] = False
    return place


@compiled
def enqueue(region, place):
    """Put a touched node at the queue's end, unless it waits already."""
    if not region.queued[place]:
        region.queued[place] = True
        region.queue[(region.size[HEAD] + region.size[WAITING]) & (len(region.queue) - 1)] = place
        region.size[WAITING] += 1


@compiled
def seeded(region, name, sink, label, mass):
    """The place of a node that gets mass and waits in the queue; there must be room."""
    place = entered(region, name, sink, label)
    region.mass[place] += mass
    enqueue(region, place)
    return place


@compiled
def dequeue(region):
    """Take the queue's first node off."""
    place = region.queue[region.size[HEAD]]
    region.size[HEAD] = (region.size[HEAD] + 1) & (len(region.queue) - 1)
    region.size[WAITING] -= 1
    region.queued[place] = False
    return place


@compiled
def with_row(region, place, names, weights, sinks, labels, eps):
    """The region with a touched node's row: edges between different labels times eps, those of no weight left out."""
    region = with_room(region, len(names), len(names))
    size = region.size
    at = size[EDGES]
    region.start[place] = at
    total = 0.0
    for k in range(len(names)):
        slot = slot_of(region.table, region.node, names[k])
        known = region.table[slot]
        label = region.label[known] if known >= 0 else labels[k]
        weight = weights[k] if label == region.label[place] else eps * weights[k]
        if weight > 0.0:
            region.column[at] = known if known >= 0 else entered_at(region, slot, names[k], sinks[k], label)
            region.weight[at] = weight
            total += weight
            at += 1
    region.stop[place] = at
    region.degree[place] = total
    size[EDGES] = at
    size[READ] += len(names)
    size[OPEN] -= 1
    return region


@compiled
def row_of(name, starts, columns, weights, sinks, labels):
    """A row of a graph in memory as `with_row` takes it: numbers, weights, sinks and labels of the neighbours.

    ``sinks`` and ``labels`` may be empty: every node then has sink 1, and label 0.
    """
    first, last = starts[name], starts[name + 1]
    names = np.empty(last - first, np.int64)
    own_sinks = np.ones(last - first)
    own_labels = np.zeros(last - first, np.int8)
    for k in range(last - first):
        names[k] = columns[first + k]
        if len(sinks) > 0:
            own_sinks[k] = sinks[names[k]]
        if len(labels) > 0:
            label = labels[names[k]]
            own_labels[k] = label if label == 0 or label == 1 else -1
    return names, weights[first:last], own_sinks, own_labels
