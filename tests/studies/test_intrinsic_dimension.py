import numpy as np
import pytest
from tests.studies.made_up import verdicts

from netopsy.studies import load
from netopsy.studies.landscape.intrinsic_dimension.plan import (
    COORDINATES,
    DENSE,
    FASTFOOD,
    NARROW,
    PERMUTED,
    PLAIN,
    SHUFFLED,
    SPARSE,
    TRUE,
)

CONFIG = load("intrinsic-dimension").configuration("laptop")
SIZES = {"perceptron 16": 1210, "perceptron 64": 4810, "perceptron 256": 19210, "LeNet 32": 2618}


def reach(dimension, place, spread, random):
    """A made-up accuracy that is 0.9 at ``place``."""
    return 0.9 + 0.002 * (dimension - place) + random.normal(0, spread) * 0.002 * place


def table(larger=1.0, sparse=1.0, shuffled=6.0, fc=1.0, conv=2.0, bytes=800, controls=0.5, spread=0.01, at=110.0):
    """A made-up table: what raises d90, and by how much."""
    random, rows = np.random.default_rng(0), []

    def draw(row, place, dims, direct=True):
        for seed in range(6):
            if direct:
                rows.append({**row, "seed": seed, "dimension": 0, "value": 1.0, "validation": 1.0, "test": 1.0})
            for dimension in dims:
                value = reach(dimension, place, spread, random)
                given = {"value": value, "validation": value, "test": value, "bytes": bytes}
                rows.append({**row, "seed": seed, "dimension": dimension, **given})

    def curve(network, kind=FASTFOOD, pixels=PLAIN, rate=0.03, place=at, dims=CONFIG.dims):
        row = {"measure": "curves", "network": network, "projection": kind, "pixels": pixels, "rate": rate}
        draw({**row, "full": SIZES[network]}, place, dims, direct=kind == FASTFOOD)

    for network in ("perceptron 16", "perceptron 64", "perceptron 256"):
        curve(network, place=at * (larger if network == "perceptron 256" else 1))
    curve("perceptron 64", DENSE)
    curve("perceptron 64", SPARSE, place=at * sparse)
    curve("perceptron 64", pixels=PERMUTED, place=at * fc)
    for rate in CONFIG.rates:
        curve("perceptron 64", rate=rate)
    curve("LeNet 32", dims=CONFIG.lenet_dims)
    curve("LeNet 32", pixels=PERMUTED, place=at * conv, dims=CONFIG.lenet_dims)
    draw({"measure": "labels", "labels": TRUE}, at, CONFIG.label_dims)
    draw({"measure": "labels", "labels": SHUFFLED}, at * shuffled, CONFIG.shuffled_dims)
    for method in (NARROW, COORDINATES):
        for seed in range(6):
            for dimension in CONFIG.dims:
                value = controls + random.normal(0, spread)
                rows.append(
                    {"measure": "controls", "method": method, "seed": seed, "dimension": dimension, "test": value}
                )
    return rows


def verdict(number, **options):
    return verdicts("intrinsic-dimension", table(**options))[number]


def test_all_hold_where_the_table_says_so():
    found = verdicts("intrinsic-dimension", table())
    assert [each.verdict for each in found.values()] == ["holds"] * 5
    assert found[3].estimate == pytest.approx(np.log(6), abs=0.05)
    assert found[5].parts[0].estimate.value == pytest.approx(800 / (4 * 19210))


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"larger": 1.8}, "does not hold"),
        (1, {"larger": 1.4, "spread": 0.25}, "undecided"),
        (2, {"sparse": 1.3}, "does not hold"),
        (3, {"shuffled": 2.0}, "does not hold"),
        (3, {"shuffled": 40.0}, "undecided"),
        (3, {"shuffled": 1.5}, "undecided"),
        (4, {"conv": 1.1}, "does not hold"),
        (4, {"fc": 1.4}, "does not hold"),
        (5, {"bytes": 8000}, "does not hold"),
        (5, {"controls": 0.97}, "does not hold"),
        (5, {"at": 400.0}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer
