"""Neighbourhoods of pairs of nodes: two sorted lists merged, or the shorter one looked up in a much longer one."""

from __future__ import annotations

import numpy as np

from netopsy.core.compiled import compiled

BOTH, FIRST, SECOND = 0, 1, 2
"""Whose neighbour a node is: of both ends, of the first alone, of the second alone."""

SKEW = 16
"""From this ratio of degrees on, looking up the shorter list in the longer one is faster than reading both."""


@compiled
def _find(columns, low, high, wanted):
    """The first place in ``columns[low:high]`` that is not below ``wanted``."""
    while low < high:
        middle = (low + high) >> 1
        if columns[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def shared(starts, columns, first, second, out_starts, out_columns):
    """Write the common neighbours of every pair, in order; ``out_columns`` has room for the smaller degree of each."""
    written = 0
    for pair in range(len(first)):
        a, a_end = starts[first[pair]], starts[first[pair] + 1]
        b, b_end = starts[second[pair]], starts[second[pair] + 1]
        if a_end - a > b_end - b:
            a, a_end, b, b_end = b, b_end, a, a_end
        if (a_end - a) * SKEW < b_end - b:
            while a < a_end:
                b = _find(columns, b, b_end, columns[a])
                if b == b_end:
                    break
                if columns[b] == columns[a]:
                    out_columns[written] = columns[a]
                    written += 1
                a += 1
        else:
            while a < a_end and b < b_end:
                u, v = columns[a], columns[b]
                if u == v:
                    out_columns[written] = u
                    written += 1
                a += u <= v
                b += v <= u
        out_starts[pair + 1] = written
    return written


@compiled
def shared_of_many(starts, columns, first, second):
    """As `shared` for many pairs: the larger neighbourhood of a pair is marked once for all pairs that it is part of.

    Returns where each pair's common neighbours begin, and they.
    """
    nodes, pairs = len(starts) - 1, len(first)
    large, small = np.empty(pairs, dtype=np.int64), np.empty(pairs, dtype=np.int64)
    ends, room = np.zeros(nodes + 1, dtype=np.int64), 0
    for pair in range(pairs):
        i, j = first[pair], second[pair]
        one, other = starts[i + 1] - starts[i], starts[j + 1] - starts[j]
        if one < other:
            i, j = j, i
        large[pair], small[pair] = i, j
        ends[i + 1] += 1
        room += min(one, other)
    ends = np.cumsum(ends)
    order = np.empty(pairs, dtype=np.int64)
    for pair in range(pairs):
        i = large[pair]
        order[ends[i]] = pair
        ends[i] += 1
    marked = np.zeros(nodes, dtype=np.uint8)
    found, begins, counts = np.empty(room, dtype=np.int64), np.empty(pairs, dtype=np.int64), np.empty(pairs, np.int64)
    written, begin = 0, 0
    for i in range(nodes):
        end = ends[i]
        if end == begin:
            continue
        for a in range(starts[i], starts[i + 1]):
            marked[columns[a]] = 1
        for place in range(begin, end):
            pair = order[place]
            j, begins[pair] = small[pair], written
            for b in range(starts[j], starts[j + 1]):
                u = columns[b]
                if marked[u]:
                    found[written] = u
                    written += 1
            counts[pair] = written - begins[pair]
        for a in range(starts[i], starts[i + 1]):
            marked[columns[a]] = 0
        begin = end
    out_starts, out_columns, placed = np.zeros(pairs + 1, dtype=np.int64), np.empty(written, dtype=np.int64), 0
    for pair in range(pairs):
        for place in range(begins[pair], begins[pair] + counts[pair]):
            out_columns[placed] = found[place]
            placed += 1
        out_starts[pair + 1] = placed
    return out_starts, out_columns


@compiled
def transposed(starts, columns, nodes):
    """Rows and columns of a sparse matrix exchanged: where each column's entries begin, their rows, which entries."""
    begins = np.zeros(nodes + 1, dtype=np.int64)
    for column in columns:
        begins[column + 1] += 1
    begins = np.cumsum(begins)
    free, rows, entries = begins.copy(), np.empty_like(columns), np.empty_like(columns)
    for row in range(len(starts) - 1):
        for entry in range(starts[row], starts[row + 1]):
            place = free[columns[entry]]
            rows[place], entries[place] = row, entry
            free[columns[entry]] = place + 1
    return begins, rows, entries


@compiled
def merged(starts, columns, first, second, out_starts, out_columns, kinds):
    """Write the neighbours of either end of every pair but the ends themselves, and whose neighbours they are."""
    written = 0
    for pair in range(len(first)):
        i, j = first[pair], second[pair]
        a, a_end = starts[i], starts[i + 1]
        b, b_end = starts[j], starts[j + 1]
        while a < a_end or b < b_end:
            if b == b_end or (a < a_end and columns[a] < columns[b]):
                u, kind = columns[a], FIRST
                a += 1
            elif a == a_end or columns[b] < columns[a]:
                u, kind = columns[b], SECOND
                b += 1
            else:
                u, kind = columns[a], BOTH
                a += 1
                b += 1
            if u != i and u != j:
                out_columns[written] = u
                kinds[written] = kind
                written += 1
        out_starts[pair + 1] = written
    return written


@compiled
def thinned(starts, kinds, most, seeds, keep, weights):
    """Of a pair's neighbours of one end alone keep at most ``most``, drawn at random and weighted up.

    ``seeds`` holds one for all pairs, or one for each, so that what is drawn does not depend on the others.
    """
    for pair in range(len(starts) - 1):
        if pair < len(seeds):
            np.random.seed(seeds[pair])  # noqa: NPY002 - numba's own generator
        low, high = starts[pair], starts[pair + 1]
        for kind in (FIRST, SECOND):
            count = 0
            for place in range(low, high):
                count += kinds[place] == kind
            if count <= most:
                continue
            # One after another, each with the chance that leaves exactly so many at the end.
            wanted, left = most, count
            for place in range(low, high):
                if kinds[place] != kind:
                    continue
                if np.random.random() * left < wanted:  # noqa: NPY002
                    wanted -= 1
                    weights[place] = count / most
                else:
                    keep[place] = False
                left -= 1


@compiled
def two_steps(starts, columns, first, second, near, out_starts, out_columns):
    """Write the common nodes of one end's neighbours and the nodes at distance two of the other, both ways round.

    ``near`` is a marker for each node, all 0: 1 for a neighbour of the far end or that end itself, 2 for distance two.
    """
    written = 0
    for pair in range(len(first)):
        begin = written
        for turn in range(2):
            i, j = (first[pair], second[pair]) if turn == 0 else (second[pair], first[pair])
            for a in range(starts[j], starts[j + 1]):
                for b in range(starts[columns[a]], starts[columns[a] + 1]):
                    near[columns[b]] = 2
            for a in range(starts[j], starts[j + 1]):
                near[columns[a]] = 1
            near[j] = 1
            for a in range(starts[i], starts[i + 1]):
                if near[columns[a]] == 2:
                    out_columns[written] = columns[a]
                    written += 1
            for a in range(starts[j], starts[j + 1]):
                near[columns[a]] = 0
                for b in range(starts[columns[a]], starts[columns[a] + 1]):
                    near[columns[b]] = 0
            near[j] = 0
        out_columns[begin:written].sort()
        out_starts[pair + 1] = written
    return written


@compiled
def two_apart_from(starts, columns, weights, node, least, sums, seen, found, scores):
    """Write pairs at distance two from ``node`` on, and the sum of weights over what they have in common, while there
    is room for all pairs of the next node. Left out are sums of at most ``least``.

    ``sums`` and ``seen`` are all 0. Returns the node to go on with, and how many were written.
    """
    nodes, written = len(starts) - 1, 0
    near = np.empty(nodes, dtype=np.int64)
    while node < nodes and written + nodes <= len(found):
        count = 0
        for a in range(starts[node], starts[node + 1]):
            middle = columns[a]
            for b in range(starts[middle + 1] - 1, starts[middle] - 1, -1):
                other = columns[b]
                if other <= node:
                    break
                if not seen[other]:
                    seen[other] = True
                    near[count] = other
                    count += 1
                sums[other] += weights[middle]
        for a in range(starts[node], starts[node + 1]):
            if seen[columns[a]]:
                seen[columns[a]] = False
                sums[columns[a]] = 0.0
        for place in range(count):
            other = near[place]
            if seen[other] and sums[other] > least:
                found[written] = node * nodes + other
                scores[written] = sums[other]
                written += 1
            seen[other] = False
            sums[other] = 0.0
        node += 1
    return node, written
