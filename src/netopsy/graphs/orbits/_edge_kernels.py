"""What is counted along edges: triangles, common neighbours, and sums over the neighbours of an edge's end.

Arrays "by position" have one entry for each entry of the adjacency matrix in CSR order. Columns are unsigned, for which
numba needs no test of negative indices.
"""

from __future__ import annotations

import numpy as np

from netopsy.graphs.compiled import compiled


@compiled
def triangles(starts, columns, counts):
    """Common neighbours of the two ends, by position."""
    n = len(starts) - 1
    near = np.zeros(n, np.bool_)
    for i in range(n):
        for p in range(starts[i], starts[i + 1]):
            near[columns[p]] = True
        for p in range(starts[i], starts[i + 1]):
            u = columns[p]
            found = 0
            for other in range(starts[u], starts[u + 1]):
                found += near[columns[other]]
            counts[p] = found
        for p in range(starts[i], starts[i + 1]):
            near[columns[p]] = False


@compiled
def common_neighbours(starts, columns, offsets, found):
    """The common neighbours of every edge, listed where its lower node comes first: ``offsets`` by position."""
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
def neighbour_sums(starts, columns, triangle, paths, corners, arms):
    """Products with the adjacency matrix on its own entries, by position ``(i, u)``.

    ``paths`` sums P11[i, w], ``corners`` T[i, w] and ``arms`` P12[i, w] over the neighbours w of u.
    """
    n = len(starts) - 1
    two = np.zeros(n, np.int64)
    side = np.zeros(n, np.int64)
    arm = np.zeros(n, np.int64)
    for i in range(n):
        first, last = starts[i], starts[i + 1]
        for p in range(first, last):
            k = columns[p]
            for other in range(starts[k], starts[k + 1]):
                two[columns[other]] += 1
        two[i] = 0
        for p in range(first, last):
            k = columns[p]
            two[k] = 0
            side[k] = triangle[p]
            arm[k] = starts[k + 1] - starts[k] - 1 - triangle[p]
        for p in range(first, last):
            u = columns[p]
            total_paths, total_corners, total_arms = 0, 0, 0
            for other in range(starts[u], starts[u + 1]):
                w = columns[other]
                total_paths += two[w]
                total_corners += side[w]
                total_arms += arm[w]
            paths[p], corners[p], arms[p] = total_paths, total_corners, total_arms
        for p in range(first, last):
            k = columns[p]
            side[k] = 0
            arm[k] = 0
            for other in range(starts[k], starts[k + 1]):
                two[columns[other]] = 0
