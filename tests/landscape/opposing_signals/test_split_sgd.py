"""SplitSGD against torch's SGD, signed momentum, and its definition."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.landscape.opposing_signals import SplitSGD


def follow(make, gradients):
    weight = torch.zeros(gradients.shape[1:], dtype=torch.double, requires_grad=True)
    optimizer = make([weight])
    rows = []
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
        rows.append(weight.detach().clone())
    return torch.stack(rows)


GRADIENTS = torch.randn(12, 3, 5, dtype=torch.double, generator=torch.Generator().manual_seed(0))


def test_without_outliers_it_is_dampened_sgd_from_zero():
    ours = follow(lambda own: SplitSGD(own, 0.1, 0.5, fraction=0), GRADIENTS)
    started = torch.cat([torch.zeros_like(GRADIENTS[:1]), GRADIENTS])  # torch's first step stores it undampened
    theirs = follow(lambda own: torch.optim.SGD(own, 0.1, momentum=0.9, dampening=0.9), started)[1:]
    torch.testing.assert_close(ours, theirs)


def test_with_outliers_alone_it_is_signed_momentum():
    ours = follow(lambda own: SplitSGD(own, 0.1, 0.5, fraction=1), GRADIENTS)
    mean, at, wanted = torch.zeros(3, 5).double(), torch.zeros(3, 5).double(), []
    for gradient in GRADIENTS:
        mean = 0.9 * mean + 0.1 * gradient
        at = at - 0.5 * mean.sign()
        wanted.append(at)
    torch.testing.assert_close(ours, torch.stack(wanted))


@given(st.floats(0, 1), st.integers(0, 5))
def test_the_share_that_is_asked_for_moves_by_a_step_of_fixed_size(fraction, seed):
    gradients = torch.randn(1, 4, 6, dtype=torch.double, generator=torch.Generator().manual_seed(seed))
    [moved] = follow(lambda own: SplitSGD(own, 1e-3, 7.0, dampening=0.0, fraction=fraction), gradients)
    large = moved.abs() == 7.0
    assert int(large.sum()) == round(24 * fraction)
    sizes = gradients[0].abs()
    if large.any() and not large.all():
        assert sizes[large].min() > sizes[~large].max()
    torch.testing.assert_close(moved[~large], -1e-3 * gradients[0][~large])


def test_groups_have_options_of_their_own_and_a_closure_is_called():
    first, second = (torch.ones(2, requires_grad=True) for _ in range(2))
    groups = [{"params": [first], "lr": 0.0, "sign_lr": 0.0}, {"params": [second]}]
    optimizer = SplitSGD(groups, 1.0, 1.0, fraction=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (first + torch.tensor([2.0, 1.0]) * second).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 5
    assert first.tolist() == [1, 1]
    assert second.tolist() == pytest.approx([0, 0.9])
    copy = SplitSGD(groups, 1.0, 1.0)
    copy.load_state_dict(optimizer.state_dict())
    assert copy.state_dict()["state"].keys() == {0, 1}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"params": None}, "params must be parameters, or groups of them"),
        ({"lr": -1.0}, "lr must be finite and not negative, got -1"),
        ({"sign_lr": float("inf")}, "sign_lr must be finite and not negative, got inf"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"fraction": 1.5}, "fraction must lie between 0 and 1, got 1.5"),
    ],
)
def test_it_refuses_numbers_out_of_range(options, says):
    with pytest.raises(InputError, match=says):
        SplitSGD(**{"params": [torch.ones(1, requires_grad=True)], "lr": 1.0, "sign_lr": 1.0, **options})
