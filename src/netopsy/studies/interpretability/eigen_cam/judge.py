"""How the eigen-cam study's four claims are answered. The unit is a run: one network and its images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from netopsy.lab import Part, Tables, above, between, exact, gain, open_part, paired_difference
from netopsy.studies.interpretability.eigen_cam.plan import (
    CENTRED,
    CLEAN,
    EIGEN,
    ENERGY,
    GRAD,
    HALF_TRAINED,
    METHODS,
    NOISE,
    PLUS,
    SECOND,
    TRIVIAL,
    Config,
)

FEWEST_MISTAKES = 60
WIDEST = 0.2
WITHIN = 0.1
NEARLY = 0.02
"""A trivial map within this of Eigen-CAM's error is named."""


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Parts at the earlier layer, as the criteria ask; the last layer is reported beside."""
    earlier, last = layers_of(tables)
    clean, noisy = ({layer: errors(tables, way, layer) for layer in (earlier, last)} for way in (CLEAN, NOISE))
    best = {layer: min((GRAD, PLUS), key=lambda name, own=own: own[name].mean()) for layer, own in clean.items()}  # type: ignore[misc]
    better = paired_difference(clean[earlier][best[earlier]], clean[earlier][EIGEN])
    at_last = paired_difference(clean[last][best[last]], clean[last][EIGEN])
    beside: dict[str, Any] = _means(clean[earlier]) | {f"{best[last]} less {EIGEN} at {last}": at_last}
    yield "eigen-cam-1", gain(f"{best[earlier]} less {EIGEN} at {earlier}", better, 0.02, beside=beside)
    for layer, own in clean.items():
        found = [name for name in TRIVIAL if own[name].mean() <= own[EIGEN].mean() + NEARLY]
        if found:
            yield "eigen-cam-1", f"At {layer} a trivial map does as well within {NEARLY}: {' and '.join(found)}."

    robust = paired_difference(noisy[earlier][GRAD], noisy[earlier][EIGEN])
    rises = {
        f"{name}, rise over clean": noisy[earlier][name].mean() - clean[earlier][name].mean() for name in noisy[earlier]
    }
    accuracy = {"accuracy under noise": tables.rows("accuracy", condition=NOISE)["value"].mean()}
    beside = accuracy | _means(noisy[earlier]) | rises
    yield "eigen-cam-2", gain(f"{GRAD} less {EIGEN} at {earlier}", robust, 0.05, beside=beside)
    means = noisy[earlier].mean()
    ahead = [name for name in (PLUS, *TRIVIAL) if means[name] < means[EIGEN]]
    if ahead:
        words = ", ".join(f"{name} ({means[name]:.3f})" for name in ahead)
        yield "eigen-cam-2", f"Under noise {words} miss fewer objects than {EIGEN} ({means[EIGEN]:.3f})."

    yield from _mistakes(tables, earlier)
    for layer, own in clean.items():
        for other in (CENTRED, ENERGY, SECOND):
            apart = paired_difference(own[other], own[EIGEN])
            yield "eigen-cam-4", open_part(f"{other} less {EIGEN} at {layer}", apart, why="no direction is expected")


def _mistakes(tables: Tables, layer: str) -> Iterator[tuple[str, Part | str]]:
    """Other heads leave the map as it is; and errors on misclassified images less those on the others."""
    heads = tables["head"]["value"]
    yield "eigen-cam-3", exact("maps changed by another head", float((heads != 1).sum()), beside={"cases": len(heads)})
    count = int(tables.rows("accuracy", condition=HALF_TRAINED)["mistakes"].sum())
    ours, theirs = (after_mistakes(tables, layer, method) for method in (EIGEN, GRAD))
    names = [f"{method}, misclassified less recognised" for method in (EIGEN, GRAD)]
    if count < FEWEST_MISTAKES or ours.high - ours.low > WIDEST:
        why = f"needs {FEWEST_MISTAKES} misclassified images and an interval of at most {WIDEST}"
        yield "eigen-cam-3", open_part(names[0], ours, why=why, beside={"misclassified images": count})
    else:
        beside = {"misclassified images": count}
        yield "eigen-cam-3", between(names[0], ours, -WITHIN, WITHIN, beside=beside)
    yield "eigen-cam-3", above(names[1], theirs)


def after_mistakes(tables: Tables, layer: str, method: str) -> Any:
    """Error on images that the half-trained network misclassifies less that on the others, over runs."""
    by = {"condition": HALF_TRAINED, "layer": layer, "method": method}
    wrong, right = (tables.wide("error", values=name, **by) for name in ("misclassified", "recognised"))
    both = pd.concat([wrong[method], right[method]], axis=1).dropna()  # a run may have no mistake
    return paired_difference(both.iloc[:, 0], both.iloc[:, 1])


def errors(tables: Tables, condition: str, layer: str) -> pd.DataFrame:
    """A row a run, a column a method: the share of images whose box is wrong."""
    return tables.wide("error", condition=condition, layer=layer)


def layers_of(tables: Tables) -> list[str]:
    """The two layers, the earlier one first."""
    return list(tables["error"]["layer"].unique())


def _means(table: pd.DataFrame) -> dict[str, float]:
    return {f"error, {name}": float(table[name].mean()) for name in METHODS if name in table}
