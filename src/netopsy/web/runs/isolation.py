"""The walls around a job: a process of its own that has little memory, little time, no network and no secrets."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from netopsy.core.paths import cache_folder
from netopsy.web.runs.job import JobKind

GIGABYTE = 2**30
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "NETOPSY_DATA", "LD_LIBRARY_PATH")
"""What a job learns of the environment it was started from: how to find programs and files, and nothing else."""
PLACES = ("PYTHONPATH", "NETOPSY_DATA", "LD_LIBRARY_PATH")
"""Of them those that may be relative to the folder the program was started in, where a job does not work."""
GRACE = 5.0
"""Seconds that a process has between being asked to end and being killed."""
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


@dataclass(frozen=True)
class Limits:
    """What a process may take."""

    seconds: int
    memory: int
    """Of addresses, which are about three times what is used: torch, numba and their libraries take one GB by being
    there, a smoke study 2.5 and an examination 3."""
    file: int = GIGABYTE // 4
    open_files: int = 256


LIMITS: Mapping[JobKind, Limits] = {
    "recipe": Limits(420, 3 * GIGABYTE),
    "study": Limits(600, 4 * GIGABYTE),
    "examination": Limits(600, 4 * GIGABYTE),
}


def surroundings(around: Mapping[str, str]) -> dict[str, str]:
    """The environment of a job: nothing of the operator's but `KEPT`."""
    cache = str(cache_folder().absolute())
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    offline = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
    return (
        {name: _from_here(around[name]) if name in PLACES else around[name] for name in KEPT if name in around}
        | dict.fromkeys((*threads, *offline), "1")
        | {"NETOPSY_CACHE": cache, "NETOPSY_MAX_BYTES": str(GIGABYTE // 2), "CUDA_VISIBLE_DEVICES": ""}
        | {"NUMBA_CACHE_DIR": f"{cache}/numba", "MPLCONFIGDIR": f"{cache}/matplotlib", "MPLBACKEND": "Agg"}
        | {"PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2"}
    )


def _from_here(places: str) -> str:
    """The same places, wherever a process works; an empty one is the folder of the moment and so none."""
    return os.pathsep.join(os.path.abspath(os.path.expanduser(each)) for each in places.split(os.pathsep) if each)


def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start ``python -m MODULE PARENT ARGUMENTS`` as the leader of a group of processes; it waits for a `hand_over`."""
    return subprocess.Popen(
        [sys.executable, "-m", module, str(os.getpid()), *arguments],
        cwd="/",
        env=surroundings(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def hand_over(process: subprocess.Popen[bytes], folder: Path, limits: Limits) -> None:
    """Tell a process that waits which folder its job lies in, and what it may take.

    Raises:
        OSError: the process is gone.
    """
    assert process.stdin is not None
    with process.stdin as line:
        line.write(json.dumps([str(folder), limits.seconds, limits.memory]).encode() + b"\n")


def confine(limits: Limits, folder: Path) -> None:
    """Put the walls around this very process, before it reads anything: what is inside cannot take them down."""
    import resource

    os.chdir(folder)
    os.environ |= {"HOME": str(folder), "TMPDIR": str(folder)}
    tempfile.tempdir = None  # what was found before the folder was known
    with (folder / "log.txt").open("ab") as log:
        for stream in (1, 2):  # what anything prints
            os.dup2(log.fileno(), stream)
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.seconds + 30),
        (resource.RLIMIT_FSIZE, limits.file),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def ends_with(parent: int) -> None:
    """Let this process be killed when its parent ends, however it does."""
    with suppress(OSError, AttributeError):  # a system without it: the leases and limits hold all the same
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before
        os._exit(1)


def without_network() -> bool:
    """Leave the network behind, this machine's own included; ``False`` where the system does not let us."""
    user, group = os.getuid(), os.getgid()
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            return False
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except (OSError, AttributeError):
        return False
    return True


def stop(process: subprocess.Popen[bytes], grace: float = GRACE) -> None:
    """Ask a process and all it has started to end, and kill what has not after ``grace`` seconds."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    process.wait()


def why(code: int, memory: int) -> str:
    """What a process died of that has not said so itself, in a sentence.

    >>> why(-9, 3 * GIGABYTE)
    'The system killed it, most likely because memory ran short.'
    """
    if code == -signal.SIGKILL:
        return "The system killed it, most likely because memory ran short."
    if code == -signal.SIGXCPU:
        return "It used up its time."
    if code in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS):
        return f"It crashed, most likely because it needed more than {memory / GIGABYTE:g} GB of memory."
    return "It ended without a word, which should not happen."
