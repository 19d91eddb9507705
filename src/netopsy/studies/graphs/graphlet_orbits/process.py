"""What all 28 orbit adjacencies of a graph cost, measured in this process: ``made NODES EDGES``, or ``real``.

Prints a JSON list with one entry a graph. It is a process of its own since the most memory that it ever held is asked
for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter

import networkx as nx
from scipy import sparse

from netopsy.data.graphs import graph
from netopsy.graphs.graphlet_orbits import orbit_adjacencies
from netopsy.studies.graphs.graphlet_orbits.networks import real_networks


def main(kind: str, *what: str) -> None:
    """Count one matrix after another, keeping none."""
    if kind == "real":
        networks = {name: network.adjacency.sign() for name, network in real_networks().items()}
    else:
        made = nx.barabasi_albert_graph(int(what[0]), int(what[1]), seed=42)
        networks = {f"{what[0]} nodes": nx.to_scipy_sparse_array(made, dtype=float)}
    for _ in orbit_adjacencies(graph("karate"), threads=1):
        pass  # compiles
    print(json.dumps([{"graph": name, **cost(A)} for name, A in networks.items()]))


def cost(A: sparse.csr_array) -> dict[str, float | None]:
    """Seconds, the most megabytes of the process so far, and what was made."""
    entries, start = 0, perf_counter()
    for _, matrix in orbit_adjacencies(A, threads=1):
        entries += int(matrix.nnz)
        del matrix
    seconds = perf_counter() - start
    return {"nodes": A.shape[0], "edges": A.nnz // 2, "seconds": seconds, "megabytes": memory(), "entries": entries}


def memory() -> float | None:
    """The most megabytes this process has held; unknown on Windows."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux counts for `getrusage` what the process that started this one held at that moment.
        peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if peak is not None:
            return int(peak.split()[1]) * 1.024 / 1e3
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main(*sys.argv[1:])
