"""`netopsy graph orbits`: which nodes sit where in the small subgraphs of a graph."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netopsy.cli.graph.files import File, Out, Quiet, Seed, Table, Variable
from netopsy.core.errors import InputError, require

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from scipy.sparse import csr_array

    from netopsy.data.graphs import Graph
    from netopsy.graphs.graphlet_orbits import Key

_DRAWN = (2, 3, 7)
"""Orbits by which a small graph is coloured: the middle of a path, a triangle, the centre of a claw."""


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
    from contextlib import nullcontext

    from netopsy.cli.graph.files import folder_for, interrupted, table_ending, unweighted
    from netopsy.cli.interrupts import insistent_interrupts
    from netopsy.cli.progress import shown

    ending, place = table_ending(table), folder_for(out, "orbits")
    graph = unweighted(file, variable, quiet)
    require(graph.edge_count > 0, f"graph file {file.name!r} holds no edge")
    try:
        with insistent_interrupts(), nullcontext() if quiet else shown():
            counts = _write(graph, file, place, wanted, ending, threads, seed)
    except KeyboardInterrupt:
        typer.echo(interrupted(place), err=True)
        return 130
    except MemoryError:
        typer.echo("netopsy: out of memory; ask for fewer matrices with --keys, or for none", err=True)
        return 1
    if quiet:
        typer.echo(place)
        return 0
    typer.echo(f"{graph.name}: {len(graph)} nodes, {graph.edge_count} edges")
    width = max(map(len, counts))
    for name, count in counts.items():
        typer.echo(f"  {name:<{width}}  {count:>16,}")
    typer.echo(f"{place} written in {time.perf_counter() - start:.1f} s")
    return 0


def _write(
    graph: Graph, file: Path, place: Path, wanted: tuple[Key, ...], ending: str, threads: int | None, seed: int
) -> dict[str, int]:
    import os

    import pandas as pd

    from netopsy.cli.graph.files import begin, names_of, write_picture, write_summary, write_table
    from netopsy.graphs.graphlet_orbits import counts_from_vectors, graphlet_degree_vectors, orbit_adjacencies

    vectors = graphlet_degree_vectors(graph)
    drawn = _picture(graph, vectors, seed)
    begin(place, "orbits")
    for old in place.glob("orbit_*.npz"):
        old.unlink()
    columns = {f"orbit_{orbit}": vectors[:, orbit] for orbit in range(vectors.shape[1])}
    for stale in place.glob("degree_vectors.*"):
        stale.unlink()
    write_table(place / f"degree_vectors.{ending}", pd.DataFrame({"node": names_of(graph), **columns}))
    write_picture(place / "orbits.png", drawn)
    counts = counts_from_vectors(vectors)
    entries = {}
    if wanted:
        cores = threads or os.cpu_count() or 1
        for key, matrix in orbit_adjacencies(graph, wanted, threads=cores):
            name = "orbit_{}_{}_{}.npz".format(*key)
            _save(place / name, matrix)
            entries[name] = int(matrix.nnz)
    write_summary(place, "orbits", graph, file, {"graphlets": counts, "matrices": entries})
    return counts


def _save(path: Path, matrix: csr_array) -> None:
    """Written beside its place and moved there; a matrix may be far too large to be put together in memory first."""
    import os

    from scipy import sparse

    unfinished = path.with_name(f".{path.name}.part.npz")
    try:
        sparse.save_npz(unfinished, matrix, compressed=False)
        os.replace(unfinished, path)
    except OSError as error:
        from netopsy.lab.errors import StorageError

        raise StorageError(error.errno, f"cannot write {path.name} in {path.parent}: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _picture(graph: Graph, vectors: np.ndarray, seed: int) -> Figure:
    from netopsy.cli.graph.pictures import SMALL, coloured_layouts, distributions
    from netopsy.graphs.graphlet_orbits import ORBITS

    if len(graph) <= SMALL:
        titles = [f"orbit {orbit}: {ORBITS[orbit]}" for orbit in _DRAWN]
        return coloured_layouts(graph, vectors[:, _DRAWN], titles, "copies", seed)
    titles = [f"{orbit}: {name}" for orbit, name in enumerate(ORBITS)]
    return distributions(vectors, titles, "copies that a node sits in on the orbit")


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
