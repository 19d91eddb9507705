"""The paper's claims; a network is the unit, its pairs averaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netopsy.lab import Part, Tables, above, below, mean_interval, open_part, paired_difference
from netopsy.studies.robustness.level_set_traversal.plan import (
    CEILING,
    ENDS,
    EQUAL,
    FREE,
    GAIN,
    KEPT,
    NEAR,
    NORMAL,
    PLAIN,
    PROJECTED,
    PUSHED,
    ROBUST,
    SHARE,
    STRAIGHT,
    TARGETS,
    WALK,
    Config,
)

UNIT = "networks"


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Every claim, over networks."""
    left = tables.wide("remaining", training=NORMAL)
    similar = tables.mean("similarity", "method", training=NORMAL)
    beside = {method: mean_interval(left[method]) for method in (WALK, STRAIGHT, PROJECTED)}
    further = {f"structural similarity, {method}": similar[method] for method in (WALK, STRAIGHT)}
    less = paired_difference(left[WALK], left[STRAIGHT])
    name = "distance left: walk less straight line"
    yield "level-set-traversal-1", below(name, less, FREE, unit=UNIT, beside={**beside, **further})
    confidence = tables.wide("confidence", training=NORMAL)[WALK]
    clean = tables.wide("source confidence", training=NORMAL)[WALK]
    lost = paired_difference(confidence, clean)
    beside = {"at the source": clean.mean(), "at the end": confidence.mean()}
    yield (
        "level-set-traversal-1",
        above("confidence: end less source", lost, KEPT, unit=UNIT, beside=beside),
    )

    high = tables.wide("high segments", columns="to", training=NORMAL)
    adversarial = tables.wide("high segments", columns="to", training=ROBUST)
    beside = {f"to the {to}, adversarially trained": adversarial[to].mean() for to in (ENDS, TARGETS)}
    name = "segments to the ends that stay high"
    yield "level-set-traversal-2", above(name, mean_interval(high[ENDS]), SHARE, unit=UNIT, beside=beside)
    more = paired_difference(high[ENDS], high[TARGETS])
    beside = {f"to the {to}": high[to].mean() for to in (ENDS, TARGETS)}
    yield (
        "level-set-traversal-2",
        above("to the ends less to the targets", more, unit=UNIT, beside=beside),
    )
    yield "level-set-traversal-3", thickness(tables)


def thickness(tables: Tables) -> Part:
    """Adversarially trained less normal, of the triangles as they are, or pushed out where both are at the ceiling."""
    for kind in (PLAIN, PUSHED):
        near = tables.wide("hull", columns="training", triangles=kind, name=f"within {NEAR:g}")
        more = paired_difference(near[ROBUST], near[NORMAL])
        beside = {training: near[training].mean() for training in (NORMAL, ROBUST)} | _beside(tables)
        if near.mean().min() <= CEILING:
            return above(f"near points of {kind} triangles", more, GAIN, unit=UNIT, beside=beside)
    why = f"at the ceiling: both means above {CEILING:g}, also with points pushed out"
    return open_part("near points", more, why=why, beside=beside)


def _beside(tables: Tables) -> dict[str, Any]:
    equal = tables.wide("hull", columns="training", triangles=EQUAL, name=f"within {NEAR:g}")
    mean = tables.mean("hull", "training", triangles=PLAIN, name="mean")
    edges = tables.mean("edge", "training")
    found: dict[str, Any] = {"difference at equal edges": paired_difference(equal[ROBUST], equal[NORMAL])}
    found |= {f"mean confidence, {training}": mean[training] for training in (NORMAL, ROBUST)}
    return found | {f"edge (RMSE), {training}": edges[training] for training in (NORMAL, ROBUST)}
