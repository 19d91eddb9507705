"""The same matrices in two other ways: by looking at every few nodes, and by sparse products."""

from itertools import combinations, permutations

import numpy as np
from scipy import sparse

_ORBITS = {
    (1, 1): {1: 0},
    (1, 1, 2): {1: 1, 2: 2},
    (2, 2, 2): {2: 3},
    (1, 1, 2, 2): {1: 4, 2: 5},
    (1, 1, 1, 3): {1: 6, 3: 7},
    (2, 2, 2, 2): {2: 8},
    (1, 2, 2, 3): {1: 9, 2: 10, 3: 11},
    (2, 2, 3, 3): {2: 12, 3: 13},
    (3, 3, 3, 3): {3: 14},
}


def copies(A):
    """Every connected induced subgraph of two to four nodes: its nodes and the orbit of each."""
    n = len(A)
    for size in (2, 3, 4):
        for nodes in combinations(range(n), size):
            degrees = [int(sum(A[u, v] for v in nodes)) for u in nodes]
            # Of these degrees only a triangle with a lone node and two separate edges are not connected.
            orbits = _ORBITS.get(tuple(sorted(degrees)))
            if orbits is not None:
                yield nodes, [orbits[degree] for degree in degrees]


def by_enumeration(A):
    """All matrices that are not zero, from the definition."""
    found = {}
    for nodes, orbits in copies(A):
        for (u, on_u), (v, on_v) in permutations(zip(nodes, orbits, strict=True), 2):
            hop = 1 if A[u, v] else 2 if any(A[u, w] and A[w, v] for w in nodes) else 3
            found.setdefault((hop, on_u, on_v), np.zeros(A.shape, np.int64))[u, v] += 1
    return found


def by_products(A):
    """All 28 from sparse matrix products alone."""
    A = sparse.csr_array(A).astype(np.int64)
    n = A.shape[0]
    diagonal = lambda values: sparse.diags_array(values, dtype=np.int64)  # noqa: E731
    d = diagonal(A.sum(1))
    far = lambda M: sparse.csr_array(M - M * A - diagonal(M.diagonal()))  # noqa: E731
    half = lambda M: sparse.csr_array((M.data // 2, M.indices, M.indptr), M.shape)  # noqa: E731
    square = A @ A
    T = A * square
    edges = sparse.coo_array(sparse.triu(A))
    members = sparse.csr_array(A[edges.row] * A[edges.col])
    E = members.T @ members  # its diagonal, the triangles of a node, falls out in q and s
    q, s = A * E, far(E)
    P11, P12 = far(square), sparse.csr_array(A @ d - A - T)
    X = sparse.csr_array(A * (A @ T) - T - 2 * q)
    Y = sparse.csr_array(A * (A @ P11) - P12.T - X.T)
    Z = half(P11 * P11 - P11) - s
    W = far(A @ T) - 2 * s
    pendant = half(A @ diagonal(T.sum(1)) - T - A * (A @ T) - X)
    ends = A @ diagonal(P12.sum(1)) - P12.T - A * (A @ P12.T) - Y
    found = {
        (1, 0, 0): A,
        (1, 1, 2): P12,
        (2, 1, 1): P11,
        (1, 3, 3): T,
        (1, 4, 5): ends,
        (1, 5, 5): P12 * P12.T - Y,
        (2, 4, 5): far(A @ P12) - 2 * Z,
        (3, 4, 4): far(P11 @ A) - W,
        (1, 6, 7): half(P12 * P12 - P12) - pendant,
        (2, 6, 6): far(P12 @ A) - P11 - W,
        (1, 8, 8): Y,
        (2, 8, 8): Z,
        (1, 9, 11): pendant,
        (1, 10, 10): A * (P12 @ A) - X,
        (1, 10, 11): T * P12 - X,
        (2, 9, 10): W,
        (1, 12, 13): X,
        (1, 13, 13): half(T * T - T) - q,
        (2, 12, 12): s,
        (1, 14, 14): q,
    }
    found |= {(hop, two, one): matrix.T for (hop, one, two), matrix in found.items()}
    assert all(matrix.shape == (n, n) for matrix in found.values())
    return {key: sparse.csr_array(matrix) for key, matrix in found.items()}
