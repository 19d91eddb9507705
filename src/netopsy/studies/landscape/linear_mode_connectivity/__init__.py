"""When is the line between two trained networks free of a ridge? Singh et al. 2024 re-tested.

Runs that part after a shared start, runs that share nothing, their layers one by one, and runs whose units are brought
into one order.
"""

from collections.abc import Iterator

from netopsy.lab import Cell, Study
from netopsy.studies.landscape.linear_mode_connectivity.draw import draw
from netopsy.studies.landscape.linear_mode_connectivity.judge import judge
from netopsy.studies.landscape.linear_mode_connectivity.measure import aligned, forked, independent
from netopsy.studies.landscape.linear_mode_connectivity.plan import PRESETS, Config


def plan(config: Config) -> Iterator[Cell]:
    """A pair of networks of each kind and width a cell, for every seed."""
    for seed in range(config.seeds):
        yield Cell.of(forked, seed=seed, settings=config.forks)
        for width in config.apart.widths:
            layers = width == config.apart.widths[0]
            yield Cell.of(independent, seed=seed, width=width, layers=layers, settings=config.apart)
        for width in config.aligned.widths:
            yield Cell.of(aligned, seed=seed, width=width, settings=config.aligned)


STUDY = Study("linear-mode-connectivity", PRESETS, plan, (forked, independent, aligned), judge, draw)
"""``netopsy reproduce linear-mode-connectivity``."""
