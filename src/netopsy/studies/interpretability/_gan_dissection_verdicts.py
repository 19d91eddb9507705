"""What the measurements of the gan-dissection study say about its four claims. The criteria are the catalogue's.

Every value is one generator's: intervals are over generators, and over the images and random sets drawn with each.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Verdict, mean_interval
from netopsy.lab.verdicts import Answer
from netopsy.studies.interpretability._gan_dissection_measures import OBJECTS

PAPER = "gan-dissection"
LEAST_PRESENCE = 0.25
LEAST_MARGIN = 0.05
LEAST_REMOVAL = 0.3
LEAST_AREA = 0.03
LEAST_TIMES = 3
FAVOURED = {"sun": ((0, 8), (10, 16)), "house": ((6, 12), (0, 4))}
"""Bands of the image, in sixteenths from its top: where an object belongs, and where it does not."""


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim; undecided throughout where a generator does not show every object often enough."""
    made = rows[(rows["measure"] == "presence") & (rows["kind"] == "made")]
    rare = made[made["value"] < LEAST_PRESENCE]
    if len(rare):
        worst = rare.sort_values("value").iloc[0]
        words = f"not testable: generator {worst['seed']} shows the {worst['object']} in {worst['value']:.0%} of images"
        return [Verdict.undecided(claim(PAPER, f"GD-{number}"), words) for number in range(1, 5)]
    return [matching(rows), causal(rows), ranking(rows), context(rows)]


def matching(rows: pd.DataFrame) -> Verdict:
    """gan-dissection-1: the best unit of each object, less the 95th percentile of the same by chance: by shuffled masks, and in
    untrained generators.
    """
    about = claim(PAPER, "gan-dissection-1")
    best = rows[rows["measure"] == "iou"].groupby(["object", "kind", "seed", "number"])["value"].max()
    parts = []
    for kind, called in (("shuffled", "masks shuffled"), ("untrained", "untrained generators")):
        for name in OBJECTS:
            own = best.loc[name, "trained"].groupby("seed").mean()
            chance = best.loc[name, kind].groupby("seed").quantile(0.95)
            margin = mean_interval(own - chance)
            words = f"{name}: IoU {own.mean():.3f}, {called} {chance.mean():.3f} (95th percentile), margin {margin:.3f}"
            parts.append(Verdict.above(about, margin, LEAST_MARGIN, words))
    return Verdict.all_of(about, parts)


def causal(rows: pd.DataFrame) -> Verdict:
    """gan-dissection-2: what the best units take away, against random sets of as many, in every layer for every object."""
    about = claim(PAPER, "gan-dissection-2")
    gone = rows[(rows["measure"] == "removal")]
    parts = []
    for layer in gone["layer"].unique():
        for name in OBJECTS:
            here = gone[(gone["layer"] == layer) & (gone["object"] == name)]
            own = here[here["by"] == name].set_index("seed")["value"]
            chance = here[here["by"] == "random"].groupby("seed")["value"]
            gain = mean_interval(own - chance.mean())
            beaten = bool((own > chance.quantile(0.95)).all())
            words = f"{layer}, {name}: {own.mean():.2f} against {chance.mean().mean():.2f}, difference {gain:.2f}"
            if not beaten:
                words += "; not above the random sets' 95th percentile in every generator"
            answer: Answer = Verdict.above(about, gain, LEAST_REMOVAL).verdict if beaten else "does not hold"
            parts.append(Verdict.of(about, answer, gain, words))
    return Verdict.all_of(about, parts)


def ranking(rows: pd.DataFrame) -> Verdict:
    """gan-dissection-3: the area under the removal curve by alpha less that by IoU, paired."""
    about = claim(PAPER, "gan-dissection-3")
    curves = areas(rows)
    difference = (curves["alpha"] - curves["IoU"]).unstack("object")
    gain = mean_interval(difference.mean(axis=1))
    each = ", ".join(f"{name} {difference[name].mean():+.3f}" for name in OBJECTS)
    full = rows[rows["measure"] == "full"]
    means = (
        f"area by alpha {curves['alpha'].mean():.3f}, by IoU {curves['IoU'].mean():.3f}; on average "
        f"{full['value'].mean():.0f} of {full['units'].mean():.0f} units end at alpha 1, and IoU orders those"
    )
    holds = gain.value > LEAST_AREA and gain.low > 0
    answer: Answer = "holds" if holds else "does not hold" if gain.high <= LEAST_AREA else "undecided"
    return Verdict.of(about, answer, gain, f"{means}; difference {gain:.3f}, by object: {each}")


def context(rows: pd.DataFrame) -> Verdict:
    """gan-dissection-4: pixels gained where an object belongs, less three times those gained where it does not."""
    about = claim(PAPER, "gan-dissection-4")
    parts = []
    for name, (belongs, elsewhere) in FAVOURED.items():
        here, there = gained(rows, name, belongs), gained(rows, name, elsewhere)
        plain, excess = mean_interval(here - there), mean_interval(here - LEAST_TIMES * there)
        if plain.low > 0 and excess.value >= 0:
            answer: Answer = "holds"
        elif plain.high <= 0 or excess.high < 0:
            answer = "does not hold"
        else:
            answer = "undecided"
        times = here.mean() / there.mean() if there.mean() > 0 else math.inf
        many = f"{times:.1f} times as many" if math.isfinite(times) else "none or fewer there"
        words = f"{name}: {here.mean():.2f} pixels gained where it belongs, {there.mean():.2f} elsewhere ({many})"
        parts.append(Verdict.of(about, answer, plain, f"{words}, difference {plain:.2f}"))
    return Verdict.all_of(about, parts)


def areas(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean height of each removal curve from no unit to the last, by seed and object; a column an order.

    Trapezoids, so that the two ends count half. Only layers with both orders count.
    """
    curves = rows[rows["measure"] == "curve"]
    both = curves[curves["layer"].isin(curves.loc[curves["by"] == "alpha", "layer"])]
    table = both.pivot_table(index=["seed", "object", "by"], columns="n", values="value")
    ends = table.iloc[:, [0, -1]].mean(axis=1)
    return ((table.iloc[:, 1:-1].sum(axis=1) + ends) / (table.shape[1] - 1)).unstack("by")


def gained(rows: pd.DataFrame, name: str, band: tuple[int, int]) -> pd.Series:
    """Pixels gained by an insertion in a band of the image, a mean over its cells for every generator.

    Rows of the layer's grid that lie in the band as a whole, the band given in sixteenths of the image.
    """
    found = rows[(rows["measure"] == "insertion") & (rows["object"] == name)]
    top, bottom = 16 * found["row"] / found["rows"], 16 * (found["row"] + 1) / found["rows"]
    return found[(top >= band[0]) & (bottom <= band[1])].groupby("seed")["value"].mean()
