"""One side of the orbits benchmark in a process of its own: ``TASK WHO KIND SIZE THREADS``; prints JSON.

It runs under the interpreter of either environment, so it imports neither netopsy nor gradco before it is told which.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import networkx as nx
import numpy as np
from scipy import sparse


def network(kind: str, size: str) -> sparse.csr_array:
    """A graph by name, the same in every environment."""
    if kind == "net":
        from scipy.io import loadmat

        matrix = loadmat(Path(os.environ["NETOPSY_DATA"], "networks", f"{size}.mat"))["net"]
        matrix = sparse.csr_array(matrix).astype(float)
        matrix.setdiag(0)
        matrix.eliminate_zeros()
        matrix.data[:] = 1
        return matrix
    n = int(size)
    graphs = {
        "ba": lambda: nx.barabasi_albert_graph(n, 10, seed=42),
        "ws": lambda: nx.watts_strogatz_graph(n, 10, 0.1, seed=42),
        "gnp": lambda: nx.gnp_random_graph(n, 0.2, seed=42),
    }
    return sparse.csr_array(nx.to_scipy_sparse_array(graphs[kind](), dtype=float))


def ours(A: Any, threads: int) -> Iterator[tuple[tuple[int, int, int], Any]]:
    """The matrices one after another."""
    from netopsy.graphs.graphlet_orbits import orbit_adjacencies

    yield from orbit_adjacencies(A, threads=threads)


def theirs(A: Any, threads: int) -> Iterator[tuple[tuple[int, int, int], Any]]:
    """The same from gradco, which wants a dense matrix and uses one thread but for its matrix product."""
    import gradco

    counter = gradco.Counter(A)
    counter.count()
    for hop, one, two, matrix in counter.generate_orbit_adjacencies():
        yield (hop, one, two), matrix


def digested(matrix: Any) -> str:
    """A hash of the entries that are not zero."""
    entries = sparse.csr_array(matrix).astype(np.int64)
    entries.sum_duplicates()
    entries.eliminate_zeros()
    parts = (entries.indptr.astype(np.int64), entries.indices.astype(np.int64), entries.data)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def main(task: str, who: str, kind: str, size: str, threads: str) -> None:
    """Count, and print what it took or what came out."""
    A, make = network(kind, size), ours if who == "netopsy" else theirs
    for _ in make(network("ba", "50") if who == "netopsy" else network("ba", "50").toarray(), int(threads)):
        pass  # imports and compiles
    given = A if who == "netopsy" else A.toarray()
    if task == "digest":
        print(json.dumps({str(key): digested(matrix) for key, matrix in make(given, int(threads))}))
        return
    entries, start = 0, perf_counter()
    for _, matrix in make(given, int(threads)):
        entries += int(matrix.nnz)
        del matrix
    seconds = perf_counter() - start
    memory = most_memory()
    found = {"seconds": seconds, "megabytes": memory, "nodes": A.shape[0], "edges": A.nnz // 2, "entries": entries}
    print("\n" + json.dumps(found))


def most_memory() -> float:
    """The most megabytes this process has held."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    # Linux counts for `getrusage` what the process that started this one held at that moment.
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1.024 / 1e3


if __name__ == "__main__":
    main(*sys.argv[1:])
