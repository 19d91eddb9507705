import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR, OneCycleLR

from netopsy.training import Recipe


def torch_rates(make, steps, lr):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("recipe", "make"),
    [
        (Recipe(steps=50, lr=0.3, schedule="cosine"), lambda o: CosineAnnealingLR(o, 50)),
        (
            Recipe(steps=50, lr=0.3, schedule="onecycle"),
            lambda o: OneCycleLR(o, 0.3, total_steps=50, cycle_momentum=False),
        ),
        (Recipe(steps=50, lr=0.3, schedule="step", milestones=(20, 35)), lambda o: MultiStepLR(o, [20, 35], 0.1)),
    ],
    ids=lambda value: getattr(value, "schedule", ""),
)
def test_schedules_agree_with_torch(recipe, make):
    ours = [recipe.lr_at(step) for step in range(50)]
    assert ours == pytest.approx(torch_rates(make, 50, 0.3), rel=1e-6, abs=1e-9)


def test_warmup_rises_linearly_to_the_schedule():
    recipe = Recipe(steps=20, lr=1.0, warmup=4)
    assert [recipe.lr_at(step) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
