"""Recipes that mean no good, and a few that are quick."""

import os
import signal
import time

from netopsy.core.errors import InputError
from netopsy.core.finding import Finding
from netopsy.core.progress import track
from netopsy.lab.recipes import GRAPH, Option, PaperRecipe


def _quick(graph, *, seed, times=1):
    for _ in track(range(times), "counting"):
        time.sleep(0.01)
    return Finding(f"The graph has {len(graph)} nodes.", "Few.", table=(("a", "b"), ("=1+1", "2")))


def _hog(graph, *, seed):
    return bytearray(64 * 2**30)


def _endless(graph, *, seed):
    while True:
        seed += 1


def _crash(graph, *, seed):
    os.kill(os.getpid(), signal.SIGSEGV)


def _bad(graph, *, seed):
    raise InputError("the graph must be of cats, and this is none")


def _broken(graph, *, seed):
    raise RuntimeError("a secret of the visitor's")


def _nosy(graph, *, seed):
    """What a job can see of the machine."""
    import socket

    try:
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    except OSError as error:
        said = type(error).__name__ + f" {error.errno}"
    names = ", ".join(sorted(os.environ))
    return Finding(f"It saw {names} and {said}.", "x")


def _made(run, *options):
    return PaperRecipe(f"toy{run.__name__}", "A toy", "Something.", (GRAPH,), run, options=options)


QUICK = _made(_quick, Option("times", "How often", 1, low=1.0, high=10_000.0))
HOG, ENDLESS, CRASH, BAD, BROKEN, NOSY = map(_made, (_hog, _endless, _crash, _bad, _broken, _nosy))
