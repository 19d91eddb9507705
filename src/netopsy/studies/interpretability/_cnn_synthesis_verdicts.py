"""What the measurements say about the survey's two claims on synthesis. The criteria are the catalogue's."""

from __future__ import annotations

import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Estimate, Verdict, mean_interval, paired_difference
from netopsy.studies.interpretability._cnn_synthesis import NONE, TOGETHER

MARGIN = 0.10
RANKED = 0.8


def judge_synthesis(rows: pd.DataFrame) -> list[Verdict]:
    """cnn-visualization-1 and cnn-visualization-2."""
    return [image_priors(rows), depth(rows)]


def image_priors(rows: pd.DataFrame) -> Verdict:
    """cnn-visualization-1: what a second network makes of preferred images with priors and without, over classes and runs."""
    table = judged(rows)
    gain = paired_difference(table[TOGETHER], table[NONE])
    means = ", ".join(f"{name} {table[name].mean():.3f}" for name in table)
    natural = rows[rows["measure"] == "natural"].groupby("condition")["value"].mean()
    detail = (
        f"p_B(class) of preferred images: {means}; of test images of that class {natural['judge']:.3f} "
        f"(first network {natural['own']:.3f})"
    )
    return Verdict.above(claim("cnn-visualization", "cnn-visualization-1"), gain, MARGIN, detail)


def depth(rows: pd.DataFrame) -> Verdict:
    """cnn-visualization-2: whether the image error of inversions grows with depth, image by image."""
    about = claim("cnn-visualization", "cnn-visualization-2")
    table = errors_by_layer(rows, "inverted")
    ranks = mean_interval(spearman_with_depth(table))
    grown = paired_difference(table.iloc[:, -1], table.iloc[:, 0])
    parts = [
        Verdict.of(
            about,
            "holds" if ranks.value >= RANKED else "does not hold",
            ranks,
            f"(a) Spearman's correlation of depth and image error {ranks:.3f}",
        ),
        Verdict.above(about, grown, 0.0, f"(b) image error, last layer - first {grown:.3f} ({_means(table)})"),
    ]
    verdict = Verdict.all_of(about, parts)
    decoded = errors_by_layer(rows, "expected")
    also = f"; decoders instead of search: {_means(decoded)}, correlation {_mean_rank(decoded):.3f}"
    return Verdict(
        verdict.claim,
        verdict.verdict,
        verdict.criterion,
        verdict.estimate,
        verdict.interval,
        verdict.paper_value,
        verdict.detail + also,
    )


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a class and run, a column a condition: the second network's probability of the class."""
    found = rows[rows["measure"] == "judged"]
    table = found.pivot(index=["seed", "class"], columns="condition", values="value")
    return table[list(found["condition"].unique())]


def errors_by_layer(rows: pd.DataFrame, way: str) -> pd.DataFrame:
    """A row an image and run, a column a layer in order of depth: the relative image error."""
    found = rows[rows["measure"] == way].sort_values("depth", kind="stable")
    table = found.pivot(index=["seed", "image"], columns="layer", values="value")
    return table[list(found["layer"].unique())]


def spearman_with_depth(table: pd.DataFrame) -> list[float]:
    """Each row's rank correlation with the order of the columns; 0 for a row that does not vary."""
    ranks = table.rank(axis=1).to_numpy()
    places = pd.Series(range(table.shape[1])).rank().to_numpy()
    centred, order = ranks - ranks.mean(1, keepdims=True), places - places.mean()
    sizes = ((centred**2).sum(1) * (order**2).sum()) ** 0.5
    products = centred @ order
    return [float(product / size) if size > 0 else 0.0 for product, size in zip(products, sizes, strict=True)]


def _mean_rank(table: pd.DataFrame) -> Estimate:
    return mean_interval(spearman_with_depth(table))


def _means(table: pd.DataFrame) -> str:
    return ", ".join(f"{name} {table[name].mean():.3f}" for name in table)
