"""Plan, judge and figure of a comparison of all ways of pruning on one network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.errors import lookup, require
from netopsy.examination.pruning.measure import DENSE, pruned
from netopsy.examination.pruning.source import Source
from netopsy.lab import Cell, Part, Study, Tables, above, paired_difference
from netopsy.lab.plots import intervals, mean_with_band
from netopsy.lab.statistics import Estimate, mean_interval
from netopsy.sparsity.comparison import METHODS, Budget

CONTROL = METHODS[0]
"""What the others are held against: masks drawn at random, trained for as many steps."""
PRESET = "own"
_MARKERS = "os^Dv<>P"


@dataclass(frozen=True)
class Config:
    """Every number of a comparison."""

    source: Source
    budget: Budget
    sparsities: tuple[float, ...] = (0.9,)
    methods: tuple[str, ...] = METHODS
    seeds: int = 5
    confidence: float = 0.95
    """Of all intervals of one sparsity together."""

    def __post_init__(self) -> None:
        require(self.sparsities, "sparsities must name at least one")
        for sparsity in self.sparsities:
            require(0 < sparsity < 1, f"a sparsity must be between 0 and 1, got {sparsity:g}")
        for method in self.methods:
            lookup("method", method, dict.fromkeys(METHODS))
        for name in ("sparsities", "methods"):
            given = getattr(self, name)
            require(len(set(given)) == len(given), f"{name} must name each but once, got {given}")
        require(CONTROL in self.methods, f"methods must hold {CONTROL!r}, which the others are held against")
        require(self.seeds >= 1, f"seeds must be at least 1, got {self.seeds}")

    @property
    def others(self) -> tuple[str, ...]:
        """The methods that are held against the control."""
        return tuple(method for method in self.methods if method != CONTROL)


@dataclass(frozen=True)
class Question:
    """Whether a method ends above the control at a sparsity."""

    id: str
    criterion: str
    paper_value: None = None


def comparison(config: Config) -> Study[Config]:
    """The study of a comparison; run it with `netopsy.lab.run` and the preset `PRESET`."""
    return Study(
        paper="prune",
        presets={PRESET: config},
        plan=plan,
        measures=(pruned,),
        judge=judge,
        draw=draw,
        claims=tuple(_questions(config)),
    )


def plan(config: Config) -> Iterable[Cell]:
    """A cell for every seed of the dense network, and of every method at every sparsity."""
    for seed in range(config.seeds):
        yield Cell.of(pruned, source=config.source, budget=config.budget, method=DENSE, sparsity=0.0, seed=seed)
        for sparsity in config.sparsities:
            for method in config.methods:
                yield Cell.of(
                    pruned, source=config.source, budget=config.budget, method=method, sparsity=sparsity, seed=seed
                )


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """A paired difference from the control for every method and sparsity, wide enough for all of one sparsity."""
    for sparsity in config.sparsities:
        points = accuracies(tables, sparsity)
        for method in config.others:
            beside = {method: points[method].mean(), CONTROL: points[CONTROL].mean()}
            yield (
                _id(method, sparsity),
                above(f"{method} less {CONTROL}, points", _lead(points, method, config), beside=beside),
            )


def _lead(points: pd.DataFrame, method: str, config: Config) -> Estimate:
    confidence = 1 - (1 - config.confidence) / max(1, len(config.others))
    return paired_difference(points[method], points[CONTROL], confidence=confidence)


def accuracies(tables: Tables, sparsity: float) -> pd.DataFrame:
    """Test accuracy in points: a row a seed, a column a method."""
    found: pd.DataFrame = tables.wide("pruned", index="seed", columns="method", values="accuracy", sparsity=sparsity)
    return 100 * found


def summary(rows: pd.DataFrame, config: Config) -> list[dict[str, Any]]:
    """A line a sparsity and method: what it reaches, what it keeps, and its lead over the control.

    Points of test accuracy; ``None`` for what so few seeds cannot say.
    """
    tables = Tables({str(name): value for name, value in row.items()} for row in rows.to_dict("records"))
    dense = mean_interval(accuracies(tables, 0.0)[DENSE])
    lines = [_line(DENSE, 0.0, dense, tables, None)]
    for sparsity in config.sparsities:
        points = accuracies(tables, sparsity)
        for method in config.methods:
            lead = None if method == CONTROL else _lead(points, method, config)
            lines.append(_line(method, sparsity, mean_interval(points[method]), tables, lead))
    return lines


def _line(method: str, sparsity: float, reached: Estimate, tables: Tables, lead: Estimate | None) -> dict[str, Any]:
    own = tables.rows("pruned", method=method, sparsity=sparsity)
    return {
        "sparsity": sparsity,
        "method": method,
        **_ends("accuracy", reached),
        "weights kept": float(own["density"].mean()),
        "parameters": round(own["parameters"].mean()),
        "steps": int(own["steps"].mean()),
        **_ends("lead", lead),
        "real": "" if lead is None else "yes" if lead.low > 0 or lead.high < 0 else "no",
    }


def _ends(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    values = (math.nan,) * 3 if estimate is None else (estimate.value, *estimate.interval)
    known = [value if math.isfinite(value) else None for value in values]
    return dict(zip((name, f"{name} low", f"{name} high"), known, strict=True))


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Accuracy of each method, against the share of weights kept where there are several."""
    dense = float(accuracies(tables, 0.0)[DENSE].mean())
    one = len(config.sparsities) == 1
    return {"accuracy": _side_by_side(tables, config, dense) if one else _against_weights(tables, config, dense)}


