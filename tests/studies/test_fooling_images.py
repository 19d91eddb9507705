import numpy as np
import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.lab import Cell
from netopsy.studies.robustness.fooling_images import measure
from netopsy.studies.robustness.fooling_images.plan import (
    ASCENT,
    BEST,
    CPPN,
    ENCODINGS,
    EVOLVED,
    PARTNER,
    PRESETS,
    RANDOM,
    RAW,
    Source,
)
from netopsy.studies.robustness.fooling_images.subject import images_of, trained

USUAL = {
    ("digits", RAW, EVOLVED): 0.99999,
    ("digits", CPPN, EVOLVED): 0.99999,
    ("digits", RAW, RANDOM): 0.98,
    ("digits", CPPN, RANDOM): 0.97,
    ("patches", RAW, EVOLVED): 0.5,
    ("patches", CPPN, EVOLVED): 0.9,
    ("patches", RAW, RANDOM): 0.3,
    ("patches", CPPN, RANDOM): 0.4,
}


def table(sure=(), failing=0, distance=3.0, chain=(0.95, 0.98, 0.99), rates=(0.7, 0.4)):
    """Made-up rows of five networks, chains and pairs; ``failing`` classes of ten are never sure."""
    random, rows = np.random.default_rng(0), []
    for seed in range(5):
        for data in ("digits", "patches"):
            rows.append({"measure": "accuracy", "data": data, "seed": seed, "value": 0.98})
            common = {"measure": "class", "data": data, "seed": seed}
            for (of, name, way), value in (USUAL | dict(sure)).items():
                for number in range(10):
                    found = 0.5 if way == EVOLVED and number < failing else value - 1e-6 * random.random()
                    own = {"method": name, "way": way, "class": number, "value": found, "distance": distance}
                    rows += [{**common, **own}] if of == data else []
            rows.append({**common, "method": ASCENT, "way": ASCENT, "class": 0, "value": 0.9, "distance": 1.5})
        last, accuracy, taught = chain
        for number, value in enumerate((0.9999, last)):
            at = {"measure": "retraining", "seed": seed, "round": number, "least": 0.8, "taught images": 130 * number}
            jitter = 1e-3 * random.random()
            rows.append({**at, "value": value - jitter, "accuracy": accuracy - jitter, "taught": taught - jitter})
        for name in ENCODINGS:
            for way, value in ((EVOLVED, rates[0]), (RANDOM, rates[1]), (BEST, rates[1])):
                at = {"measure": "transfer", "seed": seed, "method": name, "way": way}
                rows.append({**at, "other": PARTNER, "value": value + 0.02 * random.random()})
                rows.append({**at, "other": seed, "value": 1.0})  # its own network, which decides nothing
    return rows


def test_all_hold_where_the_rows_say_so():
    found = verdicts("fooling-images", table())
    assert [each.verdict for each in found.values()] == ["holds"] * 4
    assert found[2].estimate == pytest.approx(0.4)
    assert found[4].part("same class").estimate.value == pytest.approx(0.71, abs=0.01)
    assert "Gradient ascent: median confidence 0.9000, distance to the nearest real image 1.50." in found[1].note


@pytest.mark.parametrize(
    ("number", "options", "answer", "weakest"),
    [
        (1, {"failing": 1}, "does not hold", "raw pixels: share of classes at 99%"),
        (1, {"sure": {("digits", CPPN, EVOLVED): 0.999}}, "does not hold", "CPPN: median confidence"),
        (
            1,
            {"sure": {("digits", RAW, RANDOM): 0.99999}},
            "undecided",
            "raw pixels: mean confidence, evolved less unevolved",
        ),
        (1, {"distance": 0.9}, "does not hold", "raw pixels: distance to the nearest real image"),
        (2, {"sure": {("patches", RAW, EVOLVED): 0.85}}, "does not hold", "median confidence, CPPN less raw pixels"),
        (3, {"chain": (0.6, 0.98, 0.99)}, "does not hold", "median confidence in round 1"),
        (3, {"chain": (0.95, 0.5, 0.99)}, "does not hold", "accuracy on real images"),
        (3, {"chain": (0.95, 0.98, 0.5)}, "does not hold", "taught images recognised"),
        (4, {"rates": (0.2, 0.1)}, "does not hold", "same class"),
        (4, {"rates": (0.5, 0.8)}, "does not hold", "same class, evolved less unevolved"),
    ],
)
def test_each_claim_can_fail(number, options, answer, weakest):
    found = verdicts("fooling-images", table(**options))[number]
    assert found.verdict == answer
    assert found.weakest.name == weakest


def test_evolved_and_random_images_cost_as_many_queries_and_are_told_apart():
    model, given = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3)), PRESETS["smoke"].on_plain
    found = measure._searched(model, (1, 8, 8), "cppn", given, 0)
    assert found[EVOLVED].queries == found[RANDOM].queries == given.batch * (given.generations + 1)
    assert not torch.equal(found[EVOLVED].images, found[RANDOM].images)


def test_a_pair_is_of_two_networks_and_a_network_agrees_with_itself():
    source, smoke = Source(steps=20), PRESETS["smoke"]
    cell = Cell.of(measure.transfer, source=source, seed=0, seeds=(0, 1), evolution=smoke.on_plain, draws=2)
    rows = list(measure.transfer(**cell.arguments(measure.transfer)))
    own = [row["value"] for row in rows if row["other"] == 0 and row["way"] == RANDOM]
    assert own == [1.0, 1.0]
    assert {row["other"] for row in rows} == {PARTNER, 0, 1}
    assert len(rows) == 3 * 2 * 3
    train, _ = images_of(source, 0)
    one, other = (trained(source, train, 10, seed) for seed in (0, 1))
    assert not torch.equal(one(train.inputs[:5]), other(train.inputs[:5]))


@pytest.mark.parametrize(("network", "shape"), [("lenet", (1, 28, 28)), ("resnet18", (3, 32, 32))])
def test_the_networks_of_the_papers_own_scale_are_made_for_its_images(network, shape):
    from netopsy.studies.robustness.fooling_images.subject import NETWORKS

    model = NETWORKS[network](channels=shape[0], size=shape[1], classes=11, seed=0).eval()
    assert model(torch.zeros(2, *shape)).shape == (2, 11)
