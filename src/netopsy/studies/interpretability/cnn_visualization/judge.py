"""How the survey's four claims are answered. The unit is a run: one network, its classes, images, filters or rotations
averaged."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from netopsy.lab import Part, Tables, above, gain, mean_interval, paired_difference
from netopsy.studies.interpretability.cnn_visualization.plan import NONE, RANDOM, TOGETHER, TRAINED, Config

MARGIN, RANKED = 0.10, 0.8


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Preferred images, inversions, filters that settle, and detectors."""
    table = tables.wide("judged", columns="condition")
    natural = tables.mean("natural", "condition")
    beside = {f"probability, {name}": value for name, value in table.mean().items()}
    beside |= {"of test images": natural["judge"], "of test images, first network": natural["own"]}
    more = paired_difference(table[TOGETHER], table[NONE])
    yield "cnn-visualization-1", above(f"{TOGETHER} less {NONE}", more, MARGIN, beside=beside)

    errors = {way: by_depth(tables, way) for way in ("inverted", "expected")}
    ranks = mean_interval(ranks_by_run(tables, "inverted"))
    beside = {"the same of decoders": mean_interval(ranks_by_run(tables, "expected"))}
    yield "cnn-visualization-2", gain("Spearman correlation of depth and image error", ranks, RANKED, beside=beside)
    inverted = errors["inverted"]
    beside = {f"image error, {layer}": value for layer, value in inverted.mean().items()}
    beside |= {f"decoder, {layer}": value for layer, value in errors["expected"].mean().items()}
    grown = paired_difference(inverted.iloc[:, -1], inverted.iloc[:, 0])
    yield "cnn-visualization-2", above("image error, last layer less first", grown, beside=beside)

    epochs = settled(tables)
    start = tables.rows("alike", epoch=0.0).groupby("layer")["value"].mean()
    beside = {f"epochs until settled, {layer}": value for layer, value in epochs.mean().items()}
    beside |= {f"cosine of the untrained projection, {layer}": start[layer] for layer in epochs}
    beside |= {"filters silent in the end": int(tables["settled"]["value"].isna().sum())}
    later = paired_difference(epochs.iloc[:, -1], epochs.iloc[:, 0])
    yield "cnn-visualization-3", above("epochs until settled, last convolution less first", later, beside=beside)

    beside = {"accuracy of names": tables.rows("accuracy", weights=TRAINED)["value"].mean()}
    for weights in (TRAINED, RANDOM):
        for column, words in (("value", "unique detectors"), ("detectors", "detectors"), ("match", "mean match")):
            own, other = units(tables, weights, column), rotated(tables, weights, column)
            beside |= {f"{words}, {weights}": own.mean(), f"{words}, {weights}, rotated": other.mean()}
    lost = paired_difference(units(tables, TRAINED), rotated(tables, TRAINED))
    yield "cnn-visualization-4", above("unique detectors, units less random directions", lost, beside=beside)


def by_depth(tables: Tables, way: str, values: str = "value") -> pd.DataFrame:
    """A row a run, a column a layer in order of depth."""
    table = tables[way].sort_values("depth", kind="stable")
    return table.groupby(["seed", "layer"], sort=False)[values].mean().unstack("layer", sort=False)


def ranks_by_run(tables: Tables, way: str) -> pd.Series:
    """Run by run, the mean over images of Spearman's correlation of image error and depth; 0 where it does not vary."""
    ranks = (
        tables[way]
        .groupby(["seed", "image"])
        .apply(lambda own: own["value"].corr(own["depth"], method="spearman"), include_groups=False)
    )
    return ranks.fillna(0.0).groupby("seed").mean()


def settled(tables: Tables) -> pd.DataFrame:
    """A row a run, a column a layer, first to last: mean epochs until settled, without silent filters."""
    return by_depth(tables, "settled")


def units(tables: Tables, weights: str, values: str = "value") -> pd.Series:
    """Of the units themselves, run by run."""
    return tables.rows("unique", weights=weights, rotation=-1).set_index("seed")[values].astype(float)


def rotated(tables: Tables, weights: str, values: str = "value") -> pd.Series:
    """Of fully rotated bases, run by run, on average over the rotations."""
    table = tables.rows("unique", weights=weights, share=1.0)
    return table[table["rotation"] >= 0].groupby("seed")[values].mean()
