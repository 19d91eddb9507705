"""What all 28 orbit adjacencies of one graph cost, measured in this process: ``made NODES EDGES`` or ``real NAME``.

Prints JSON. It is a process of its own since the most memory that it ever held is asked for.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

import networkx as nx

from netopsy.data.graphs import graph
from netopsy.graphs.orbits import orbit_adjacencies
from netopsy.studies.graphs._orbit_networks import real_networks


def main(kind: str, *what: str) -> None:
    """Count one matrix after another, keeping none."""
    if kind == "real":
        A = real_networks()[what[0]].adjacency.copy()
        A.data[:] = 1
    else:
        A = nx.to_scipy_sparse_array(nx.barabasi_albert_graph(int(what[0]), int(what[1]), seed=42), dtype=float)
    for _ in orbit_adjacencies(graph("karate"), threads=1):
        pass  # compiles
    entries, start = 0, perf_counter()
    for _, matrix in orbit_adjacencies(A, threads=1):
        entries += int(matrix.nnz)
        del matrix
    seconds = perf_counter() - start
    found = {"nodes": A.shape[0], "edges": A.nnz // 2, "seconds": seconds, "megabytes": memory(), "entries": entries}
    print(json.dumps(found))


def memory() -> float | None:
    """The most megabytes this process has held; unknown on Windows."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main(*sys.argv[1:])
