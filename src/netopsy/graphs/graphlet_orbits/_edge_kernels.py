"""What is counted along edges: triangles, sums over triangles, and cycles of four.

Arrays "by position" have one entry for each entry of the adjacency matrix in CSR order; ``twins`` is where the same
edge lies the other way round. Columns are unsigned, for which numba needs no test of negative indices.

Every edge is looked at from its end of higher rank, where nodes are ranked by degree: the neighbours of the lower end
are few, so that hubs cost no more than others (Chiba and Nishizeki 1985).
"""

from __future__ import annotations

import numpy as np

from netopsy.core.compiled import compiled


@compiled
def triangles(starts, columns, twins, ranks, counts):
    """Common neighbours of the two ends, by position."""
    n = len(starts) - 1
    near = np.zeros(n, np.bool_)
    for i in range(n):
        for p in range(starts[i], starts[i + 1]):
            near[columns[p]] = True
        for p in range(starts[i], starts[i + 1]):
            u = columns[p]
            if ranks[u] < ranks[i]:
                found = 0
                for other in range(starts[u], starts[u + 1]):
                    found += near[columns[other]]
                counts[p] = counts[twins[p]] = found
        for p in range(starts[i], starts[i + 1]):
            near[columns[p]] = False


@compiled
def common_neighbours(starts, columns, ranks, offsets, found):
    """The common neighbours of every edge, listed where its end of higher rank comes first: ``offsets`` by position."""
    n = len(starts) - 1
    near = np.zeros(n, np.bool_)
    for i in range(n):
        for p in range(starts[i], starts[i + 1]):
            near[columns[p]] = True
        for p in range(starts[i], starts[i + 1]):
            place = offsets[p]
            if offsets[p + 1] == place:
                continue
            u = columns[p]
            for other in range(starts[u], starts[u + 1]):
                if near[columns[other]]:
                    found[place] = columns[other]
                    place += 1
        for p in range(starts[i], starts[i + 1]):
            near[columns[p]] = False


@compiled
def triangle_sums(starts, columns, twins, ranks, triangle, corners, arms):
    """By position ``(i, u)``, the sums of T[i, w] and of P12[i, w] over the common neighbours w."""
    n = len(starts) - 1
    where = np.full(n, -1, np.int64)
    for i in range(n):
        for p in range(starts[i], starts[i + 1]):
            where[columns[p]] = p
        for p in range(starts[i], starts[i + 1]):
            u = columns[p]
            if triangle[p] == 0 or ranks[u] > ranks[i]:
                continue
            twin = twins[p]
            for other in range(starts[u], starts[u + 1]):
                w = columns[other]
                if where[w] >= 0:
                    side = triangle[where[w]]
                    rest = starts[w + 1] - starts[w] - 1
                    corners[p] += side
                    arms[p] += rest - side
                    corners[twin] += triangle[other]
                    arms[twin] += rest - triangle[other]
        for p in range(starts[i], starts[i + 1]):
            where[columns[p]] = -1


@compiled
def cycles(starts, columns, twins, ranks, counts):
    """Cycles of four that an edge lies on, with chords or without, by position; each is found at its highest node."""
    n = len(starts) - 1
    ways = np.zeros(n, np.int64)
    for v in range(n):
        for p in range(starts[v], starts[v + 1]):
            u = columns[p]
            if ranks[u] < ranks[v]:
                for other in range(starts[u], starts[u + 1]):
                    if ranks[columns[other]] < ranks[v]:
                        ways[columns[other]] += 1
        for p in range(starts[v], starts[v + 1]):
            u = columns[p]
            if ranks[u] < ranks[v]:
                for other in range(starts[u], starts[u + 1]):
                    if ranks[columns[other]] < ranks[v]:
                        counts[p] += ways[columns[other]] - 1
                        counts[other] += ways[columns[other]] - 1
        for p in range(starts[v], starts[v + 1]):
            u = columns[p]
            if ranks[u] < ranks[v]:
                for other in range(starts[u], starts[u + 1]):
                    ways[columns[other]] = 0
    for p in range(len(columns)):
        if p < twins[p]:
            counts[p] = counts[twins[p]] = counts[p] + counts[twins[p]]
