import copy
import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from netopsy import InputError
from netopsy.graphs.teddy import L0Projection, ProjectedOptimizer, distillation_loss, magnitude_pruned
from netopsy.graphs.teddy.smallest import smallest, smallest_value


def projected(values, sparsity):
    tensor = torch.tensor(values)
    L0Projection([tensor], sparsity).project()
    return tensor


def test_known_answers():
    assert projected([3.0, -1.0, 0.5, -2.0], 0.5).tolist() == [3.0, 0.0, 0.0, -2.0]
    assert (projected([5.0, 4.0, 3.0, 2.0, 1.0], 0.5) == 0).sum() == 3  # rounded up
    assert (projected([0.1] * 100, 0.55) == 0).sum() == 55  # 0.55 * 100 is 55.00000000000001
    assert projected([1.0, -1.0, 1.0, -1.0], 0.5).tolist() == [0.0, 0.0, 1.0, -1.0]  # ties: exactly so many
    assert projected([0.0, 0.0, 0.0, 2.0], 0.25).tolist() == [0.0, 0.0, 0.0, 2.0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=8), st.floats(0, 0.99))
def test_it_is_the_nearest_point_with_so_many_zeros(values, share):
    given_values = torch.tensor(values, dtype=torch.float64)
    found = projected([float(value) for value in values], share).double()
    zeros = next(count for count in range(9) if count >= share * len(values) - 1e-9)
    distances = [
        sum(values[place] ** 2 for place in places) for places in itertools.combinations(range(len(values)), zeros)
    ]
    assert float((found - given_values).square().sum()) == min(distances)
    assert (found == 0).sum() >= zeros
    again = found.clone()
    L0Projection([again], share).project()
    assert torch.equal(again, found)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0, 2.0**99, width=32), min_size=1, max_size=60),
    st.data(),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
)
def test_the_smallest_are_those_of_a_stable_sort(values, data, dtype):
    tensor = torch.tensor(values, dtype=dtype)
    count = data.draw(st.integers(1, len(values)))
    expected = torch.zeros(len(values), dtype=torch.bool)
    expected[tensor.sort(stable=True).indices[:count]] = True
    assert torch.equal(smallest(tensor, count), expected)
    assert smallest_value(tensor, count) == tensor.sort().values[count - 1]
    assert torch.equal(smallest(-tensor, count).sum(), torch.tensor(count))


def test_zeros_of_either_sign_and_infinities():
    values = torch.tensor([-0.0, 1.0, 0.0, torch.inf, 2.0])
    assert smallest(values, 2).tolist() == [True, False, True, False, False]
    assert smallest(values, 4).tolist() == [True, True, True, False, True]


def test_one_threshold_for_all_tensors():
    model = nn.Sequential(nn.Linear(10, 10, bias=False), nn.Linear(10, 10, bias=False))
    with torch.no_grad():
        model[0].weight.uniform_(0.1, 0.2)
        model[1].weight.uniform_(1, 2)
    projection = L0Projection(model, 0.5)
    projection.project()
    assert (model[0].weight == 0).all()
    assert (model[1].weight != 0).all()
    assert projection.sparsity() == 0.5


def test_what_takes_part_can_be_chosen():
    model = nn.Linear(4, 4)
    nn.init.ones_(model.bias)
    names = []
    L0Projection(model, 0.75, include=lambda name, p: names.append(name) or p.ndim > 1).project()
    assert names == ["weight", "bias"]
    assert (model.weight == 0).sum() == 12
    assert (model.bias == 1).all()


def test_weights_may_come_back():
    weight = nn.Parameter(torch.tensor([1.0, 0.4]))
    optimiser = ProjectedOptimizer(torch.optim.SGD([weight], lr=1.0), L0Projection([weight], 0.5))
    weight.grad = torch.zeros(2)
    optimiser.step()
    assert weight.tolist() == [1.0, 0.0]
    weight.grad = torch.tensor([0.0, -3.0])
    optimiser.step()
    assert weight.tolist() == [0.0, 3.0]  # a fixed mask would have kept the first


