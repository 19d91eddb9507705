import math

import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.core.masks import prunable_parameters
from netopsy.data import digits
from netopsy.models import resnet
from netopsy.studies import load
from netopsy.studies.sparsity.random_pruning import measure
from netopsy.studies.sparsity.random_pruning.plan import (
    ACCURACY,
    ATTACKED,
    AUROC_FOREIGN,
    AUROC_UNSEEN,
    CALIBRATION,
    DENSE,
    ERK,
    RATIOS,
    SHUFFLED,
    SNIP,
    UNIFORM,
    Config,
    Training,
)
from netopsy.training import stack

CONFIG = Config(depths=())
GAPS = {2: 40.0, 4: 6.0, 8: 1.0, 16: 0.5}


def rows(gaps=GAPS, leads=(20.0, 1.0), shuffled=0.0, better=0.05, seeds=6):
    """Made-up accuracies with a little scatter over seeds."""
    for seed in range(seeds):
        scatter = 0.05 * (seed - 2.5)
        for width, gap in gaps.items():
            sparse = 97 - gap
            values = {(DENSE, 1.0): 97.0, **{(ERK, share): sparse + scatter for share in CONFIG.densities}}
            if width in CONFIG.compared:
                lead = leads[width == 16]
                values |= {(name, 0.1): sparse for name in RATIOS if name != ERK}
                values |= {
                    (UNIFORM, 0.1): sparse - lead,
                    (SNIP, 0.1): sparse + scatter,
                    (SHUFFLED, 0.1): sparse - shuffled,
                }
            for (method, share), value in values.items():
                at = {"seed": seed, "depth": 8, "width": width, "method": method, "share": share}
                yield {"measure": "networks", **at, "value": value}
        for width, share in ((16, 0.3), (16, 1.0), (9, 1.0)):
            for metric in (ACCURACY, AUROC_FOREIGN, AUROC_UNSEEN, CALIBRATION, ATTACKED):
                sign = -1 if metric == CALIBRATION else 1
                value = 0.8 + (sign * better * (1 + 0.1 * scatter) if share == 0.3 else 0)
                yield {
                    "measure": "beyond",
                    "seed": seed,
                    "width": width,
                    "share": share,
                    "metric": metric,
                    "value": value,
                }


def answers(**changed):
    return {number: each.verdict for number, each in verdicts("random-pruning", list(rows(**changed)), CONFIG).items()}


def test_verdicts_follow_the_criteria():
    assert set(answers().values()) == {"holds"}


@pytest.mark.parametrize(
    ("changed", "claim"),
    [
        ({"gaps": dict.fromkeys(GAPS, 1.0) | {16: 1.2}}, 1),  # the gap grows
        ({"gaps": {**GAPS, 16: 1.8}}, 1),  # it falls, and is too large still
        ({"leads": (1.5, 0.2)}, 2),  # a lead that is too small
        ({"leads": (5.0, 6.0)}, 2),  # as large in the large network
        ({"shuffled": 3.0}, 3),
        ({"shuffled": -3.0}, 3),
        ({"better": -0.05}, 4),
    ],
)
def test_each_claim_can_fail_by_itself(changed, claim):
    found = answers(**changed)
    assert found.pop(claim) == "does not hold"
    assert set(found.values()) == {"holds"}


def test_every_metric_is_a_part_and_less_calibration_error_is_a_gain():
    parts = verdicts("random-pruning", list(rows()), CONFIG)[4].parts
    assert len(parts) == 4
    assert all(part.estimate.value == pytest.approx(0.05, rel=0.1) for part in parts)


def test_the_controls_have_equal_numbers_of_weights():
    own = CONFIG.beyond
    sizes = {
        width: sum(w.numel() for w in prunable_parameters(resnet(8, channels=1, width=width, shortcut="conv")).values())
        for width in (own.matched, own.width)
    }
    assert sizes[own.matched] / sizes[own.width] == pytest.approx(own.density, abs=0.03)
    train = digits()[:300]
    model = measure._network(train, 8, 4, 0)
    masks = {method: measure.masks_of(model, method, 0.1, train, 100, 0) for method in (*RATIOS, SNIP, SHUFFLED)}
    total = sum(mask.numel() for mask in masks[SNIP].values())
    for own_masks in masks.values():
        assert sum(int(mask.sum()) for mask in own_masks.values()) == pytest.approx(0.1 * total, abs=len(own_masks) / 2)
    for name, mask in masks[SNIP].items():
        assert int(mask.sum()) == int(masks[SHUFFLED][name].sum())
    assert any(not torch.equal(mask, masks[SHUFFLED][name]) for name, mask in masks[SNIP].items())


def test_networks_of_one_shape_train_as_one_stack(monkeypatch):
    monkeypatch.setattr(stack, "traced", lambda function, *_: function)  # a recording takes longer than two steps
    training = Training(epochs=1, batch_size=500)
    found = list(measure.networks(training, 8, 2, (0, 1), (0.3,), None))
    assert [(row["seed"], row["method"]) for row in found] == [(0, DENSE), (0, ERK), (1, DENSE), (1, ERK)]
    alone = list(measure.networks(Training(epochs=1, batch_size=500, stacked=False), 8, 2, (1,), (0.3,), None))
    assert [row["value"] for row in alone] == pytest.approx([row["value"] for row in found[2:]], abs=0.5)
    assert [row["gradient norm"] for row in alone] == [row["gradient norm"] for row in found[2:]]
    assert all(math.isfinite(row["gradient norm"]) for row in found)
    assert found[1]["kept"] == pytest.approx(0.3, abs=0.01)


def test_the_paper_preset_can_be_planned():
    study = load("random-pruning")
    cells = study.cells(study.configuration("paper"))
    assert {cell.parameters["depth"] for cell in cells} == {20, 32, 44, 56, 110}
