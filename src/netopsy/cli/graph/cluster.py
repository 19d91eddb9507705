"""`netopsy graph cluster`: the cluster around one or several nodes."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netopsy.cli.graph.options import File, Nodes, Out, Quiet, Seed, Table, Variable
from netopsy.cli.terminal import say
from netopsy.core.errors import InputError, require

if TYPE_CHECKING:
    import numpy as np


def register(group: typer.Typer) -> None:
    """Add this file's command."""
    group.command()(cluster)


def cluster(
    file: File,
    seed_node: Annotated[
        list[str],
        typer.Option("--seed-node", metavar="NAME", help="A node of the cluster, as in the file; repeatable."),
    ],
    out: Out = Path("cluster"),
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Guesses, a node and 0 or 1 a line; nodes that are not listed count as 0."),
    ] = None,
    eps: Annotated[float, typer.Option(help="The weight of edges between different labels.")] = 0.05,
    size_hint: Annotated[
        float | None, typer.Option(help="About how many nodes the cluster has: at most twice as many.")
    ] = None,
    volume_hint: Annotated[float | None, typer.Option(help="Instead: what its degrees add up to, about.")] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Compare the best cuts along the heights of supports.")
    ] = False,
    table: Table = "csv",
    variable: Variable = None,
    nodes: Nodes = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Find the cluster around a node by letting mass flow out of it, helped by labels that may be wrong."""
    require(
        (size_hint is None) != (volume_hint is None),
        "give one of --size-hint and --volume-hint: about how large the cluster is",
    )
    for option, hint in (("--size-hint", size_hint), ("--volume-hint", volume_hint)):
        require(hint is None or 0 < hint < float("inf"), f"{option} must be a positive number, got {hint}")
    require(0 <= eps < float("inf"), f"--eps must be a number from 0 on, got {eps:g}")
    start = time.perf_counter()
    from dataclasses import asdict

    import numpy as np
    import pandas as pd

    from netopsy.cli.graph.options import about, unweighted, working
    from netopsy.cli.outputs import results, results_place
    from netopsy.core.progress import Task
    from netopsy.graphs.noisy_label_clustering import checked_graph, labelled_volume, local_cluster, plot_cluster
    from netopsy.graphs.noisy_label_clustering.cluster import BY_SIZE, BY_VOLUME

    place = results_place(out, "cluster")
    with working(quiet), Task("clustering", 3) as task:
        graph = unweighted(file, variable, quiet, nodes)
        names = {name: number for number, name in enumerate(graph.names)}
        starts = [_number("--seed-node", name, names) for name in seed_node]
        guesses = None if labels is None else read_labels(labels, names)
        check_hint("--size-hint", size_hint, BY_SIZE[0], len(graph), "nodes")
        check_hint("--volume-hint", volume_hint, BY_VOLUME[0], 2 * graph.edge_count, "ends of edges")
        checked = checked_graph(graph)
        task.advance()
        found = local_cluster(
            checked,
            starts,
            labels=guesses,
            eps=eps,
            size_hint=size_hint,
            volume_hint=volume_hint,
            select="sweep" if sweep else "conductance",
            most=None if size_hint is None else 2 * size_hint,
            volume=None if guesses is None else labelled_volume(checked, starts, guesses, eps=eps),
        )
        task.advance()
        columns = {"node": np.array(graph.names)[found.nodes], "seed": np.isin(found.nodes, starts).astype(int)}
        if guesses is not None:
            columns["label"] = guesses[found.nodes]
        with results(place, "cluster") as folder:
            folder.table("cluster", pd.DataFrame(columns), table)
            folder.table("scan", pd.DataFrame([asdict(scan) for scan in found.path]), table)
            folder.figure("cluster", plot_cluster(graph, found, starts, seed=seed))
            folder.summary(**about(graph, file), cluster=len(found), conductance=found.conductance, alpha=found.alpha)
            folder.summary(seeds=seed_node, labels=guesses is not None)
        task.advance()
    if quiet:
        say(place)
        return 0
    say(
        f"{len(found):,} of {len(graph):,} nodes, conductance {found.conductance:.3f}, from a source of "
        f"{found.alpha:g} times the hint; {found.path[-1].touched_edges:,} entries read"
    )
    if not all(scan.converged for scan in found.path):
        say("note: some sources were stopped before all mass had settled", err=True)
    say(f"{place} written in {time.perf_counter() - start:.1f} s")
    return 0


def check_hint(option: str, hint: float | None, least: float, held: int, what: str) -> None:
    """Raise `InputError` where even the smallest source of a scan is more than the whole graph holds."""
    if hint is not None:
        most = int(10 * held / least) / 10
        require(hint * least <= held, f"{option} must be at most {most:g} for a graph of {held:,} {what}, got {hint:g}")


def read_labels(file: Path, names: dict[str, int]) -> np.ndarray:
    """A guess for each node from lines of a node and 0 or 1, with or without a line of names above.

    Raises:
        InputError: no such file, a line of another kind, or a node that is not in the graph.
    """
    import numpy as np

    from netopsy.core.paths import file_from
    from netopsy.data.edge_lists import without_comment

    file = file_from(file, "--labels file")
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--labels file {file.name!r} cannot be read: {error}") from error
    guesses = np.zeros(len(names), dtype=np.int8)
    seen = 0
    for row in filter(None, (without_comment(line).strip() for line in lines)):
        parts = _node_and_label(row)
        sound = len(parts) == 2 and parts[1] in ("0", "1")
        if not sound and seen == 0 and len(parts) == 2 and parts[0] not in names:
            seen = 1  # the line that names the columns
            continue
        require(sound, f"--labels file {file.name!r} has a line that is not a node and 0 or 1: {row[:60]!r}")
        guesses[_number(f"--labels file {file.name!r}", parts[0], names)] = int(parts[1])
        seen += 1
    require(seen > 0, f"--labels file {file.name!r} holds no label")
    return guesses


def _node_and_label(row: str) -> list[str]:
    """The fields of a line: at its separators, otherwise at the last blank; a name in quotation marks is one field."""
    quoted = re.fullmatch(r'"((?:[^"]|"")*)"\s*[,;\s]\s*(\S+)', row)
    if quoted:
        return [quoted[1].replace('""', '"').strip(), quoted[2]]
    return [part.strip() for part in (re.split("[,;\t]", row) if re.search("[,;\t]", row) else row.rsplit(None, 1))]


def _number(option: str, name: str, names: dict[str, int]) -> int:
    from netopsy.core.errors import lookup

    try:
        return lookup("node", name, names)
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