def test_a_step_is_that_of_the_optimiser_then_the_projection():
    torch.manual_seed(0)
    one, other = nn.Linear(6, 4), nn.Linear(6, 4)
    other.load_state_dict(one.state_dict())
    plain = torch.optim.Adam(one.parameters(), lr=0.1)
    wrapped = ProjectedOptimizer(torch.optim.Adam(other.parameters(), lr=0.1), L0Projection(other, 0.6))
    for _ in range(4):
        x = torch.randn(3, 6)
        for model, optimiser in ((one, plain), (other, wrapped)):
            optimiser.zero_grad()
            model(x).square().sum().backward()
            optimiser.step()
        L0Projection(one, 0.6).project()
        assert torch.equal(one.weight, other.weight)
    states = (plain.state_dict()["state"], wrapped.state_dict()["state"])
    assert torch.equal(states[0][0]["exp_avg"], states[1][0]["exp_avg"])  # moments are left alone
    assert L0Projection(other, 0.0).sparsity() == pytest.approx(17 / 28)


def test_schedules_closures_states_and_copies():
    model = nn.Linear(3, 2)
    optimiser = ProjectedOptimizer(torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9), L0Projection(model, 0.5))
    assert isinstance(optimiser, torch.optim.Optimizer)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 1, gamma=0.1)

    def closure():
        optimiser.zero_grad()
        loss = model(torch.ones(1, 3)).sum()
        loss.backward()
        return loss

    assert optimiser.step(closure) is not None
    schedule.step()
    assert optimiser.optimizer.param_groups[0]["lr"] == pytest.approx(0.1)
    state = copy.deepcopy(optimiser.state_dict())
    optimiser.load_state_dict(state)
    assert optimiser.state is optimiser.optimizer.state
    called = []
    optimiser.optimizer.register_step_post_hook(lambda *_: called.append(1))
    optimiser.step(closure)
    assert called == [1]
    assert "SGD" in repr(optimiser)
    extra = nn.Parameter(torch.ones(2))
    optimiser.add_param_group({"params": [extra]})
    assert len(optimiser.param_groups) == 2
    assert isinstance(pickle.loads(pickle.dumps(optimiser)), ProjectedOptimizer)


def test_pruning_afterwards_leaves_the_network_alone():
    model = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 2)).train()
    before = copy.deepcopy(model.state_dict())
    pruned = magnitude_pruned(model, 0.9)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    flat = torch.cat([value.flatten() for value in before.values()])
    left = torch.cat([value.flatten() for value in pruned.state_dict().values()])
    assert (left != 0).sum() == len(flat) - int(np.ceil(0.9 * len(flat)))
    assert flat.abs()[left == 0].max() <= flat.abs()[left != 0].min()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_distillation_is_the_divergence(temperature):
    torch.manual_seed(0)
    student, teacher = torch.randn(7, 4, requires_grad=True), torch.randn(7, 4, requires_grad=True)
    p, q = ((logits / temperature).softmax(1) for logits in (teacher, student))
    expected = (p * (p / q).log()).sum(1).mean() * temperature**2
    found = distillation_loss(student, teacher, T=temperature)
    torch.testing.assert_close(found, expected)
    if temperature == 1:
        peer = functional.kl_div(student.log_softmax(1), teacher.softmax(1), reduction="batchmean")
        torch.testing.assert_close(found, peer)
    found.backward()
    assert teacher.grad is None
    torch.testing.assert_close(student.grad, temperature * (q - p).detach() / 7)
    assert distillation_loss(student, student + 5).abs() < 1e-6  # logits may be shifted


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: L0Projection([torch.ones(2)], 1.0), "sparsity must be at least 0 and below 1, got 1.0"),
        (lambda: L0Projection([torch.ones(2)], True), "sparsity"),
        (lambda: L0Projection([], 0.5), "at least one weight"),
        (lambda: L0Projection(nn.Linear(2, 2), 0.5, include=lambda name, p: False), "at least one weight"),
        (lambda: L0Projection([torch.ones(2), torch.ones(2, device="meta")], 0.5), "one device"),
        (lambda: ProjectedOptimizer(nn.Linear(2, 2), L0Projection([torch.ones(2)], 0.5)), "got Linear"),
        (lambda: magnitude_pruned("model", 0.5), "model must be a torch"),
        (lambda: distillation_loss(torch.ones(2, 3), torch.ones(2, 4)), "\\(2, 3\\) and \\(2, 4\\)"),
        (lambda: distillation_loss(torch.ones(2, 3), torch.ones(2, 3), T=0.0), "T must be positive"),
    ],
)
def test_bad_input(call, says, unchecked):
    with pytest.raises(InputError, match=says):
        call()
