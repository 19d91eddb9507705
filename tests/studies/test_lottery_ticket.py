import dataclasses
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from netopsy.core.masks import density
from netopsy.data import Dataset
from netopsy.models import conv_net, mlp, resnet
from netopsy.sparsity.lottery_ticket import iterative_magnitude_pruning
from netopsy.studies import load
from netopsy.studies.sparsity import lottery_ticket
from netopsy.studies.sparsity.lottery_ticket import SETTINGS, Config, judge, measure, one_shot_masks, plan
from netopsy.training import Recipe, trainer


def table(ticket, reinit, one_shot, dense=0.98, steps=(400, 600), setting="mlp-digits", seeds=6):
    """A made-up table of results with a little scatter over seeds."""
    config = Config(settings=(setting,))
    rows = []
    for seed in range(seeds):
        scatter = 1e-4 * (seed - 2.5)
        values = [("ticket", 0, dense), ("ticket", config.matched, dense), ("ticket", config.sparse, ticket)]
        values += [("reinit", r, reinit) for r in config.compared] + [("one-shot", config.sparse, one_shot)]
        rows += [
            {
                "setting": setting,
                "seed": seed,
                "condition": condition,
                "round": r,
                "accuracy": value + scatter * (1 if condition == "ticket" else -1),
                "early_stop_step": steps[condition == "reinit"] + 5 * seed,
            }
            for condition, r, value in values
        ]
    return pd.DataFrame(rows)


def answers(*arguments, **options):
    return {v.claim: v.verdict for v in judge(table(*arguments, **options), Config())}


def test_verdicts_follow_the_criteria():
    good = answers(0.98, 0.97, 0.975)
    assert good["lottery-ticket-1"] == "holds"
    assert good["lottery-ticket-2"] == "holds"
    assert good["lottery-ticket-3"] == "holds"
    assert good["lottery-ticket-4"] == "undecided"


def test_verdicts_go_the_other_way_on_the_opposite_numbers():
    bad = answers(0.97, 0.98, 0.98, steps=(600, 600))
    assert set(bad.values()) == {"does not hold", "undecided"}
    assert bad["lottery-ticket-2"] == "does not hold"
    assert answers(0.981, 0.98, 0.9, steps=(400, 600))["lottery-ticket-1"] == "does not hold"  # +0.1 point is not +0.2


def test_warmup_needs_failure_at_the_high_rate_and_success_at_a_lower_one():
    names = ("resnet20-high", "resnet20-low", "resnet20-warmup")

    def verdict(*gains):
        parts = []
        for name, gain in zip(names, gains, strict=True):
            part = table(0.9, 0.9, 0.9, dense=0.9, setting=name)
            ticket = (part["condition"] == "ticket") & (part["round"] == Config().matched)
            part.loc[ticket, "accuracy"] += gain
            parts.append(part)
        return judge(pd.concat(parts), Config(settings=names))[-1].verdict

    assert verdict(0.0, 0.02, 0.0) == "holds"
    assert verdict(0.02, 0.02, 0.02) == "does not hold"
    assert verdict(0.0, 0.0, 0.0) == "does not hold"


def test_one_shot_masks_have_the_numbers_of_the_round():
    data = SETTINGS["mlp-digits"].data
    train = lottery_ticket.load(data)[0]
    found = iterative_magnitude_pruning(mlp([64, 30, 10]), trainer(train, Recipe(steps=20)), rounds=4)
    masks = one_shot_masks(found, 4, "layer")
    assert {n: int(m.sum()) for n, m in masks.items()} == {n: int(m.sum()) for n, m in found.masks[4].items()}
    assert any(not torch.equal(masks[name], found.masks[4][name]) for name in masks)
    assert density(one_shot_masks(found, 4, "global")) == pytest.approx(density(found.masks[4]), abs=1e-3)


def test_smoke_preset_measures_judges_and_draws():
    study = load("lottery-ticket")
    config = study.presets["smoke"]
    rows = pd.DataFrame(row for cell in study.cells(config) for row in measure(cell))
    assert set(rows["condition"]) == {"ticket", "reinit", "random ticket", "one-shot"}
    assert len(rows) == 3 * (4 + 2 + 2 + 2)
    assert np.isfinite(rows.select_dtypes("number")).all(axis=None)
    by_round = rows.groupby(["seed", "round"])["density"].nunique()
    assert (by_round == 1).all()
    assert len(study.judge(rows, config)) == 4
    assert set(study.draw(rows, config)) == {"accuracy", "early-stop"}


def test_measuring_is_a_pure_function_of_the_cell():
    (cell,) = plan(Config(seeds=1, stack=1, rounds=1, compared=(1,), matched=1, sparse=1, steps=10))
    assert measure(cell) == measure(cell)


SMALLER = {
    "conv2-cifar10": partial(conv_net, 2, widths=(4,), hidden=(16, 16)),
    "resnet20-warmup": partial(resnet, 8, width=4),
}


@pytest.mark.parametrize("name", ["conv2-cifar10", "resnet20-warmup", "lenet-mnist"])
def test_settings_of_the_paper_preset_run_on_a_handful_of_images(name, monkeypatch):
    """The real code of the large settings, on small made-up data of the same shape."""
    channels, size = (1, 28) if name == "lenet-mnist" else (3, 32)
    random = torch.Generator().manual_seed(0)
    images = torch.rand(24, channels, size, size, generator=random)
    made_up = Dataset(images, torch.arange(24) % 10, classes=tuple("0123456789"))
    monkeypatch.setattr(lottery_ticket, "load", lambda data: (made_up, made_up, made_up))
    if name in SMALLER:
        monkeypatch.setitem(SETTINGS, name, dataclasses.replace(SETTINGS[name], network=SMALLER[name]))
    config = Config(settings=(name,), seeds=1, stack=1, rounds=1, compared=(1,), matched=1, sparse=1, steps=2)
    rows = pd.DataFrame(measure(next(iter(plan(config)))))
    assert len(rows) == 5
    assert rows[rows["round"] == 1]["density"].mean() == pytest.approx(0.8, abs=0.01)


def test_every_setting_of_the_paper_preset_exists():
    config = load("lottery-ticket").presets["paper"]
    assert set(config.settings) <= set(SETTINGS)
    assert config.seeds == 5
