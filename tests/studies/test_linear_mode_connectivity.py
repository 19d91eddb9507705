import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.landscape.linear_mode_connectivity import distance
from netopsy.studies import load
from netopsy.studies.landscape.linear_mode_connectivity.measure import trained_pair
from netopsy.studies.landscape.linear_mode_connectivity.plan import (
    BY_ACTIVATIONS,
    LAYER,
    MATCHED,
    NAIVE,
    PRESETS,
    RANDOM,
    RANDOM_PART,
    REPAIRED,
    Training,
    network,
    sets,
)

PARTED, GROWN = {0: 1.2, 2: 0.9, 10: 0.5, 16: 0.2}, {1: 0.1, 2: 0.3, 4: 0.6, 8: 1.1, 16: 2.0}


def rows(
    parted=None, longer=1.5, grown=None, guess=1.0, squared=0, layer=0.1, by_layer=1, matched=0.05, random=1.0, wide=0.5
):
    """A made-up table of results with a little scatter over seeds."""
    for seed in range(10):
        off = 1e-3 * (seed - 4.5)
        for epoch, value in (parted or PARTED).items():
            for length in (20, 30) if epoch == 0 else (20,):
                height = (longer if length == 30 else value) + off
                both = {"midpoint": height, "taylor": guess * height, "hermite": height, "squared": squared}
                yield {"measure": "forked", "seed": seed, "epoch": epoch, "length": length, "barrier": height, **both}
        for since in (1, 20):
            yield {"measure": "way", "seed": seed, "epoch": 0, "since": since, "cosine": 1 / since}
        for width in (32, 128):
            for epoch, value in (grown or GROWN).items():
                height = value + off
                both = {"midpoint": height, "taylor": guess * height, "hermite": height, "squared": squared}
                yield {
                    "measure": "independent",
                    "seed": seed,
                    "width": width,
                    "epoch": epoch,
                    "barrier": height,
                    **both,
                }
        yield {"measure": "whole", "seed": seed, "value": 2.0 + off}
        for number in range(5):
            value = layer * (1 + number / 5) + off
            at = {"measure": "layers", "seed": seed, "layer": f"fc{number}"}
            yield {**at, "method": LAYER, "value": value, "taylor": by_layer * value, "squared": 1.0}
            yield {**at, "method": RANDOM_PART, "value": 0.3}
        for number, width in enumerate((32, 128, 512)):
            values = {NAIVE: 1.0, RANDOM: random, MATCHED: matched * wide**number, BY_ACTIVATIONS: 0.1}
            for method, value in values.items():
                yield {"measure": "aligned", "seed": seed, "width": width, "method": method, "value": value + off}
            for method in (MATCHED, REPAIRED):
                yield {"measure": "midpoint", "seed": seed, "width": width, "method": method, "value": 0.0}


def answers(**options):
    return {
        number: each.verdict for number, each in verdicts("linear-mode-connectivity", list(rows(**options))).items()
    }


def test_verdicts_follow_the_criteria():
    assert answers() == dict.fromkeys((1, 2, 3, 4, 5), "holds")


@pytest.mark.parametrize(
    ("options", "claim", "answer"),
    [
        ({"parted": {0: 1.2, 2: 0.9, 10: 1.15, 16: 0.2}}, 1, "does not hold"),
        ({"longer": 0.5}, 1, "does not hold"),
        ({"parted": {0: 0.8, 2: 0.1, 10: 0.2, 16: 1.4}}, 1, "does not hold"),
        ({"grown": {1: 0.1, 2: 0.9, 4: 0.6, 8: 0.4, 16: 2.0}}, 2, "does not hold"),
        ({"guess": -1.0}, 3, "does not hold"),
        ({"layer": 0.6}, 4, "does not hold"),
        ({"by_layer": -1}, 4, "does not hold"),
        ({"matched": 0.3}, 5, "does not hold"),
        ({"random": 0.01}, 5, "does not hold"),
        ({"wide": 1.5}, 5, "does not hold"),
    ],
)
def test_a_claim_falls_with_each_of_its_parts(options, claim, answer):
    found = answers(**options)
    assert found.pop(claim) == answer
    assert set(found.values()) == {"holds"}


def test_the_squared_distance_alone_is_a_predictor_to_beat():
    found = [{**row, "squared": row.get("midpoint", row.get("squared"))} for row in rows()]
    assert verdicts("linear-mode-connectivity", found)[3].verdict == "does not hold"


def test_a_pair_shares_neither_weights_nor_batches():
    training = Training(epochs=1, images=(128, 64))
    train, test = sets(training, 0)
    assert (len(train), len(test)) == (128, 64)
    fresh = [network(training, train, 6, 1, seed).state_dict() for seed in (0, 1)]
    assert distance(*fresh) > 1
    _, (one, other) = trained_pair(training, train, 6, 1, 0, (1,))
    assert list(one) == list(other) == [1]
    assert not torch.equal(one[1]["fc1.weight"], other[1]["fc1.weight"])


def test_the_presets_plan_pairs_of_every_kind():
    study = load("linear-mode-connectivity")
    for preset, config in PRESETS.items():
        cells = study.cells(study.configuration(preset))
        kinds = {cell.measure for cell in cells}
        assert kinds == {"forked", "independent", "aligned"}
        assert len(cells) == config.seeds * (1 + len(config.apart.widths) + len(config.aligned.widths))
