"""How the gan-dissection study's four claims are answered. The unit is a generator, its images and random sets
averaged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import Part, Tables, above, exact, gain, mean_interval, open_part, paired_difference
from netopsy.studies.interpretability.gan_dissection.plan import BY_ALPHA, BY_IOU, OBJECTS, RANDOM, Config

LEAST_PRESENCE, LEAST_MARGIN, LEAST_REMOVAL, LEAST_AREA, LEAST_TIMES = 0.25, 0.05, 0.3, 0.03, 3
FAVOURED = {"sun": ((0, 8), (10, 16)), "house": ((6, 12), (0, 4))}
"""Bands of the image, in sixteenths from its top: where an object belongs, and where it does not."""

_above, _gain = partial(above, unit="generators"), partial(gain, unit="generators")


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Open throughout where a generator does not show every object often enough."""
    made = tables.rows("presence", kind="made")
    rarest = made.loc[made["value"].idxmin()]
    if rarest["value"] < LEAST_PRESENCE:
        why = f"generator {rarest['seed']} shows the {rarest['object']} in {rarest['value']:.0%} of images"
        for number in range(1, 5):
            yield f"gan-dissection-{number}", open_part("not testable", why=why)
        return
    yield from _matching(tables)
    yield from _causal(tables)
    curves, full = areas(tables), tables["full"]
    difference = (curves[BY_ALPHA] - curves[BY_IOU]).unstack("object")
    beside: dict[str, Any] = {f"difference, {name}": difference[name].mean() for name in OBJECTS}
    beside |= {"area by alpha": curves[BY_ALPHA].mean(), "area by IoU": curves[BY_IOU].mean()}
    beside |= {"units that end at alpha 1": full["value"].mean(), "units": full["units"].mean()}
    more, name = mean_interval(difference.mean(axis=1)), "area under the removal curve, by alpha less by IoU"
    yield "gan-dissection-3", _gain(name, more, LEAST_AREA, beside=beside)
    for name, (belongs, elsewhere) in FAVOURED.items():
        here, there = gained(tables, name, belongs), gained(tables, name, elsewhere)
        times = here.mean() / there.mean() if there.mean() > 0 else math.inf
        beside = {"pixels where it belongs": here.mean(), "elsewhere": there.mean(), "times as many": times}
        more = paired_difference(here, there)
        yield "gan-dissection-4", _above(f"{name}: pixels gained where it belongs", more, beside=beside)
        excess = paired_difference(here, LEAST_TIMES * there)
        name = f"{name}: pixels gained there, less three times those elsewhere"
        yield "gan-dissection-4", _gain(name, excess, floor=-math.inf)


def _matching(tables: Tables) -> Iterator[tuple[str, Part]]:
    """The best unit of each object, less the 95th percentile of the same by chance."""
    best = tables["iou"].groupby(["object", "kind", "seed", "number"])["value"].max()
    for kind, called in (("shuffled", "masks shuffled"), ("untrained", "untrained generators")):
        for name in OBJECTS:
            own = best.loc[name, "trained"].groupby("seed").mean()
            chance = best.loc[name, kind].groupby("seed").quantile(0.95)
            beside = {"IoU": own.mean(), f"{called}, 95th percentile": chance.mean()}
            more = paired_difference(own, chance)
            yield "gan-dissection-1", _above(f"{name}: IoU less {called}", more, LEAST_MARGIN, beside=beside)


def _causal(tables: Tables) -> Iterator[tuple[str, Part]]:
    """What the best units take away, against random sets of as many, in every layer for every object."""
    for layer in tables["removal"]["layer"].unique():
        for name in OBJECTS:
            gone = tables.wide("removal", columns="by", layer=layer, object=name)
            beside = {"removed": gone[name].mean(), "by random sets": gone[RANDOM].mean()}
            more = paired_difference(gone[name], gone[RANDOM])
            called = f"{layer}, {name}: removed, less random sets"
            yield "gan-dissection-2", _above(called, more, LEAST_REMOVAL, beside=beside)
            sets = tables.rows("removal", layer=layer, object=name, by=RANDOM).groupby("seed")["value"]
            within = int((~(gone[name] > sets.quantile(0.95))).sum())
            yield "gan-dissection-2", exact(f"{layer}, {name}: generators within the random sets' 95%", within)


def areas(tables: Tables) -> pd.DataFrame:
    """The mean height of each removal curve from no unit to the last, by seed and object; a column an order.

    Trapezoids, so that the two ends count half. Only layers with both orders count.
    """
    both = tables.rows("curve", by=BY_ALPHA)["layer"].unique().tolist()
    curves = tables.wide("curve", index=("seed", "object"), columns=("by", "n"), layer=both)
    means = {by: np.trapezoid(curves[by], axis=1) / (curves[by].shape[1] - 1) for by in (BY_IOU, BY_ALPHA)}
    return pd.DataFrame(means, index=curves.index)


def gained(tables: Tables, name: str, band: tuple[int, int]) -> pd.Series:
    """Pixels gained by an insertion in a band of the image, a mean over its cells for every generator.

    Rows of the layer's grid that lie in the band as a whole, the band given in sixteenths of the image.
    """
    found = tables.rows("insertion", object=name)
    top, bottom = 16 * found["row"] / found["rows"], 16 * (found["row"] + 1) / found["rows"]
    return found[(top >= band[0]) & (bottom <= band[1])].groupby("seed")["value"].mean()
