import pytest
import torch

from netopsy.training import Recipe
from netopsy.training.steppers import stepper


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize(("name", "momentum"), [("adam", 0.0), ("adamw", 0.0), ("sgd", 0.0), ("sgd", 0.9)])
def test_steps_equal_those_of_torch_to_the_last_bit(name, momentum, weight_decay):
    recipe = Recipe(optimizer=name, momentum=momentum, weight_decay=weight_decay)
    ours = [torch.randn(4, 3), torch.randn(7)]
    theirs = [value.clone().requires_grad_() for value in ours]
    reference, own = recipe.make_optimizer(theirs), stepper(ours, recipe)
    for step in range(6):
        for group in reference.param_groups:
            group["lr"] = 0.01 / (step + 1)
        for a, b in zip(ours, theirs, strict=True):
            a.grad = b.grad = torch.randn_like(a)
        reference.step()
        own.step(0.01 / (step + 1))
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
