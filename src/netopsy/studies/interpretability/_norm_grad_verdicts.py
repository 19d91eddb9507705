"""What the measurements of the norm-grad study say about its four claims. The criteria are the catalogue's.

Within a run, intervals are over scenes, as norm-grad-1 asks. Over runs, the unit is the run, since one and the same network
sees all scenes of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Verdict, bootstrap_mean, mean_interval, paired_difference
from netopsy.lab.verdicts import Answer

PRODUCT = "product"
MARGIN = 0.10
"""What norm-grad-1 and norm-grad-3 ask a difference to exceed."""


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim; with several data sets, a claim holds if it does on each."""
    return [
        Verdict.all_of(
            claim("norm-grad", name), [part for _, data in rows.groupby("data", sort=False) for part in of(data)]
        )
        for name, of in (
            ("norm-grad-1", depth),
            ("norm-grad-2", combination),
            ("norm-grad-3", meta),
            ("norm-grad-4", virtual),
        )
    ]


def depth(rows: pd.DataFrame) -> Iterator[Verdict]:
    """norm-grad-1: selective NormGrad against Grad-CAM at the two earliest layers, Grad-CAM's last layer against its first."""
    about, hits = claim("norm-grad", "norm-grad-1"), pointing(rows)
    layers = layers_of(rows)
    for seed, run in hits.groupby("seed"):
        for layer in layers[:2]:
            gain = bootstrap_mean(run["selective NormGrad", layer], run["Grad-CAM", layer])
            yield Verdict.exceeds(
                about, gain, MARGIN, f"{_where(rows)}, run {seed}, {layer}: selective NormGrad - Grad-CAM {gain:.2f}"
            )
    by_run = hits["Grad-CAM"].groupby("seed").mean()
    rise = paired_difference(by_run[layers[-1]], by_run[layers[0]])
    yield Verdict.exceeds(about, rise, MARGIN, f"{_where(rows)}: Grad-CAM, last layer - first {rise:.2f}")


def combination(rows: pd.DataFrame) -> Iterator[Verdict]:
    """norm-grad-2: each method's product of layers against its best single layer, over the runs."""
    about = claim("norm-grad", "norm-grad-2")
    for method, gains in gains_of_product(rows).items():
        gain = mean_interval(gains)
        answer = _answer(gain.value > 0 and gain.low > -0.01, gain.high <= 0)
        yield Verdict.of(about, answer, gain, f"{_where(rows)}, {method}: product - best single layer {gain:.3f}")


def meta(rows: pd.DataFrame) -> Iterator[Verdict]:
    """norm-grad-3: how far NormGrad's correlation falls at each layer, on the scenes that the step was not chosen on."""
    about, rate = claim("norm-grad", "norm-grad-3"), chosen_rate(rows)
    rho = correlations(rows)
    tested = rho[rho.index.get_level_values("scene") % 2 == 1]
    for layer in layers_of(rows):
        pairs = tested["NormGrad", layer].unstack("rate")[[0.0, rate]]
        dropped = int(pairs.isna().any(axis=1).sum())
        by_run = pairs.dropna().groupby("seed").mean()
        change = paired_difference(by_run[rate], by_run[0.0])
        before, after = by_run[0.0].mean(), by_run[rate].mean()
        detail = f"{_where(rows)}, {layer}, step {rate:g}: rho {before:.2f} -> {after:.2f}, change {change:.2f}"
        detail += f", {dropped} scenes without a correlation" if dropped else ""
        answer = _answer(change.value <= -MARGIN and change.high < 0, change.low > -MARGIN)
        yield Verdict.of(about, answer, change, detail)


def virtual(rows: pd.DataFrame) -> Iterator[Verdict]:
    """norm-grad-4: the correlation of virtual and real maps, beside that with another scene's."""
    about, agreement = claim("norm-grad", "norm-grad-4"), rows[rows["measure"] == "agreement"]
    for layer, values in agreement.groupby("layer", sort=False):
        by_run = values.groupby(["method", "seed"])["value"].mean()
        rho, null = mean_interval(by_run["same scene"]), by_run["another scene"].mean()
        yield Verdict.above(about, rho, 0.7, f"{_where(rows)}, {layer}: rho {rho:.2f}, with another scene {null:.2f}")


def layers_of(rows: pd.DataFrame) -> list[str]:
    """The layers that were explained, first layer first."""
    return list(rows.loc[rows["measure"] == "sensitivity", "layer"].unique())


def pointing(rows: pd.DataFrame) -> pd.DataFrame:
    """Share of objects hit, a row a run and scene, a column a method and layer."""
    return rows[rows["measure"] == "pointing"].pivot(
        index=["seed", "scene"], columns=["method", "layer"], values="value"
    )


def correlations(rows: pd.DataFrame) -> pd.DataFrame:
    """Correlation of the maps for two classes, a row a run, scene and step size, a column a method and layer."""
    found = rows[rows["measure"] == "sensitivity"]
    return found.pivot(index=["seed", "scene", "rate"], columns=["method", "layer"], values="value")


def chosen_rate(rows: pd.DataFrame) -> float:
    """The step size at which NormGrad's mean correlation over layers is least, on every second scene."""
    rho: pd.DataFrame = correlations(rows)["NormGrad"]  # type: ignore[assignment]  # the columns are a MultiIndex
    on = rho[rho.index.get_level_values("scene") % 2 == 0].groupby("rate").mean().mean(axis=1)
    return cast(float, on.drop(index=0.0).idxmin())


def gains_of_product(rows: pd.DataFrame) -> dict[str, list[float]]:
    """For each method, run by run: accuracy of the product of the layers' maps minus that of the best layer."""
    gains = {}
    for method, of in pointing(rows).groupby("seed").mean().T.groupby("method", sort=False):
        accuracy = of.droplevel("method").T
        gains[str(method)] = list(accuracy[PRODUCT] - accuracy.drop(columns=PRODUCT).max(axis=1))
    return gains


def methods_of(rows: pd.DataFrame) -> list[str]:
    """The saliency methods, in the order of the study."""
    return list(rows.loc[rows["measure"] == "pointing", "method"].unique())


def _answer(holds: bool, fails: bool) -> Answer:
    return "holds" if holds else "does not hold" if fails else "undecided"


def _where(rows: pd.DataFrame) -> str:
    return str(rows["data"].iloc[0])
