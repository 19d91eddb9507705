"""`netopsy graph orbits`: which nodes sit where in the small subgraphs of a graph."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netopsy.cli.graph.options import File, Nodes, Out, Quiet, Seed, Table, Variable
from netopsy.cli.terminal import say
from netopsy.core.errors import InputError, require

if TYPE_CHECKING:
    from netopsy.data.graphs import Graph
    from netopsy.graphs.graphlet_orbits import Key


def register(group: typer.Typer) -> None:
    """Add this file's command."""
    group.command()(orbits)


def orbits(
    file: File,
    out: Out = Path("orbits"),
    keys: Annotated[
        str,
        typer.Option(metavar="all|none|H-A-B,...", help="Matrices to write: hop and two orbits, such as 1-3-3,3-4-4."),
    ] = "all",
    table: Table = "csv",
    variable: Variable = None,
    nodes: Nodes = None,
    threads: Annotated[int | None, typer.Option(help="Share rows among so many; every core unless given.")] = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Count every node and every pair of nodes in the subgraphs of up to four nodes.

    Writes the graphlet degree vectors as a table, each orbit adjacency matrix as a file that scipy.sparse.load_npz and
    this command read, how many graphlets there are, and a picture.
    """
    start = time.perf_counter()
    wanted = _keys(keys)
    require(threads is None or threads >= 1, f"--threads must be at least 1, got {threads}")
    from netopsy.cli.graph.options import unweighted, working
    from netopsy.cli.outputs import results_place

    place = results_place(out, "orbits")
    graph = unweighted(file, variable, quiet, nodes)
    require(graph.edge_count > 0, f"graph file {file.name!r} holds no edge")
    try:
        with working(quiet):
            counts = _write(graph, file, place, wanted, table, threads, seed)
    except MemoryError:
        say("netopsy: out of memory; ask for fewer matrices with --keys, or for none", err=True)
        return 1
    if quiet:
        say(place)
        return 0
    say(f"{graph.name}: {len(graph)} nodes, {graph.edge_count} edges")
    width = max(map(len, counts))
    for name, count in counts.items():
        say(f"  {name:<{width}}  {count:>16,}")
    say(f"{place} written in {time.perf_counter() - start:.1f} s")
    return 0


def _write(
    graph: Graph, file: Path, place: Path, wanted: tuple[Key, ...], table: str, threads: int | None, seed: int
) -> dict[str, int]:
    import os

    import pandas as pd
    from scipy import sparse

    from netopsy.cli.graph.options import about
    from netopsy.cli.outputs import results
    from netopsy.graphs import graphlet_orbits as orbit

    vectors = orbit.graphlet_degree_vectors(graph)
    columns = {f"orbit_{orbit}": vectors[:, orbit] for orbit in range(vectors.shape[1])}
    counts, entries = orbit.counts_from_vectors(vectors), {}
    with results(place, "orbits") as folder:
        folder.table("degree_vectors", pd.DataFrame({"node": graph.names, **columns}), table)
        folder.figure("orbits", orbit.plot_degree_vectors(graph, vectors, seed=seed))
        cores = threads or os.cpu_count() or 1
        for key, matrix in orbit.orbit_adjacencies(graph, wanted, threads=cores) if wanted else ():
            name = "orbit_{}_{}_{}.npz".format(*key)
            sparse.save_npz(folder.path(name), matrix, compressed=False)
            entries[name] = int(matrix.nnz)
        folder.summary(**about(graph, file), graphlets=counts, matrices=entries)
    return counts


def _keys(text: str) -> tuple[Key, ...]:
    """``all``, ``none``, or keys as ``H-A-B`` with commas between them."""
    from netopsy.graphs.graphlet_orbits import KEYS

    if text in ("all", "none"):
        return KEYS if text == "all" else ()
    wanted = []
    for part in text.split(","):
        key = tuple(int(number) if number.isdigit() else -1 for number in part.strip().split("-"))
        if key not in KEYS:
            known = ", ".join("-".join(map(str, each)) for each in KEYS)
            raise InputError(f"--keys must be all, none or some of {known}, got {part.strip()!r}")
        wanted.append(key)
    return tuple(dict.fromkeys(wanted))