def _side_by_side(tables: Tables, config: Config, dense: float) -> Figure:
    drawn, axes = figure(6.0, 1.1 + 0.3 * len(config.methods))
    points = accuracies(tables, config.sparsities[0])
    samples = {method: points[method] for method in config.methods}
    intervals(axes, {name: mean_interval(values) for name, values in samples.items()}, samples=samples, mark=dense)
    axes.set_title(f"{100 * (1 - config.sparsities[0]):g} % of the weights; the line is dense")
    axes.set(xlabel="test accuracy (%)")
    return drawn


def _against_weights(tables: Tables, config: Config, dense: float) -> Figure:
    drawn, axes = figure(6.4, 3.8)
    order = sorted(config.sparsities)
    kept = [100 * (1 - sparsity) for sparsity in order]
    for number, method in enumerate(config.methods):
        samples = pd.concat([accuracies(tables, sparsity)[method] for sparsity in order], axis=1).to_numpy()
        color, marker = PALETTE[number % len(PALETTE)], _MARKERS[number % len(_MARKERS)]
        style = "-" if number < len(PALETTE) else "--"
        mean_with_band(axes, kept, samples, label=method, color=color, marker=marker, linestyle=style)
    axes.axhline(dense, color=INK, linestyle="--", linewidth=1)
    axes.annotate("dense", (0.01, dense), xycoords=("axes fraction", "data"), va="bottom", color=INK, fontsize=8)
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_xticks(kept, [f"{share:g}" for share in kept])
    axes.minorticks_off()
    low, high = axes.get_ylim()
    axes.set(xlabel="weights kept (%)", ylabel="test accuracy (%)", ylim=(max(low, -3), min(high, 103)))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return drawn


def _questions(config: Config) -> Iterator[Question]:
    for sparsity in config.sparsities:
        for method in config.others:
            yield Question(
                _id(method, sparsity),
                f"Over seeds, test accuracy of {method} less that of {CONTROL} pruning after as many training steps, "
                f"with {100 * sparsity:g} % of the weights removed: the interval, which is wide enough for all methods "
                "together, lies above 0.",
            )


def _id(method: str, sparsity: float) -> str:
    return f"{method}-{100 * sparsity:g}"
