"""The configuration of the study, the names in its tables, and its grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netopsy.lab import Cell
from netopsy.studies.representations.information_plane import measure
from netopsy.studies.representations.information_plane.stack import Training

TANH, RELU, FULL = "tanh", "ReLU", "tanh, full batch"


@dataclass(frozen=True)
class Config(Training):
    """Every number of the experiment."""

    seeds: int = 5
    """Training runs; each has its own weights, training split and order."""
    together: int = 5
    """Runs that train as one stack."""
    betas: tuple[float, ...] = (
        1.02,
        1.03,
        1.05,
        1.1,
        1.2,
        1.5,
        2.0,
        5.0,
        10.0,
        20.0,
        30.0,
        50.0,
        70.0,
        100.0,
        200.0,
        1e3,
    )


def plan(config: Config) -> Iterable[Cell]:
    """The bound; the full network with tanh, ReLU and without noise; and tanh networks with fewer layers."""
    training = Training(**{name: getattr(config, name) for name in Training.__dataclass_fields__})
    yield Cell.of(measure.curve, gamma=config.gamma, betas=config.betas)
    for first in range(0, config.seeds, config.together):
        seeds = tuple(range(first, min(first + config.together, config.seeds)))
        for method in (FULL, TANH, RELU):
            yield Cell.of(
                measure.path,
                method=method,
                depth=len(config.widths),
                activation="relu" if method == RELU else "tanh",
                full_batch=method == FULL,
                seeds=seeds,
                training=training,
                betas=config.betas,
            )
        for depth in range(len(config.widths) - 1, 0, -1):
            yield Cell.of(measure.speed, method=TANH, depth=depth, seeds=seeds, training=training)
