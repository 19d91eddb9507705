"""Both stabilities against what linear algebra says of gradient descent on a quadratic, and their exact zeros."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.data import digits_split
from netopsy.models import mlp, resnet
from netopsy.sparsity.late_rewinding import stability_to_data_order, stability_to_pruning
from netopsy.sparsity.lottery_ticket import magnitude_masks, prunable_parameters
from netopsy.training import Recipe, trainer

TRAIN = digits_split()[0][:100]
SIZE, RATE, STEPS = 6, 0.15, 30


def quadratic(*, diagonal=False):
    """H, b, first weights and a mask of a quadratic ``w'Hw / 2 - b'w``."""
    random = torch.Generator().manual_seed(0)
    basis = torch.randn(SIZE, SIZE, generator=random, dtype=torch.double)
    curvature = basis @ basis.T / SIZE + 0.5 * torch.eye(SIZE, dtype=torch.double)
    if diagonal:
        curvature = curvature.diag().diag()
    start, slope = torch.randn(2, SIZE, generator=random, dtype=torch.double)
    return curvature, slope, start, torch.tensor([True, False, True, True, False, True])


def network(values):
    net = nn.Linear(SIZE, 1, bias=False, dtype=torch.double)
    net.weight.data[0] = values
    return net


def descent(curvature, slope, steps=STEPS):
    """From a seed, which full-batch gradient descent has no use for, to a training loop."""

    def loop(model, *, start_step, on_step):
        for step in range(start_step, steps):
            with torch.no_grad():
                model.weight[0] -= RATE * (curvature @ model.weight[0] - slope)
            on_step(step + 1, model)

    return lambda seed: loop


def after(curvature, slope, start, steps):
    """``w* + (1 - eta H)^t (w0 - w*)``."""
    best = torch.linalg.solve(curvature, slope)
    shrink = torch.eye(len(start), dtype=torch.double) - RATE * curvature
    return best + torch.linalg.matrix_power(shrink, steps) @ (start - best)


def distance(curvature, slope, start, mask, step, steps=STEPS):
    net = network(start)
    fit = descent(curvature, slope, steps)
    return stability_to_pruning(net, net.state_dict(), {"weight": mask[None]}, fit, step=step)


@pytest.mark.parametrize("step", [0, 7, STEPS])
def test_on_a_quadratic_it_is_what_linear_algebra_says(step):
    curvature, slope, start, mask = quadratic()
    left = STEPS - step
    dense = after(curvature, slope, start, left)[mask]
    sparse = after(curvature[mask][:, mask], slope[mask], start[mask], left)
    expected = float((dense - sparse).norm())
    assert (expected > 0.1) == (step < STEPS)
    assert distance(curvature, slope, start, mask, step) == pytest.approx(expected, abs=1e-12)


def test_in_the_limit_it_is_the_distance_of_the_minima_from_wherever_it_starts():
    curvature, slope, start, mask = quadratic()
    minimum = torch.linalg.solve(curvature, slope)[mask]
    sparse = torch.linalg.solve(curvature[mask][:, mask], slope[mask])
    for first in (start, -3 * start):
        found = distance(curvature, slope, first, mask, 50, steps=400)
        assert found == pytest.approx(float((minimum - sparse).norm()), abs=1e-9)


def test_where_weights_do_not_interact_pruning_changes_nothing():
    curvature, slope, start, mask = quadratic(diagonal=True)
    assert distance(curvature, slope, start, mask, 3) == pytest.approx(0, abs=1e-15)


def test_full_batches_have_no_order():
    curvature, slope, start, mask = quadratic()
    net = network(start)
    given = net, net.state_dict(), {"weight": mask[None]}, descent(curvature, slope)
    assert stability_to_data_order(*given, step=4, seeds=(0, 1)) == 0
    model = mlp([64, 8, 10])
    masks = magnitude_masks(prunable_parameters(model), rate=0.5)
    whole = trainer(TRAIN, Recipe(steps=4, batch_size=len(TRAIN), optimizer="sgd", lr=0.1, momentum=0.9))
    found = stability_to_data_order(model, model.state_dict(), masks, whole, step=2, seeds=(0, 1))
    assert found < 1e-5  # the sums of a batch are rounded in its order


def digit_case():
    model = resnet(8, channels=1, width=2)
    recipe = Recipe(steps=10, batch_size=25, optimizer="sgd", lr=0.1, momentum=0.9, schedule="cosine")
    return model, magnitude_masks(prunable_parameters(model), rate=0.5, scope="global"), trainer(TRAIN, recipe)


def test_the_exact_zeros():
    model, masks, train = digit_case()
    state = model.state_dict()
    assert stability_to_data_order(model, state, masks, train, step=2, seeds=(3, 3)) == 0
    assert stability_to_data_order(model, state, masks, train, step=2, seeds=(3, 4)) > 0.01
    ones = {name: torch.ones_like(mask) for name, mask in masks.items()}
    assert stability_to_pruning(model, state, ones, train, step=2) == 0
    assert stability_to_pruning(model, state, masks, train, step=2) > 0.01
    assert stability_to_pruning(model, state, masks, train, step="10it") == 0  # nothing is left to train
    assert stability_to_pruning(model, state, masks, train, step="2ep2it") == 0  # the same step


def test_the_network_is_left_as_it_was():
    model, masks, train = digit_case()
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    state = {name: value + 0.01 for name, value in before.items()}
    assert stability_to_pruning(model, state, masks, train, step=8) != pytest.approx(
        stability_to_pruning(model, before, masks, train, step=8), rel=1e-6
    )
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert all(value.grad is None for value in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"step": -1}, "a step must not be negative, got -1"),
        ({"step": 11}, "step must be from 0 to 10, the end of training, got 11"),
        ({"step": "ep3"}, "written as '3ep20it'"),
        ({"state": {}}, "unknown entry of the network in state 'stem.conv.weight'"),
        ({"masks": {"output.weight": torch.full((10, 8), 0.5)}}, "must hold only 0 and 1"),
        ({"masks": {"output.weight": torch.ones(2, 8)}}, r"must have shape \(10, 8\), got \(2, 8\)"),
        ({"fit": 3}, "fit must be a trainer, or a function from a seed to a training loop, got int"),
        ({"fit": lambda seed: None}, "fit must return a training loop for a seed, got NoneType for 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, says, unchecked):
    model, masks, train = digit_case()
    given = {"state": model.state_dict(), "masks": masks, "fit": train, "step": 2, **change}
    with pytest.raises(InputError, match=says):
        stability_to_pruning(model, **given)


def test_states_of_other_networks_are_refused():
    model, masks, train = digit_case()
    wider = resnet(8, channels=1, width=4).state_dict()
    with pytest.raises(InputError, match=r"state\['stem.conv.weight'\] must have shape \(2, 1, 3, 3\)"):
        stability_to_pruning(model, wider, masks, train, step=2)
    more = {**model.state_dict(), "more": torch.ones(1)}
    with pytest.raises(InputError, match="unknown entry of state 'more'"):
        stability_to_pruning(model, more, masks, train, step=2)
