"""How far is an image's level set from its looks? Balasubramanian et al. 2023 re-tested."""

from __future__ import annotations

from collections.abc import Iterable

from netopsy.lab import Cell, Study
from netopsy.studies.robustness.level_set_traversal.draw import draw
from netopsy.studies.robustness.level_set_traversal.judge import judge
from netopsy.studies.robustness.level_set_traversal.measure import walks
from netopsy.studies.robustness.level_set_traversal.plan import PRESETS, Config


def plan(config: Config) -> Iterable[Cell]:
    """A seed a cell: the two networks walk between the same images."""
    for seed in range(config.seeds):
        yield Cell.of(
            walks,
            data=config.subject.data,
            subject=config.subject,
            seed=seed,
            sources=config.sources,
            targets=config.targets,
            walking=config.walking,
        )


STUDY = Study(
    paper="level-set-traversal",
    presets=PRESETS,
    plan=plan,
    measures=(walks,),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce level-set-traversal``."""
