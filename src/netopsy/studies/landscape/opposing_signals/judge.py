"""The questions of the four claims."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netopsy.lab import Part, Tables, above, below, between, exact, gain, mean_interval, open_part, paired_difference
from netopsy.lab.costs import exponent
from netopsy.lab.tables import Table
from netopsy.studies.landscape.opposing_signals.plan import (
    ADAM,
    ALL,
    ANY,
    DAMPENED,
    EXACT,
    MATCHED,
    OPPOSING,
    SAMPLED,
    SGD,
    SPLIT,
    WITHOUT,
    WITHOUT_MATCHED,
    Config,
)

LOW, HIGH = 0.95, 1.25
"""Of the rate times the sharpness over 2: where training is at the edge of stability."""


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Pull against class-matched groups, swings and removal, the slopes, and steps against SGD and Adam."""
    yield from _pull(tables)
    yield from _edge(tables, config)
    yield from _slopes(tables)
    yield from _steps(tables)


def _pull(tables: Tables) -> Iterator[tuple[str, Part | str]]:
    claim = "opposing-signals-1"
    cosines, norms = (tables.wide("pull", values=value) for value in ("cosine", "norm"))
    beside = {f"cosine, {name}": mean_interval(cosines[name]) for name in (OPPOSING, MATCHED, ANY)}
    lead = paired_difference(cosines[MATCHED], cosines[OPPOSING])
    yield claim, gain("cosine of class-matched groups less that of the groups", lead, 0.1, beside=beside)
    ratio = mean_interval(norms[OPPOSING] / norms[MATCHED])
    beside = {f"length, {name}": mean_interval(norms[name]) for name in (OPPOSING, MATCHED, ANY)}
    share = tables.wide("pull", values="share")
    beside |= {f"share of the loss, {name}": mean_interval(share[name]) for name in (OPPOSING, MATCHED)}
    yield claim, gain("length of the up group's gradient over the class-matched one's", ratio, 1.25, floor=1.0,
                      beside=beside)  # fmt: skip


def _edge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    claim = "opposing-signals-2"
    sharpness = tables.rows("sharpness")
    late = sharpness[sharpness["step"] >= config.descent.warmup]
    inside = late.assign(value=late["value"].between(LOW, HIGH).astype(float)).groupby("seed")["value"].mean()
    beside = {"rate times sharpness over 2": mean_interval(late.groupby("seed")["value"].mean())}
    yield claim, above("share of steps at the edge of stability", mean_interval(inside), 0.8, beside=beside)
    correlations, lags = (tables.wide("swings", values=value) for value in ("correlation", "lag"))
    for name, found, most in (
        ("correlation of the groups' increments", correlations, -0.6),
        ("lag-1 autocorrelation of the up group's increments", lags, -0.8),
    ):
        others = {other: mean_interval(found[other]) for other in (MATCHED, ANY)}
        yield claim, below(name, mean_interval(found[OPPOSING]), most, beside=others)
    means = tables.wide("removal")
    drops = {name: means[ALL] - means[name] for name in (WITHOUT, WITHOUT_MATCHED)}
    beside = {f"lowered, {name}": mean_interval(drop) for name, drop in drops.items()}
    more = paired_difference(drops[WITHOUT], 2 * drops[WITHOUT_MATCHED])
    name = "what removal of the groups lowers the sharpness by, less twice that of class-matched ones"
    yield claim, above(name, more, 0.0, beside=beside)


def _slopes(tables: Tables) -> Iterator[tuple[str, Part | str]]:
    claim = "opposing-signals-3"
    ends = tables.rows("theory")
    slopes = {
        name: [_slope(own) for _, own in ends[ends["method"] == name].groupby("draw")] for name in (EXACT, SAMPLED)
    }
    exactly = ends[ends["method"] == EXACT]
    ratio = (exactly["value"] / (exactly["strength"] * exactly["norm"])).mean()
    beside = {"slope": slopes[EXACT][0], "sharpness over strength times norm": ratio}
    yield claim, exact("slope of the exact model, off 1", abs(slopes[EXACT][0] - 1), 0.02, beside=beside)
    found = mean_interval(slopes[SAMPLED], confidence=0.9)
    yield claim, between("slope over samples", found, 0.85, 1.15, unit="samples")


def _slope(ends: Table) -> float:
    return exponent(list(ends["strength"] * ends["norm"]), list(ends["value"]))


def _steps(tables: Tables) -> Iterator[tuple[str, Part | str]]:
    claim = "opposing-signals-4"
    steps = tables.wide("steps")
    beside = {name: mean_interval(steps[name]) for name in (SGD, DAMPENED, SPLIT, ADAM)}
    gap = paired_difference(steps[SGD], steps[ADAM])
    never = tables.rows("steps", reached=False)
    if len(never):
        yield claim, f"The loss was not reached by {len(never)} runs, whose steps count as the most that were made."
    if not gap.low > 0:
        why = "SGD needs no more steps than Adam here, so that there is nothing to recover: not testable here"
        yield claim, open_part("share of Adam's gain that SplitSGD recovers", gap, why=why, beside=beside)
        return
    saved = mean_interval((np.asarray(steps[SGD]) - np.asarray(steps[SPLIT])) / gap.value)
    beside |= {"steps that Adam saves": gap}
    yield claim, gain("share of Adam's gain that SplitSGD recovers", saved, 0.5, beside=beside)
