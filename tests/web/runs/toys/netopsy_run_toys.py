"""Recipes that mean no good, and a few that are quick."""

import os
import signal
import time

from netopsy.core.errors import InputError
from netopsy.core.finding import Finding
from netopsy.core.progress import track
from netopsy.lab.recipes import Option, PaperRecipe


def _quick(*, seed, times=1):
    for _ in track(range(times), "counting"):
        time.sleep(0.01)
    return Finding(f"It counted to {times}.", "Few.", table=(("a", "b"), ("=1+1", "2")))


def _hog(*, seed):
    return bytearray(64 * 2**30)


def _endless(*, seed):
    while True:
        seed += 1


def _crash(*, seed):
    os.kill(os.getpid(), signal.SIGSEGV)


def _bad(*, seed):
    raise InputError("the toy must be of wood, and this is not")


def _broken(*, seed):
    raise RuntimeError("a secret of the visitor's")


def _nosy(*, seed):
    """What a job can see of the machine."""
    import socket

    try:
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    except OSError as error:
        said = type(error).__name__ + f" {error.errno}"
    names = ", ".join(sorted(os.environ))
    return Finding(f"It saw {names} and {said}.", "x")


def _made(run, *options):
    return PaperRecipe(f"toy{run.__name__}", "A toy", "Something.", (), run, options=options)


QUICK = _made(_quick, Option("times", "How often", 1, low=1.0, high=10_000.0))
HOG, ENDLESS, CRASH, BAD, BROKEN, NOSY = map(_made, (_hog, _endless, _crash, _bad, _broken, _nosy))
