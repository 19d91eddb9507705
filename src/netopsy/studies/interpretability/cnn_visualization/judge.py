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
    table, natural = tables.wide("judged", columns="condition"), tables.mean("natural", "condition")
    beside = {f"probability, {name}": value for name, value in table.mean().items()}
    beside |= {"of test images": natural["judge"], "of test images, first network": natural["own"]}
    more = paired_difference(table[TOGETHER], table[NONE])
    yield "cnn-visualization-1", above(f"{TOGETHER} less {NONE}", more, MARGIN, beside=beside)

    ranks = mean_interval(ranks_by_run(tables, "inverted"))
    beside = {"the same of decoders": mean_interval(ranks_by_run(tables, "expected"))}
    yield "cnn-visualization-2", gain("Spearman correlation of depth and image error", ranks, RANKED, beside=beside)
    inverted, expected = (tables.wide(way, columns="layer") for way in ("inverted", "expected"))
    beside = {f"image error, {layer}": value for layer, value in inverted.mean().items()}
    beside |= {f"decoder, {layer}": value for layer, value in expected.mean().items()}
    grown = paired_difference(inverted.iloc[:, -1], inverted.iloc[:, 0])
    yield "cnn-visualization-2", above("image error, last layer less first", grown, beside=beside)

    epochs, start = tables.wide("settled", columns="layer"), tables.mean("alike", "layer", epoch=0.0)
    beside = {f"epochs until settled, {layer}": value for layer, value in epochs.mean().items()}
    beside |= {f"cosine of the untrained projection, {layer}": start[layer] for layer in epochs}
    beside |= {"filters silent in the end": int(tables["settled"]["value"].isna().sum())}
    later = paired_difference(epochs.iloc[:, -1], epochs.iloc[:, 0])
    yield "cnn-visualization-3", above("epochs until settled, last convolution less first", later, beside=beside)

    beside = {"accuracy of names": tables.rows("accuracy", weights=TRAINED)["value"].mean()}
    words = {"value": "unique detectors", "detectors": "detectors", "match": "mean match"}
    own, other = ({each: _detectors(tables, share, each) for each in words} for share in (0.0, 1.0))
    for weights in (TRAINED, RANDOM):
        for each, called in words.items():
            beside |= {f"{called}, {weights}": own[each][weights].mean()}
            beside |= {f"{called}, {weights}, rotated": other[each][weights].mean()}
    lost = paired_difference(own["value"][TRAINED], other["value"][TRAINED])
    yield "cnn-visualization-4", above("unique detectors, units less random directions", lost, beside=beside)


def ranks_by_run(tables: Tables, way: str) -> pd.Series:
    """Run by run, the mean over images of Spearman's correlation of image error and depth; 0 where it does not vary."""
    errors = tables.wide(way, index=("seed", "image"), columns="depth")
    ranks = errors.corrwith(errors.columns.to_series(), axis=1, method="spearman")
    return ranks.fillna(0.0).groupby("seed").mean()


def _detectors(tables: Tables, share: float, values: str) -> pd.DataFrame:
    """Of bases rotated by a share of the way, run by run on average over the rotations, by weights."""
    return tables.wide("unique", columns="weights", values=values, share=share)
