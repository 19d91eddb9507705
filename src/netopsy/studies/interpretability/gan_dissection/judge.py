"""How the gan-dissection study's four claims are answered. The unit is a generator, its images and random sets
averaged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from netopsy.lab import Part, Tables, above, exact, gain, mean_interval, open_part
from netopsy.studies.interpretability.gan_dissection.plan import OBJECTS, Config

LEAST_PRESENCE = 0.25
LEAST_MARGIN = 0.05
LEAST_REMOVAL = 0.3
LEAST_AREA = 0.03
LEAST_TIMES = 3
FAVOURED = {"sun": ((0, 8), (10, 16)), "house": ((6, 12), (0, 4))}
"""Bands of the image, in sixteenths from its top: where an object belongs, and where it does not."""


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Open throughout where a generator does not show every object often enough."""
    made = tables.rows("presence", kind="made")
    rare = made[made["value"] < LEAST_PRESENCE].sort_values("value")
    if len(rare):
        worst = rare.iloc[0]
        why = f"generator {worst['seed']} shows the {worst['object']} in {worst['value']:.0%} of images"
        for number in range(1, 5):
            yield f"gan-dissection-{number}", open_part("not testable", why=why)
        return
    yield from _matching(tables)
    yield from _causal(tables)
    curves = areas(tables)
    difference = (curves["alpha"] - curves["IoU"]).unstack("object")
    full = tables["full"]
    beside: dict[str, Any] = {f"difference, {name}": difference[name].mean() for name in OBJECTS}
    beside |= {"area by alpha": curves["alpha"].mean(), "area by IoU": curves["IoU"].mean()}
    beside |= {"units that end at alpha 1": full["value"].mean(), "units": full["units"].mean()}
    name = "area under the removal curve, by alpha less by IoU"
    yield (
        "gan-dissection-3",
        gain(name, mean_interval(difference.mean(axis=1)), LEAST_AREA, unit="generators", beside=beside),
    )
    for name, (belongs, elsewhere) in FAVOURED.items():
        here, there = gained(tables, name, belongs), gained(tables, name, elsewhere)
        times = here.mean() / there.mean() if there.mean() > 0 else math.inf
        beside = {"pixels where it belongs": here.mean(), "elsewhere": there.mean(), "times as many": times}
        more = mean_interval(here - there)
        yield (
            "gan-dissection-4",
            above(f"{name}: pixels gained where it belongs", more, unit="generators", beside=beside),
        )
        excess = mean_interval(here - LEAST_TIMES * there)
        name = f"{name}: pixels gained there, less three times those elsewhere"
        yield "gan-dissection-4", gain(name, excess, 0.0, floor=-math.inf, unit="generators")


def _matching(tables: Tables) -> Iterator[tuple[str, Part]]:
    """The best unit of each object, less the 95th percentile of the same by chance."""
    best = tables["iou"].groupby(["object", "kind", "seed", "number"])["value"].max()
    for kind, called in (("shuffled", "masks shuffled"), ("untrained", "untrained generators")):
        for name in OBJECTS:
            own = best.loc[name, "trained"].groupby("seed").mean()
            chance = best.loc[name, kind].groupby("seed").quantile(0.95)
            beside = {"IoU": own.mean(), f"{called}, 95th percentile": chance.mean()}
            margin = mean_interval(own - chance)
            part = above(f"{name}: IoU less {called}", margin, LEAST_MARGIN, unit="generators", beside=beside)
            yield "gan-dissection-1", part


def _causal(tables: Tables) -> Iterator[tuple[str, Part]]:
    """What the best units take away, against random sets of as many, in every layer for every object."""
    for layer in tables["removal"]["layer"].unique():
        for name in OBJECTS:
            here = tables.rows("removal", layer=layer, object=name)
            own = here[here["by"] == name].set_index("seed")["value"]
            chance = here[here["by"] == "random"].groupby("seed")["value"]
            more = mean_interval(own - chance.mean())
            beside = {"removed": own.mean(), "by random sets": chance.mean().mean()}
            part = above(
                f"{layer}, {name}: removed, less random sets", more, LEAST_REMOVAL, unit="generators", beside=beside
            )
            yield "gan-dissection-2", part
            beaten = int((~(own > chance.quantile(0.95))).sum())
            yield "gan-dissection-2", exact(f"{layer}, {name}: generators within the random sets' 95%", beaten)


def areas(tables: Tables) -> pd.DataFrame:
    """The mean height of each removal curve from no unit to the last, by seed and object; a column an order.

    Trapezoids, so that the two ends count half. Only layers with both orders count.
    """
    curves = tables["curve"]
    both = curves[curves["layer"].isin(curves.loc[curves["by"] == "alpha", "layer"])]
    table = both.pivot_table(index=["seed", "object", "by"], columns="n", values="value")
    ends = table.iloc[:, [0, -1]].mean(axis=1)
    return ((table.iloc[:, 1:-1].sum(axis=1) + ends) / (table.shape[1] - 1)).unstack("by")


def gained(tables: Tables, name: str, band: tuple[int, int]) -> pd.Series:
    """Pixels gained by an insertion in a band of the image, a mean over its cells for every generator.

    Rows of the layer's grid that lie in the band as a whole, the band given in sixteenths of the image.
    """
    found = tables.rows("insertion", object=name)
    top, bottom = 16 * found["row"] / found["rows"], 16 * (found["row"] + 1) / found["rows"]
    return found[(top >= band[0]) & (bottom <= band[1])].groupby("seed")["value"].mean()
