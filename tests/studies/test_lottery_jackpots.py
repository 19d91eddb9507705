import math

import pandas as pd
import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.lab import Tables
from netopsy.models import mlp
from netopsy.sparsity.lottery_jackpots import find_jackpot
from netopsy.studies import load
from netopsy.studies.sparsity.lottery_jackpots import (
    CHANCE,
    CRITERIA,
    DENSE,
    FREE,
    FRESH,
    JACKPOT,
    ONE_SHOT,
    RANDOM,
    RANDOM_FREE,
    RECALIBRATED,
    SEARCHES,
    SETTINGS,
    Config,
    Setting,
    criterion_masks,
    steps_saved,
)

CONFIG = Config()


def table(jackpot=98.0, fresh=92.0, late=2.0, magnitude=0.4, steady=0.5, seeds=8):
    """Made-up rows with a little scatter over the seeds."""
    rows = []
    for seed in range(seeds):
        row, scatter = {**CONFIG.judged, "seed": seed}, 0.01 * (seed - 3.5)
        accuracies = {DENSE: 98.0, ONE_SHOT: 15.0, RECALIBRATED: 70.0, JACKPOT: jackpot + scatter, FRESH: fresh}
        for method in (*accuracies, FREE):
            rows.append({**row, "what": "accuracy", "method": method, "value": accuracies.get(method, 97.0)})
        for method in SEARCHES:
            for step in range(0, 121, 5):
                behind = late if method in (RANDOM, RANDOM_FREE) else 1.0
                loss = 1 - (step / (behind * (1 + scatter)) - 0.1 * (behind != 1))
                rows.append({**row, "what": "course", "method": method, "step": step, "loss": loss})
            spread = {JACKPOT: steady + scatter}.get(method, 1.0)
            rows.append({**row, "what": "spread", "method": method, "value": spread})
            rows.append({**row, "what": "swaps", "method": method, "value": 100.0})
            for criterion in (*CRITERIA, CHANCE):
                value = magnitude + scatter if criterion == "magnitude" else 0.3
                rows.append({**row, "what": "overlap", "method": method, "criterion": criterion, "value": value})
    return pd.DataFrame(rows).assign(measure="networks")


def answers(**options):
    return {number: each.verdict for number, each in verdicts("lottery-jackpots", table(**options), CONFIG).items()}


def test_verdicts_follow_the_criteria():
    assert set(answers().values()) == {"holds"}


@pytest.mark.parametrize(
    ("options", "claim"),
    [({"jackpot": 96.0}, 1), ({"fresh": 97.0}, 1), ({"late": 0.8}, 2), ({"magnitude": 0.2}, 3), ({"steady": 1.5}, 4)],
)
def test_each_goes_the_other_way_on_the_opposite_numbers(options, claim):
    found = answers(**options)
    assert [number for number, verdict in found.items() if verdict != "holds"] == [claim]
    assert found[claim] == "does not hold"


def test_steps_are_counted_to_the_loss_that_the_other_ends_with():
    rows = []
    for method, losses in ((JACKPOT, [9, 3, 3, 3, 0]), (RANDOM, [9, 9, 6, 6, 3]), (FREE, [9] * 5)):
        row = {**CONFIG.judged, "what": "course", "measure": "networks", "method": method}
        rows += [{**row, "seed": s, "step": 5 * n, "loss": loss} for s in range(3) for n, loss in enumerate(losses)]
    tables = Tables(rows)
    # Smoothed: 9, 6, 5, 3, 2 against 9, 9, 8, 7, 5.
    assert steps_saved(tables, CONFIG, JACKPOT, RANDOM).value == pytest.approx(math.log(20 / 10))
    assert steps_saved(tables, CONFIG, FREE, RANDOM).value == 0  # it never gets there


def test_masks_of_the_criteria_have_the_numbers_that_were_found_and_differ():
    own = SETTINGS["convolutions-digits"]
    data = own.parts()[0]
    model = mlp([64, 24, 10])
    found = find_jackpot(model, data, epochs=1, batch_size=100)
    masks = criterion_masks(model, data, found, 0, 100)
    assert list(masks) == list(CRITERIA)
    count = int(found.masks["fc1.weight"].sum())
    assert all(int(mask["fc1.weight"].sum()) == count for mask in masks.values())
    assert len({tuple(mask["fc1.weight"].flatten().tolist()) for mask in masks.values()}) == len(CRITERIA)


def test_networks_that_go_one_by_one_are_those_of_the_stack():
    def network(seed):
        return mlp([64, 12, 10], seed=seed)

    found = []
    for stacked in (True, False):
        own = Setting(network, stacked=stacked)
        data = own.parts()[0][:200]
        models = own.trained(data, (0, 1), 2)
        options = {"sparsity": 0.9, "epochs": 1}
        found.append((models, own.searches(models, data, (0, 1), (JACKPOT, RANDOM_FREE), **options)))
    for together, alone in zip(*(models for models, _ in found), strict=True):
        torch.testing.assert_close(dict(together.state_dict()), dict(alone.state_dict()))
    for together, alone in zip(*(jackpots for _, jackpots in found), strict=True):
        assert together.layer_rates == alone.layer_rates
        torch.testing.assert_close(together.history.train_loss, alone.history.train_loss, rtol=1e-2, atol=1e-2)


def test_the_paper_preset_is_planned():
    study = load("lottery-jackpots")
    config = study.presets["paper"]
    assert set(config.settings) <= set(SETTINGS)
    assert len(study.cells(config)) == 2 * 2 * 2 * config.seeds
