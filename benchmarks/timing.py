"""Timing two callables against each other on a machine that does other things as well.

The two alternate, so that whatever slows the machine down for a while slows down both. The ratio is that of the fastest
runs: other work on the machine only ever adds time, so the least disturbed run says most about the code.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from time import perf_counter

Work = Callable[[], object]


@dataclass(frozen=True)
class Comparison:
    """Our way and another of doing the same; ours should take at most ``target`` times as long."""

    name: str
    ours: Work
    peer: Work
    target: float
    peer_name: str = "peer"
    rounds: int = 11

    def report(self) -> bool:
        """Time and print; true if the target is met."""
        times = alternate(self.ours, self.peer, self.rounds)
        print_times("ours", [ours for ours, _ in times])
        print_times(self.peer_name, [peer for _, peer in times])
        ratio = min(ours for ours, _ in times) / min(peer for _, peer in times)
        met = ratio <= self.target
        print(f"{self.name} ratio={ratio:.2f} target<={self.target:.2f}{'' if met else '  MISSED'}\n")
        return met


@dataclass(frozen=True)
class Bound:
    """Work that should take at most ``seconds``."""

    name: str
    work: Work
    seconds: float
    rounds: int = 5

    def report(self) -> bool:
        """Time and print; true if the bound is kept."""
        times = repeat(self.work, self.rounds)
        print_times("ours", times)
        met = min(times) <= self.seconds
        print(f"{self.name} seconds={min(times):.4g} target<={self.seconds:.4g}{'' if met else '  MISSED'}\n")
        return met


@dataclass(frozen=True)
class Growth:
    """The same work at several sizes, smallest first: how its cost grows. It has no target."""

    name: str
    work: Mapping[int, Work]
    size_name: str = "size"
    rounds: int = 5

    def report(self) -> bool:
        """Time and print."""
        times = {size: repeat(work, self.rounds) for size, work in self.work.items()}
        for size, of_size in times.items():
            print_times(f"{self.size_name} {size}", of_size)
        factors = [f"{small}->{large} x{min(times[large]) / min(times[small]):.1f}" for small, large in pairwise(times)]
        print(f"{self.name} growth {', '.join(factors)}\n")
        return True


@dataclass(frozen=True)
class Share:
    """A share that should be at least ``target``, such as of right answers."""

    name: str
    share: Callable[[], float]
    target: float

    def report(self) -> bool:
        """Work it out and print; true if it is reached."""
        share = self.share()
        met = share >= self.target
        print(f"{self.name} share={share:.3f} target>={self.target:.3f}{'' if met else '  MISSED'}\n")
        return met


@dataclass(frozen=True)
class Rate:
    """How often something is done in a second. It has no target."""

    name: str
    work: Work
    times: int
    """How often it is done in one run of the work."""
    rounds: int = 5

    def report(self) -> bool:
        """Time and print."""
        times = repeat(self.work, self.rounds)
        print_times("ours", times)
        print(f"{self.name} a_second={self.times / min(times):.0f}\n")
        return True


def alternate(first: Work, second: Work, rounds: int) -> list[tuple[float, float]]:
    """Seconds that each took in every round, after one run of each that does not count; who begins changes."""
    seconds(first), seconds(second)
    times = []
    for number in range(rounds):
        if number % 2:
            late, early = seconds(second), seconds(first)
        else:
            early, late = seconds(first), seconds(second)
        times.append((early, late))
    return times


def repeat(work: Work, rounds: int) -> list[float]:
    """Seconds that every run took, after one that does not count."""
    seconds(work)
    return [seconds(work) for _ in range(rounds)]


def seconds(work: Work) -> float:
    """How long one run takes, without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        work()
        return perf_counter() - start
    finally:
        gc.enable()


def print_times(who: str, times: list[float]) -> None:
    """One line: the fewest, the middle and the most milliseconds."""
    low, middle, high = (f"{1e3 * each:9.2f}" for each in (min(times), median(times), max(times)))
    print(f"  {who:<24} min {low}  median {middle}  max {high} ms")
