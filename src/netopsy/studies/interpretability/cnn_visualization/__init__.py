"""Do preferred images need priors, what do layers keep, which filters settle first, what do units mean? Qin et al. 2018
re-tested."""

from collections.abc import Iterable

from netopsy.lab import Cell, Study
from netopsy.studies.interpretability.cnn_visualization.draw import draw
from netopsy.studies.interpretability.cnn_visualization.judge import judge
from netopsy.studies.interpretability.cnn_visualization.plan import PRESETS, Config
from netopsy.studies.interpretability.cnn_visualization.synthesis import (
    inversion,
    maximisation,
    synthesis_cost_by_images,
    synthesis_cost_by_side,
)
from netopsy.studies.interpretability.cnn_visualization.units import (
    dissection,
    dissection_cost_by_side,
    dissection_cost_by_units,
    projections_in_training,
)


def plan(config: Config) -> Iterable[Cell]:
    """A cell trains a network and measures one thing on it; and what synthesis and dissection cost."""
    for seed in range(config.seeds):
        yield Cell.of(maximisation, seed=seed, network=config.network, setting=config.maximisation)
        yield Cell.of(inversion, seed=seed, network=config.network, setting=config.inversion)
        yield Cell.of(projections_in_training, seed=seed, network=config.network, setting=config.deconvnet)
        yield Cell.of(dissection, seed=seed, setting=config.dissection)
    yield Cell.of(synthesis_cost_by_side, sides=config.sides)
    yield Cell.of(synthesis_cost_by_images, counts=config.counts)
    yield Cell.of(dissection_cost_by_side, sides=config.dissected_sides)
    yield Cell.of(dissection_cost_by_units, units=config.dissected_units)


MEASURES = (
    maximisation,
    inversion,
    projections_in_training,
    dissection,
    synthesis_cost_by_side,
    synthesis_cost_by_images,
    dissection_cost_by_side,
    dissection_cost_by_units,
)
STUDY = Study("cnn-visualization", PRESETS, plan, MEASURES, judge, draw)
"""``netopsy reproduce cnn-visualization``."""
