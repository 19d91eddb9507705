"""Degeneracy counted beforehand, sparser interactions, invariance and modularity: Bushnaq et al. 2024 re-tested.

Small random networks whose free directions are known, perceptrons on digits in five bases, the same networks
reparametrised, and networks of two modules beside connected ones and beside random masks.
"""

from collections.abc import Iterator

from netopsy.lab import Cell, Study
from netopsy.studies.landscape.interaction_basis.degeneracies import counted, reparametrised
from netopsy.studies.landscape.interaction_basis.draw import draw
from netopsy.studies.landscape.interaction_basis.features import sparsity
from netopsy.studies.landscape.interaction_basis.judge import judge
from netopsy.studies.landscape.interaction_basis.modularity import modularity
from netopsy.studies.landscape.interaction_basis.plan import PRESETS, Config


def plan(config: Config) -> Iterator[Cell]:
    """Training runs in as many parts as there are cells; draws and networks in one cell each."""
    size = -(-config.seeds // config.cells)
    for first in range(0, config.seeds, size):
        seeds = tuple(range(first, min(first + size, config.seeds)))
        yield Cell.of(modularity, seeds=seeds, config=config.pairs)
        yield Cell.of(sparsity, seeds=seeds, config=config.features)
    yield Cell.of(counted, draws=config.draws)
    yield Cell.of(reparametrised, networks=config.networks)


STUDY = Study("interaction-basis", PRESETS, plan, (counted, sparsity, reparametrised, modularity), judge, draw)
"""``netopsy reproduce interaction-basis``."""
