"""The answers: counts against predictions, edges against principal components, features, modules."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from netopsy.lab import Part, Tables, above, exact, gain, mean_interval, most, paired_difference
from netopsy.lab.statistics import Estimate, bootstrap_mean, proportion_interval
from netopsy.lab.tables import Table
from netopsy.studies.landscape.interaction_basis.plan import (
    BLOCKS,
    COMPONENTS,
    DENSE,
    INTERACTION,
    LOCAL,
    MODULAR,
    RANKS,
    SPARSE,
    TOLERANCES,
    TURNED,
    UNITS,
    Config,
)

PAPER = "interaction-basis"


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """A part for each question that a claim asks."""
    yield f"{PAPER}-1", _counted(tables)
    yield f"{PAPER}-2", _edges(tables)
    accuracy = mean_interval(tables["accuracy"]["value"])
    yield f"{PAPER}-2", f"Test accuracy of the networks: {accuracy:.3f}."
    found = tables["reparametrised"].pivot(index="network", columns="method", values="value")
    yield f"{PAPER}-3", exact("largest difference in the interaction basis", float(found[INTERACTION].max()), 1e-5)
    principal = mean_interval(found[COMPONENTS])
    yield f"{PAPER}-3", above("difference of principal components", principal, 0.1, unit="networks")
    yield from ((f"{PAPER}-4", part) for part in _modules(tables))
    yield f"{PAPER}-4", _trained(tables, config)


def _counted(tables: Tables) -> Part:
    table = tables["counted"]
    right = table["value"] == table["predicted"]
    share = proportion_interval(int(right.sum()), len(right))
    beside: dict[str, float | str] = {
        f"{kind}, share": float(right[table["method"] == kind].mean()) for kind in (RANKS, BLOCKS)
    }
    wrong = table[~right]
    silent = int((wrong["silent"] > 0).sum())
    beside["other draws, where a unit is silent whenever one behind it fires"] = f"{silent} of {len(wrong)}"
    beside["smallest singular value that counts, relative"] = float(table["gap"].min())
    return above("draws whose count is as predicted", share, 0.95, unit="draws", beside=beside)


def saved(tables: Tables, method: str, against: str, measure: str = "edges") -> Estimate:
    """1 less the geometric mean ratio of what is needed, over runs and sections."""
    logs = tables[measure].assign(value=lambda table: np.log(table["value"].clip(lower=1)))
    wide = logs.groupby(["seed", "method"])["value"].mean().unstack()
    found = bootstrap_mean(wide[method], wide[against])
    low, high = (1 - math.exp(end) for end in found.interval[::-1])
    return Estimate(1 - math.exp(found.value), low, high, found.n)


def _edges(tables: Tables) -> Part:
    others = {f"edges saved against {name}": saved(tables, INTERACTION, name) for name in (UNITS, TURNED)}
    others[f"edges saved by the {LOCAL}"] = saved(tables, LOCAL, COMPONENTS)
    others["features saved"] = saved(tables, INTERACTION, COMPONENTS, "nodes")
    means = tables["edges"].groupby(["method", "section"])["value"].mean()
    shown = {
        f"section {section}, {name}": float(means[name, section])
        for section in sorted(tables["edges"]["section"].unique())
        for name in (INTERACTION, COMPONENTS)
    }
    share = {"searches whose edges suffice": float(tables["edges"]["reached"].mean())}
    name = "share of edges saved against principal components"
    return gain(name, saved(tables, INTERACTION, COMPONENTS), 0.10, beside={**others, **shown, **share})


def _compared(tables: Tables, measure: str) -> Table:
    """The rows of the runs whose networks all reached the loss: others are not at one loss."""
    reached = tables["training"].groupby("seed")["reached"].all()
    table = tables[measure]
    return table[table["seed"].isin(reached[reached].index)]


def _modules(tables: Tables) -> Iterator[Part]:
    effective = _compared(tables, "effective")
    for other in (DENSE, SPARSE):
        parts = []
        for eps in TOLERANCES:
            wide = effective[effective["eps"] == eps].pivot(index="seed", columns="method", values="value")
            parts.append(above(f"at {eps:g}", paired_difference(wide[other], wide[MODULAR])))
        means = effective.groupby("method")["value"].mean().to_dict()
        shown = {f"mean share, {name}": value for name, value in means.items()}
        yield most(f"effective parameters a weight, {other} less {MODULAR}", parts, 3, beside=shown)
    wide = _compared(tables, "coefficient").pivot(index="seed", columns="method", values="value")
    beside = {
        f"{SPARSE} less {MODULAR}": paired_difference(wide[SPARSE], wide[MODULAR]),
        **{f"mean, {name}": float(wide[name].mean()) for name in wide},
        "drift of the chains' loss": float(tables["coefficient"]["drift"].abs().max()),
    }
    difference = paired_difference(wide[DENSE], wide[MODULAR])
    yield above(f"learning coefficient a weight, {DENSE} less {MODULAR}", difference, beside=beside)


def _trained(tables: Tables, config: Config) -> str:
    table = tables["training"]
    reached = table[table["reached"]]
    means = table.groupby("method")["step"].mean().to_dict()
    steps = ", ".join(f"{name} {means[name]:.0f}" for name in (MODULAR, DENSE, SPARSE))
    return (
        f"Compared in the runs whose networks all reach the loss of {config.pairs.target:g}; {len(reached)} of "
        f"{len(table)} networks do; steps: {steps}."
    )
