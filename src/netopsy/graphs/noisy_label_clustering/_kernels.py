"""Pushes over a region: flow diffusion, PageRank, and the conductance of what they find.

Every kernel works until it is done or needs the row of a node, whose place it then returns.
"""

from __future__ import annotations

import numpy as np

from netopsy.core.compiled import compiled
from netopsy.graphs.noisy_label_clustering._region import (
    COUNT,
    HEAD,
    LEFT,
    OPEN,
    PASSES,
    PUSHES,
    WAITING,
    dequeue,
    enqueue,
    row_of,
    with_row,
)

DONE, EXHAUSTED, BAD_LABEL, OVERFULL = -1, -2, -3, -4
"""Why a kernel stopped, where it is not for a row: nothing left to push, passes used up, a label that is neither 0 nor
1, and more source than the sinks of a whole component."""


@compiled
def settle(region, tol, most):
    """Push every node's excess over its sink to its neighbours, first come first served, at most so many passes."""
    size, queue, queued = region.size, region.queue, region.queued
    height, mass, degree = region.height, region.mass, region.degree
    column, weight, start, stop = region.column, region.weight, region.start, region.stop
    ring = len(queue) - 1
    head, waiting, left, pushes = size[HEAD], size[WAITING], size[LEFT], size[PUSHES]
    ended = DONE
    while waiting > 0:
        if left == 0:
            if size[PASSES] >= most:
                ended = EXHAUSTED
                break
            size[PASSES] += 1
            left = waiting
        place = queue[head]
        if start[place] < 0:
            ended = place
            break
        head = (head + 1) & ring
        waiting -= 1
        left -= 1
        queued[place] = False
        excess = mass[place]
        if excess <= tol or degree[place] <= 0.0:
            continue
        pushes += 1
        step = excess / degree[place]
        height[place] += step
        mass[place] = 0.0
        # Unsigned, for which numba needs no test of negative indices.
        for k in range(np.uint64(start[place]), np.uint64(stop[place])):
            other = column[k]
            held = mass[other] + step * weight[k]
            mass[other] = held
            if held > tol and not queued[other]:
                queued[other] = True
                queue[(head + waiting) & ring] = other
                waiting += 1
    size[HEAD], size[WAITING], size[LEFT], size[PUSHES] = head, waiting, left, pushes
    return ended


@compiled
def walk(region, teleport, tol, least):
    """Approximate personalised PageRank: heights are its values, masses the residuals.

    A node whose row is not read has a weighted degree of at least ``least`` times its sink.
    """
    size = region.size
    while size[WAITING] > 0:
        place = region.queue[size[HEAD]]
        if region.start[place] < 0:
            return place
        dequeue(region)
        residual = region.mass[place]
        if residual < tol * region.degree[place] or residual == 0.0:
            continue
        size[PUSHES] += 1
        region.height[place] += teleport * residual
        region.mass[place] = 0.0
        step = (1.0 - teleport) * residual / region.degree[place]
        for k in range(region.start[place], region.stop[place]):
            other = region.column[k]
            region.mass[other] += step * region.weight[k]
            degree = region.degree[other] if region.start[other] >= 0 else least * region.sink[other]
            if region.mass[other] >= tol * degree:
                enqueue(region, other)
    return DONE


@compiled
def overfull(region):
    """Whether nothing is left to flow to: all touched rows are read, and the sinks hold less than there is."""
    if region.size[OPEN] > 0:
        return False
    count = region.size[COUNT]
    return region.mass[:count].sum() > region.sink[:count].sum() * 1e-12


@compiled
def settle_in_memory(region, starts, columns, weights, sinks, labels, eps, tol, most):
    """`settle` on a graph in memory, rows read as they are needed; the region, and why it stopped."""
    while True:
        wanted = settle(region, tol, most)
        if wanted < 0:
            return region, wanted
        names, own, into, known = row_of(region.node[wanted], starts, columns, weights, sinks, labels)
        if len(known) > 0 and known.min() < 0:
            return region, BAD_LABEL
        region = with_row(region, wanted, names, own, into, known, eps)
        if overfull(region):
            return region, OVERFULL


@compiled
def walk_in_memory(region, starts, columns, weights, sinks, labels, eps, teleport, tol, least):
    """`walk` on a graph in memory."""
    while True:
        wanted = walk(region, teleport, tol, least)
        if wanted < 0:
            return region, wanted
        names, own, into, known = row_of(region.node[wanted], starts, columns, weights, sinks, labels)
        if len(known) > 0 and known.min() < 0:
            return region, BAD_LABEL
        region = with_row(region, wanted, names, own, into, known, eps)


@compiled
def swept(region, order, volume):
    """The conductance of the first one, two, ... of the nodes in an order, of which every row must be read."""
    inside = np.zeros(region.size[COUNT], np.bool_)
    found = np.empty(len(order))
    cut = 0.0
    own = 0.0
    for k in range(len(order)):
        place = order[k]
        inside[place] = True
        own += region.degree[place]
        cut += region.degree[place]
        for entry in range(region.start[place], region.stop[place]):
            if inside[region.column[entry]]:
                cut -= 2.0 * region.weight[entry]
        smaller = min(own, volume - own)
        found[k] = max(cut, 0.0) / smaller if smaller > 1e-12 * own else 1.0
    return found
