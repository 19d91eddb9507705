"""Do a few examples with opposing signals make training unstable? Rosenfeld and Risteski 2024 re-tested.

Full-batch descent on digits at the edge of stability, with the loss of every example kept; the linear model of the
theory; and optimisers on digits with a planted pair of opposing groups.
"""

from collections.abc import Iterator

from netopsy.lab import Cell, Study
from netopsy.studies.landscape.opposing_signals.descent import descent
from netopsy.studies.landscape.opposing_signals.draw import draw
from netopsy.studies.landscape.opposing_signals.judge import judge
from netopsy.studies.landscape.opposing_signals.optimisers import optimiser
from netopsy.studies.landscape.opposing_signals.plan import PRESETS, Config
from netopsy.studies.landscape.opposing_signals.theory import theory


def plan(config: Config) -> Iterator[Cell]:
    """A run of descent a cell, the linear model, and an optimiser a cell."""
    for seed in range(config.seeds):
        yield Cell.of(descent, seed=seed, settings=config.descent, pictures=seed == 0)
    for method in config.rates:
        at = {"method": method, "rates": config.rates[method], "settings": config.optimisers}
        yield Cell.of(optimiser, seeds=tuple(range(config.seeds)), **at)
    yield Cell.of(theory, settings=config.theory)


STUDY = Study("opposing-signals", PRESETS, plan, (descent, optimiser, theory), judge, draw)
"""``netopsy reproduce opposing-signals``."""
