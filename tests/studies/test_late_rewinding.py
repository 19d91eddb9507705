"""The judge of late rewinding on made-up tables, and the settings of its presets."""

import dataclasses
from functools import partial

import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import verdicts

from netopsy.data import digits_split
from netopsy.lab.statistics import rank_correlation
from netopsy.models import resnet
from netopsy.studies import load
from netopsy.studies.sparsity import late_rewinding
from netopsy.studies.sparsity.late_rewinding import SETTINGS, correlation

STEPS = (0, 6, 24, 84)
GOOD = {
    "ticket": {"order": (4.0, 2.5, 1.0, 0.3), "dense": (6.0, 4.0, 2.0, 0.5), "accuracy": (0.90, 0.94, 0.96, 0.90)},
    "random": {"order": (11.0, 10.0, 9.0, 1.7), "dense": (12.0, 11.0, 10.0, 2.0), "accuracy": (0.7, 0.71, 0.72, 0.6)},
}


def table(good=GOOD, seeds=6):
    """With a little scatter over seeds, another for each variant and step."""
    random = np.random.default_rng(0)
    rows = []
    for seed in range(seeds):
        for variant, own in good.items():
            for place, step in enumerate(STEPS):
                order, dense, accuracy = (own[name][place] for name in ("order", "dense", "accuracy"))
                factor = 1 + 0.02 * random.standard_normal()
                at = {"setting": "resnet14-digits", "seed": seed, "step": step, "measure": "networks"}
                numbers = {"to_data_order": order * factor, "to_pruning": dense * factor, "accuracy": accuracy}
                numbers["accuracy"] += 0.001 * random.standard_normal()
                rows.append({**at, "variant": variant, "round": 3, **numbers})
                if variant == "ticket":
                    rows.append({**at, "variant": variant, "round": 0, "accuracy": 0.97, "to_pruning": 0.0})
    return pd.DataFrame(rows)


def answers(**changes):
    """What is said when the numbers of the tickets are others."""
    changed = {**GOOD, "ticket": {**GOOD["ticket"], **changes}}
    return {number: each.verdict for number, each in verdicts("late-rewinding", table(changed)).items()}


def test_verdicts_follow_the_criteria():
    assert answers() == {1: "holds", 2: "holds", 3: "holds", 4: "holds"}


def test_a_distance_that_only_shrinks_as_that_of_random_masks_is_no_stability():
    shrinks = tuple(each / 2.5 for each in GOOD["random"]["order"])
    assert answers(order=shrinks)[1] == "undecided"
    assert answers(order=(4.0, 4.0, 6.0, 1.0))[1] == "does not hold"
    assert answers(dense=(2.0, 3.0, 4.0, 0.5))[1] == "does not hold"


def test_accuracy_must_rise_by_half_a_point_and_fall_by_two():
    found = answers(accuracy=(0.955, 0.95, 0.956, 0.95))
    assert (found[2], found[3]) == ("does not hold", "does not hold")
    assert answers(accuracy=(0.95, 0.955, 0.96, 0.930))[2] == "holds"


def test_a_correlation_the_other_way_does_not_hold():
    order = tuple(reversed(GOOD["random"]["order"]))
    changed = {
        "ticket": {**GOOD["ticket"], "order": (12.0, 13.0, 14.0, 1.0)},
        "random": {**GOOD["random"], "order": order},
    }
    assert verdicts("late-rewinding", table(changed))[4].verdict == "does not hold"


def test_what_is_shown_beside_decides_nothing_and_says_what_random_masks_do():
    parts = verdicts("late-rewinding", table())[1].parts
    shown = parts[1].beside["change of the log ratio, shuffled mask to ticket"]
    assert shown.value == pytest.approx(np.log(10 / 2) - np.log(12 / 6), abs=0.05)
    assert verdicts("late-rewinding", table())[2].parts[0].beside["dense"] == pytest.approx(97, abs=0.2)


def test_the_interval_of_a_correlation_is_over_runs():
    random = np.random.default_rng(1)
    rises = np.arange(6.0) + 0.1 * random.standard_normal((5, 6))
    found = correlation(pd.DataFrame(rises), pd.DataFrame(rises**3))
    assert (found.value, found.low, found.high, found.n) == (pytest.approx(1), pytest.approx(1), pytest.approx(1), 5)
    noise = random.standard_normal((5, 6))
    found = correlation(pd.DataFrame(rises), pd.DataFrame(noise))
    drawn = [random.integers(5, size=5) for _ in range(300)]
    again = [rank_correlation(rises[rows].ravel(), noise[rows].ravel()) for rows in drawn]
    assert (found.low, found.high) == pytest.approx(np.quantile(again, (0.025, 0.975)), abs=0.1)
    assert np.isnan(correlation(pd.DataFrame(rises[:2]), pd.DataFrame(rises[:2])).low)


def test_large_networks_go_one_by_one_and_their_images_are_moved(monkeypatch, unchecked):
    seen = []

    def augment(images, random):
        seen.append(len(images))
        return images

    own = SETTINGS["resnet20-high"]
    recipe = dataclasses.replace(own.recipe, steps=4, batch_size=10, milestones=(2,))
    tiny = {"network": partial(resnet, 8, width=2, channels=1), "recipe": recipe, "steps": (0, 2)}
    monkeypatch.setitem(SETTINGS, "tiny", dataclasses.replace(own, augment=augment, **tiny))
    monkeypatch.setattr(late_rewinding, "load", lambda name: [part[:40] for part in digits_split()])
    rows = list(late_rewinding.networks("tiny", (7,), rounds=1, rate=0.5, compared=(1,), reinit=True))
    assert {(row["seed"], row["step"], row["round"], row["variant"]) for row in rows} == {
        (7, step, number, variant)
        for step, number, variant in (
            *((step, 0, "ticket") for step in (0, 2)),
            *((step, 1, name) for step in (0, 2) for name in ("ticket", "random")),
            *((0, number, "reinit") for number in (0, 1)),
        )
    }
    # dense, then from step 0 the new weights and six sparse networks, from step 2 a dense and four sparse ones
    assert seen == [10] * (4 + 7 * 4 + 5 * 2)


def test_every_preset_rewinds_within_the_training_and_compares_the_round_it_judges():
    study = load("late-rewinding")
    for preset in ("smoke", "laptop", "paper"):
        config = study.configuration(preset)
        assert config.judged in config.compared
        assert max(config.compared) <= config.rounds
        for name in config.settings:
            own = SETTINGS[name]
            assert {0, own.early, own.late} <= set(own.steps)
            assert own.late == own.recipe.steps // 2
            assert own.early < own.recipe.steps / 4
    assert len(study.cells(study.configuration("paper"))) == 9 * 5
