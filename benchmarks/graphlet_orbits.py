"""All 28 orbit adjacencies against the package gradco, in time and in memory.

gradco needs numpy below 2, so it lives in an environment of its own; ``NETOPSY_GRADCO`` names that environment's
interpreter::

    python -m venv gradco && gradco/bin/pip install gradco "numpy<2" scipy networkx
    NETOPSY_GRADCO=gradco/bin/python python -m benchmarks orbits

Every measurement has a process of its own: the time is that of counting and of making every matrix, the memory the
most that the process ever held, interpreter and libraries included. Before, the matrices of both are compared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

THREADS = 2
VARIABLE = "NETOPSY_GRADCO"
COMPARED = (1000, 5000, 10000)
TARGETED = (5000, 10000)
GROWTH = (1000, 2000, 5000, 10000, 20000)
FASTER, SMALLER, LARGEST_MB = 5.0, 3.0, 8000.0
LARGEST_FOR_PEER = 12e9
"""Bytes of free memory that the peer needs for 10,000 nodes."""


@dataclass(frozen=True)
class Equal:
    """The same matrices from both, for small graphs of several kinds."""

    peer: str

    def report(self) -> bool:
        """Compare every entry."""
        differ = [name for name in ("ba 300", "ws 300", "gnp 150") if digest(name, None) != digest(name, self.peer)]
        print(f"orbits_equal {'all 28 matrices are identical' if not differ else f'DIFFER on {differ}'}\n")
        return not differ


@dataclass(frozen=True)
class SideBySide:
    """One graph, both in turn."""

    nodes: int
    peer: str
    rounds: int

    def report(self) -> bool:
        """Print seconds and memory of both; where there is a target, true if both are met."""
        name = f"ba {self.nodes}"
        found: dict[str, list[Measured]] = {"ours": [], "gradco": []}
        for _ in range(self.rounds):
            found["ours"].append(measured(name, None))
            found["gradco"].append(measured(name, self.peer))
        for who, runs in found.items():
            seconds, memory = [run.seconds for run in runs], max(run.megabytes for run in runs)
            print(
                f"  {who:<8} min {min(seconds):7.2f}  median {median(seconds):7.2f}  max {max(seconds):7.2f} s"
                f"  memory {memory:6.0f} MB"
            )
        ours, peer = (min(found[who], key=lambda run: run.seconds) for who in ("ours", "gradco"))
        faster, smaller = peer.seconds / ours.seconds, peer.megabytes / ours.megabytes
        target = self.nodes in TARGETED
        met = not target or (faster >= FASTER and (smaller >= SMALLER or self.nodes < max(TARGETED)))
        wanted = f"target<={1 / FASTER:.2f}" if target else "no target"
        print(
            f"orbits_{self.nodes} ratio={1 / faster:.3f} {wanted}; {faster:.1f} times as fast, memory 1/{smaller:.1f}"
            f"{' (target 1/3)' if self.nodes == max(TARGETED) else ''}; {load()}{'' if met else '  MISSED'}\n"
        )
        return met


@dataclass(frozen=True)
class Cost:
    """Ours over the sizes and the real networks, each once in a process of its own."""

    names: Sequence[str] = field(default_factory=lambda: [f"ba {nodes}" for nodes in GROWTH])
    limit: float = LARGEST_MB

    def report(self) -> bool:
        """Print one line a graph; true if all stayed within the memory."""
        runs = {name: measured(name, None) for name in self.names}
        for name, run in runs.items():
            print(
                f"  {name:<10} {run.nodes:6} nodes {run.edges:7} edges {run.entries / 1e6:8.2f} million entries"
                f" {run.seconds:7.3f} s {run.megabytes:6.0f} MB"
            )
        most = max(run.megabytes for run in runs.values())
        met = most <= self.limit
        print(
            f"orbits_growth most memory {most:.0f} MB target<={self.limit:.0f}; {load()}{'' if met else '  MISSED'}\n"
        )
        return met


@dataclass(frozen=True)
class Measured:
    """What one process took."""

    seconds: float
    megabytes: float
    nodes: int
    edges: int
    entries: int


@dataclass(frozen=True)
class Missing:
    """Said where there is no peer to compare with."""

    def report(self) -> bool:
        """Say how to get it."""
        print(
            f"  {VARIABLE} is not set to the interpreter of an environment with gradco: ours alone is timed\n"
            f'  (python -m venv gradco && gradco/bin/pip install gradco "numpy<2" scipy networkx)\n'
        )
        return True


def benchmarks() -> Iterator[Any]:
    """Equality, then three sizes side by side, then how ours grows; without gradco ours alone."""
    peer = os.environ.get(VARIABLE)
    if peer and Path(peer).is_file():
        yield Equal(peer)
        for nodes in COMPARED:
            if nodes < 10000 or free_memory() > LARGEST_FOR_PEER:
                yield SideBySide(nodes, peer, rounds=3 if nodes < 10000 else 1)
            else:
                print(f"  {nodes} nodes are left out: gradco needs {LARGEST_FOR_PEER / 1e9:.0f} GB of free memory\n")
    else:
        yield Missing()
    yield Cost()
    folder = os.environ.get("NETOPSY_DATA")
    networks = sorted(path.stem for path in Path(folder, "networks").glob("*.mat")) if folder else []
    if networks:
        yield Cost([f"net {name}" for name in networks])


def measured(name: str, peer: str | None) -> Measured:
    """Count and make all 28 matrices of a graph in a new process."""
    return Measured(**_child("measure", name, peer))


def digest(name: str, peer: str | None) -> dict[str, str]:
    """A hash of every matrix."""
    return _child("digest", name, peer)


def _child(task: str, name: str, peer: str | None) -> dict[str, Any]:
    script = Path(__file__).with_name("_graphlet_orbits_child.py")
    interpreter = peer or sys.executable
    call = [interpreter, str(script), task, "gradco" if peer else "netopsy", *name.split(), str(THREADS)]
    both = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(THREADS))
    done = subprocess.run(call, capture_output=True, text=True, check=False, env={**os.environ, **both})
    if done.returncode:
        raise RuntimeError(f"{'gradco' if peer else 'netopsy'} failed on {name}: {done.stderr.strip()[-500:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def free_memory() -> int:
    """Bytes that a new process can have."""
    if not hasattr(os, "sysconf") or "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return 0
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def load() -> str:
    """How busy the machine is."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
