"""Do preferred images need priors, what do layers keep, which filters settle first, what do units mean? Qin et al. 2018
re-tested."""

from collections.abc import Iterable

from netopsy.lab import Cell, Study
from netopsy.studies.interpretability.cnn_visualization.draw import draw
from netopsy.studies.interpretability.cnn_visualization.judge import judge
from netopsy.studies.interpretability.cnn_visualization.plan import PRESETS, Config
from netopsy.studies.interpretability.cnn_visualization.synthesis import inversion, maximisation, synthesis_cost
from netopsy.studies.interpretability.cnn_visualization.units import dissection, projections_in_training, units_cost


def plan(config: Config) -> Iterable[Cell]:
    """A cell trains a network and measures one thing on it; and what synthesis and dissection cost."""
    for seed in range(config.seeds):
        yield Cell.of(maximisation, seed=seed, network=config.network, setting=config.maximisation)
        yield Cell.of(inversion, seed=seed, network=config.network, setting=config.inversion)
        yield Cell.of(projections_in_training, seed=seed, network=config.network, setting=config.deconvnet)
        yield Cell.of(dissection, seed=seed, setting=config.dissection)
    for measure, by, sizes in (
        (synthesis_cost, "side", config.timed.sides),
        (synthesis_cost, "images", config.timed.images),
        (units_cost, "side", config.timed.sides),
        (units_cost, "units", config.timed.units),
    ):
        yield Cell.of(measure, by=by, sizes=sizes)


MEASURES = (maximisation, inversion, projections_in_training, dissection, synthesis_cost, units_cost)
STUDY = Study("cnn-visualization", PRESETS, plan, MEASURES, judge, draw)
"""``netopsy reproduce cnn-visualization``."""
