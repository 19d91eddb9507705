"""Tanh against ReLU, paired by means, first weights and samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netopsy.lab import Estimate, Part, Tables, above, below, bootstrap_mean, gain, mean_interval
from netopsy.studies.representations.representational_geometry.plan import (
    ACCURACY,
    CAPPED,
    GENERAL,
    HARD_TANH,
    INPUT,
    LINEAR,
    PARALLEL,
    RELU,
    TANH,
    TARGET,
    Config,
)

PAPER = "representational-geometry"
NETWORKS, KERNELS = "networks with means of their own", "kernels"


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Unstructured inputs, number of bits, separability, and saturation."""
    yield from _unstructured(tables, config)
    yield from _bits(tables, config)
    yield from _separable(tables, config)
    accuracies = {
        "unstructured inputs": tables.rows("unstructured", metric=ACCURACY, step=config.unstructured.steps),
        "set alignments": tables.rows("aligned", metric=ACCURACY, trained=True),
        "exclusive or": tables.rows("nudged", metric=ACCURACY, trained=True),
    }
    words = ", ".join(f"{name} {rows['value'].mean():.3f}" for name, rows in accuracies.items())
    yield f"{PAPER}-1", f"Accuracy on new samples, all networks: {words}."
    if config.images is not None:
        wide = tables.wide("images", columns="activation", metric=TARGET, trained=True)
        more = bootstrap_mean(wide[TANH], wide[RELU])
        yield (
            f"{PAPER}-1",
            f"Dichotomies of images, penultimate layer, tanh minus ReLU, alignment with the labels: {more}.",
        )


def _unstructured(tables: Tables, config: Config) -> Iterator[tuple[str, Part]]:
    def at(metric: str, step: int = config.unstructured.steps) -> Any:
        return tables.wide("unstructured", columns="activation", metric=metric, step=step)

    target, given = at(TARGET), at(INPUT)
    beside: dict[str, Any] = {}
    for metric in (PARALLEL, GENERAL):
        wide = at(metric)
        beside |= {f"{metric}, {name}": mean_interval(wide[name]) for name in (TANH, RELU)}
    for name, metric, wide, one, other, margin in (
        ("tanh minus ReLU, alignment with the labels", TARGET, target, TANH, RELU, 0.05),
        ("ReLU minus tanh, alignment with the inputs", INPUT, given, RELU, TANH, 0.10),
    ):
        before = at(metric, 0)
        own = {each: wide[each].mean() for each in (TANH, RELU)}
        own |= {f"{each}, before training": before[each].mean() for each in (TANH, RELU)}
        more = bootstrap_mean(wide[one], wide[other])
        yield f"{PAPER}-1", gain(name, more, margin, unit=NETWORKS, beside={**own, **beside})
        beside = {}
    means = target.mean().to_dict()
    hard = bootstrap_mean(target[HARD_TANH], target[RELU])
    claim = f"{PAPER}-4"
    yield claim, gain("hard tanh minus ReLU", hard, 0.03, unit=NETWORKS, beside={LINEAR: means[LINEAR], **means})
    yield claim, above("tanh minus hard tanh", bootstrap_mean(target[TANH], target[HARD_TANH]), -0.03, unit=NETWORKS)
    yield claim, above("capped ReLU minus ReLU", bootstrap_mean(target[CAPPED], target[RELU]), unit=NETWORKS)
    yield claim, above("tanh minus capped ReLU", bootstrap_mean(target[TANH], target[CAPPED]), unit=NETWORKS)


def _bits(tables: Tables, config: Config) -> Iterator[tuple[str, Part]]:
    one, many = config.bits[0], config.bits[-1]

    def gaps(bits: int, share: float, metric: str = TARGET, trained: bool = True) -> Any:
        wide = tables.wide(
            "aligned",
            columns="activation",
            metric=metric,
            bits=bits,
            share=share,
            trained=trained,
            rank=config.ranks[0],
            depth=config.depths[0],
        )
        return wide[TANH] - wide[RELU]

    lowest = config.shares[0]
    beside: dict[str, Any] = {
        f"the same at alignment {lowest:g}, {bits} bits": mean_interval(gaps(bits, lowest)) for bits in config.bits
    }
    for share in config.shares[1:]:
        few, more = gaps(one, share), gaps(many, share)
        beside |= {
            f"{one} bit, before training": gaps(one, share, trained=False).mean(),
            f"{one} bit, parallelism": gaps(one, share, PARALLEL).mean(),
        }
        place = f"at {share:g} of unstructured alignment"
        estimate: Estimate = bootstrap_mean(few)
        yield f"{PAPER}-2", gain(f"{one} bit, {place}", estimate, 0.05, unit=KERNELS, beside=beside)
        apart = bootstrap_mean(few, more)
        own = {f"{many} bits": mean_interval(more)}
        yield f"{PAPER}-2", gain(f"{one} less {many} bits, {place}", apart, 0.05, unit=KERNELS, beside=own)


def _separable(tables: Tables, config: Config) -> Iterator[tuple[str, Part]]:
    def at(delta: float, metric: str = TARGET) -> Any:
        return tables.wide("nudged", columns="activation", metric=metric, delta=delta, trained=True)

    shown: dict[str, Any] = {}
    for delta in config.deltas:
        for metric in (TARGET, INPUT):
            wide = at(delta, metric)
            shown |= {f"{metric}, {name}, delta {delta:g}": wide[name].mean() for name in (TANH, RELU)}
    far, none = at(0.5), at(0.0)
    more = bootstrap_mean(far[TANH], far[RELU])
    yield f"{PAPER}-3", gain("tanh minus ReLU, delta 0.5", more, 0.2, unit=NETWORKS, beside=shown)
    yield (
        f"{PAPER}-3",
        below("tanh minus ReLU, delta 0", bootstrap_mean(none[TANH], none[RELU]), unit=NETWORKS),
    )
