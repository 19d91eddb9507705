"""Rows of the matrices that reach beyond the edges: a dense row is filled, read off in order and cleared.

Every kernel fills rows ``first`` to ``last`` and returns how many entries it wrote; ``counts`` gets them row by row.
"""

from __future__ import annotations

import numpy as np

from netopsy.graphs.compiled import compiled

SCAN = 24
"""A row is read off from end to end where at least one entry in so many is touched, otherwise by sorting."""


@compiled
def ordered(touched, count, n):
    """Sort the touched columns; false, and nothing done, where reading off the whole row is cheaper."""
    if count * SCAN >= n:
        return False
    touched[:count].sort()
    return True


@compiled
def edges_between(first, last, starts, columns, offsets, common, cliques, indices, values, counts):
    """Edges among the common neighbours of i and j: written for non-neighbours, and by position in ``cliques``."""
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
            u = columns[p]
            for edge in range(starts[u], starts[u + 1]):
                if offsets[edge + 1] > offsets[edge] and near[columns[edge]]:
                    for place in range(offsets[edge], offsets[edge + 1]):
                        j = common[place]
                        if held[j] == 0:
                            touched[count] = j
                            count += 1
                        held[j] += 1
        before = written
        held[i] = 0
        for p in range(begin, end):
            k = columns[p]
            cliques[p] = held[k]
            held[k] = 0
            near[k] = False
        if count:
            if ordered(touched, count, n):
                for place in range(count):
                    j = touched[place]
                    if held[j] != 0:
                        indices[written], values[written] = j, held[j]
                        written += 1
                        held[j] = 0
            else:
                for j in range(n):
                    if held[j] != 0:
                        indices[written], values[written] = j, held[j]
                        written += 1
                        held[j] = 0
        counts[i] = written - before
    return written


@compiled
def two_apart(first, last, starts, columns, triangle, spans, far, edges, form, indices, values, counts):
    """Rows of a matrix that is a linear form of what is seen on the paths i - k - j between non-neighbours.

    ``form`` weighs C (the number of paths), C d_j, C d_i, C (C - 1) / 2, the sums of T[k, j], T[i, k] and d_k - 1
    over the paths, and the edges among the k; ``spans``, ``far``, ``edges`` are the CSR matrix of the last.
    """
    n = len(starts) - 1
    one, by_end, by_start, pairs, next_to, behind, spread, inside = form
    paths = np.zeros(n, np.int64)
    sums = np.zeros(n, np.int64)
    touched = np.empty(n, np.uint32)
    written = 0
    for i in range(first, last):
        begin, end = starts[i], starts[i + 1]
        degree = end - begin
        count = 0
        for p in range(begin, end):
            k = columns[p]
            fixed = behind * triangle[p] + spread * (starts[k + 1] - starts[k] - 1)
            for other in range(starts[k], starts[k + 1]):
                j = columns[other]
                if paths[j] == 0:
                    touched[count] = j
                    count += 1
                paths[j] += 1
                sums[j] += fixed + next_to * triangle[other]
        if inside != 0:
            for place in range(spans[i], spans[i + 1]):
                sums[far[place]] += inside * edges[place]
        paths[i] = sums[i] = 0
        for p in range(begin, end):
            paths[columns[p]] = sums[columns[p]] = 0
        before = written
        short = ordered(touched, count, n)
        for place in range(count if short else n):
            j = touched[place] if short else np.uint32(place)
            c = paths[j]
            if c != 0:
                reach = one + by_start * degree + by_end * (starts[j + 1] - starts[j])
                value = c * reach + pairs * (c * (c - 1) // 2) + sums[j]
                if value != 0:
                    indices[written], values[written] = j, value
                    written += 1
                paths[j] = sums[j] = 0
        counts[i] = written - before
    return written


@compiled
def three_apart(first, last, starts, columns, triangle, spans, far, edges, indices, values, counts, held):
    """Rows of the ends of induced paths of four nodes; ``held`` is a row of zeros, and is left as one."""
    n = len(starts) - 1
    paths = np.zeros(n, np.int64)
    corners = np.zeros(n, np.int64)
    middle = np.empty(n, np.uint32)
    touched = np.empty(n, np.uint32)
    written = 0
    for i in range(first, last):
        begin, end = starts[i], starts[i + 1]
        reached = 0
        for p in range(begin, end):
            k = columns[p]
            for other in range(starts[k], starts[k + 1]):
                j = columns[other]
                if paths[j] == 0:
                    middle[reached] = j
                    reached += 1
                paths[j] += 1
                corners[j] += triangle[other]
        for place in range(spans[i], spans[i + 1]):
            corners[far[place]] -= 2 * edges[place]
        paths[i] = corners[i] = 0
        for p in range(begin, end):
            paths[columns[p]] = corners[columns[p]] = 0
        steps = 0
        for place in range(reached):
            k = middle[place]
            if paths[k] != 0:
                steps += starts[k + 1] - starts[k]
        count = 0
        short = steps * SCAN < n
        for place in range(reached):
            k = middle[place]
            c = paths[k]
            if c == 0:
                continue
            if short:
                for other in range(starts[k], starts[k + 1]):
                    j = columns[other]
                    if held[j] == 0:
                        touched[count] = j
                        count += 1
                    held[j] += c
            else:
                for other in range(starts[k], starts[k + 1]):
                    held[columns[other]] += c
        for place in range(reached):
            k = middle[place]
            held[k] -= corners[k]
            paths[k] = corners[k] = 0
        held[i] = 0
        for p in range(begin, end):
            held[columns[p]] = 0
        before = written
        if short:
            touched[:count].sort()
            for place in range(count):
                j = touched[place]
                if held[j] != 0:
                    indices[written], values[written] = j, held[j]
                    written += 1
                    held[j] = 0
        else:
            for j in range(n):
                value = held[j]
                if value != 0:
                    indices[written], values[written] = j, value
                    written += 1
            held[:] = 0
        counts[i] = written - before
    return written
