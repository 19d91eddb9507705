"""Rows of the matrices that reach beyond the edges: a dense row is filled, read off in order and cleared.

Every kernel fills rows ``first`` to ``last`` and returns how many entries it wrote; ``counts`` gets them row by row.
Entries are written whether they count or not, and the place moves on only if they do: a branch would be guessed wrongly
too often. So the room for a block of rows has one entry to spare.
"""

from __future__ import annotations

import numpy as np

from netopsy.core.compiled import compiled

SCAN = 24
"""A row is read off from end to end where at least one entry in so many is touched, otherwise by sorting."""


@compiled
def read_off(held, touched, count, indices, values, written):
    """Write what a row holds in the order of its columns and clear it; returns how many entries are written now."""
    if count * SCAN < len(held):
        touched[:count].sort()
        for place in range(count):
            j = touched[place]
            indices[written], values[written] = j, held[j]
            written += held[j] != 0
            held[j] = 0
    else:
        for j in range(len(held)):
            value = held[j]
            indices[written], values[written] = j, value
            written += value != 0
            held[j] = 0
    return written


@compiled
def paths_between(first, last, starts, columns, indices, values, counts):
    """How many paths i - k - j there are to every j that is no neighbour of i."""
    n = len(starts) - 1
    paths = np.zeros(n, np.int32)
    touched = np.empty(n, np.uint32)
    written = 0
    for i in range(first, last):
        count = 0
        for p in range(starts[i], starts[i + 1]):
            k = columns[p]
            for other in range(starts[k], starts[k + 1]):
                j = columns[other]
                if paths[j] == 0:
                    touched[count] = j
                    count += 1
                paths[j] += 1
        paths[i] = 0
        for p in range(starts[i], starts[i + 1]):
            paths[columns[p]] = 0
        before = written
        written = read_off(paths, touched, count, indices, values, written)
        counts[i] = written - before
    return written


@compiled
def edges_between(first, last, starts, columns, triangle, offsets, common, cliques, indices, values, counts):
    """Edges among the common neighbours of i and j: written for non-neighbours, and by position in ``cliques``.

    ``common`` lists the common neighbours of each edge, at one of its positions.
    """
    n = len(starts) - 1
    near = np.zeros(n, np.bool_)
    held = np.zeros(n, np.int64)
    touched = np.empty(n, np.uint32)
    written = 0
    for i in range(first, last):
        begin, end = starts[i], starts[i + 1]
        for p in range(begin, end):
            near[columns[p]] = True
        count = 0
        for p in range(begin, end):
            if triangle[p] == 0:
                continue
            u = columns[p]
            for edge in range(starts[u], starts[u + 1]):
                if offsets[edge + 1] > offsets[edge] and near[columns[edge]]:
                    for place in range(offsets[edge], offsets[edge + 1]):
                        j = common[place]
                        if held[j] == 0:
                            touched[count] = j
                            count += 1
                        held[j] += 1
        held[i] = 0
        for p in range(begin, end):
            k = columns[p]
            cliques[p] = held[k]
            held[k] = 0
            near[k] = False
        before = written
        if count:
            written = read_off(held, touched, count, indices, values, written)
        counts[i] = written - before
    return written


@compiled
def two_apart(first, last, starts, columns, triangle, paths, spans, far, edges, form, indices, values, counts):
    """Rows of a matrix that is a linear form of what is seen on the paths i - k - j between non-neighbours.

    ``form`` weighs C (the number of paths), C d_j, C d_i, C (C - 1) / 2, the sums of T[k, j], T[i, k] and d_k - 1
    over the paths, and the edges among the k. ``paths`` are the starts, columns and values of C; ``spans``, ``far`` and
    ``edges`` those of the last.
    """
    begins, ends, ways = paths
    one, by_end, by_start, pairs, next_to, behind, spread, inside = form
    summed = next_to != 0 or behind != 0 or spread != 0
    sums = np.zeros(len(starts) - 1, np.int64)
    written = 0
    for i in range(first, last):
        if summed:
            for p in range(starts[i], starts[i + 1]):
                k = columns[p]
                fixed = behind * triangle[p] + spread * (starts[k + 1] - starts[k] - 1)
                for other in range(starts[k], starts[k + 1]):
                    sums[columns[other]] += fixed + next_to * triangle[other]
        if inside != 0:
            for place in range(spans[i], spans[i + 1]):
                sums[far[place]] += inside * edges[place]
        before = written
        here = one + by_start * (starts[i + 1] - starts[i])
        for place in range(begins[i], begins[i + 1]):
            j = ends[place]
            c = np.int64(ways[place])
            value = c * (here + by_end * (starts[j + 1] - starts[j])) + pairs * (c * (c - 1) // 2) + sums[j]
            indices[written], values[written] = j, value
            written += value != 0
            sums[j] = 0
        if summed:
            sums[i] = 0
            for p in range(starts[i], starts[i + 1]):
                sums[columns[p]] = 0
        counts[i] = written - before
    return written


@compiled
def three_apart(first, last, starts, columns, triangle, paths, spans, far, edges, zeros, indices, values, counts):
    """Rows of the ends of induced paths of four nodes; ``zeros`` is a row of zeros of the values' type."""
    n = len(starts) - 1
    begins, ends, ways = paths
    held = zeros.copy()
    corners = np.zeros(n, np.int64)
    touched = np.empty(n, np.uint32)
    written = 0
    for i in range(first, last):
        for p in range(starts[i], starts[i + 1]):
            k = columns[p]
            for other in range(starts[k], starts[k + 1]):
                corners[columns[other]] += triangle[other]
        for place in range(spans[i], spans[i + 1]):
            corners[far[place]] -= 2 * edges[place]
        steps = 0
        for place in range(begins[i], begins[i + 1]):
            k = ends[place]
            steps += starts[k + 1] - starts[k]
        few = steps * SCAN < n
        count = 0 if few else n
        for place in range(begins[i], begins[i + 1]):
            k = ends[place]
            c = ways[place]
            if few:
                for other in range(starts[k], starts[k + 1]):
                    j = columns[other]
                    if held[j] == 0:
                        touched[count] = j
                        count += 1
                    held[j] += c
            else:
                for other in range(starts[k], starts[k + 1]):
                    held[columns[other]] += c
        for place in range(begins[i], begins[i + 1]):
            k = ends[place]
            held[k] -= corners[k]
            corners[k] = 0
        held[i] = corners[i] = 0
        for p in range(starts[i], starts[i + 1]):
            held[columns[p]] = corners[columns[p]] = 0
        before = written
        written = read_off(held, touched, count, indices, values, written)
        counts[i] = written - before
    return written
