import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from netopsy import InputError
from netopsy.core.parameters import flatten, interpolate, random_direction, unflatten
from netopsy.core.seeds import derive, generator, seeded

shapes = st.lists(st.lists(st.integers(1, 4), min_size=0, max_size=3), min_size=1, max_size=5)


@given(shapes, st.integers(0, 2**31))
def test_unflatten_inverts_flatten(shapes, seed):
    random = torch.Generator().manual_seed(seed)
    state = {f"p{i}": torch.randn(shape, generator=random) for i, shape in enumerate(shapes)}
    back = unflatten(flatten(state), state)
    assert all(torch.equal(state[name], back[name]) for name in state)


def test_flatten_agrees_with_torch():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    expected = nn.utils.parameters_to_vector(net.parameters())
    assert torch.equal(flatten(dict(net.named_parameters())), expected)


def test_interpolation_ends_and_middle():
    a, b = nn.BatchNorm1d(3).state_dict(), nn.BatchNorm1d(3).state_dict()
    b["weight"] = b["weight"] + 2
    assert torch.equal(interpolate(a, b, 0.0)["weight"], a["weight"])
    assert torch.equal(interpolate(a, b, 1.0)["weight"], b["weight"])
    assert interpolate(a, b, 0.5)["weight"].tolist() == [2, 2, 2]
    assert interpolate(a, b, 0.5)["num_batches_tracked"].dtype == torch.int64


def test_directions_have_the_length_they_promise():
    state = nn.Conv2d(3, 5, 3).state_dict()
    assert flatten(random_direction(state, seed=1)).norm().item() == pytest.approx(1, rel=1e-6)
    by_filter = random_direction(state, seed=1, scale="filter")
    torch.testing.assert_close(by_filter["weight"].flatten(1).norm(dim=1), state["weight"].flatten(1).norm(dim=1))
    assert (by_filter["bias"] == 0).all()


def test_seeds_are_named_repeatable_and_keep_the_global_state():
    assert derive(3, "init", 1) == derive(3, "init", 1) != derive(3, "init", 2)
    before = torch.random.get_rng_state()
    with seeded(5):
        first = torch.rand(3)
    with seeded(5):
        assert torch.equal(first, torch.rand(3))
    assert torch.equal(before, torch.random.get_rng_state())
    ours = generator(7)
    assert generator(ours) is ours


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flatten({}), "parameters is empty"),
        (lambda: unflatten(torch.zeros(3), {"a": torch.zeros(2)}), r"shape \(2,\), got \(3,\)"),
        (lambda: interpolate({"a": torch.zeros(1)}, {"b": torch.zeros(1)}, 0.5), "same names"),
        (lambda: interpolate({"a": torch.zeros(1)}, {"a": torch.zeros(2)}, 0.5), "has shape"),
        (lambda: random_direction({"a": torch.zeros(1)}, scale="row"), "scale must be"),
        (lambda: generator(-1), "seed must be"),
        (lambda: generator(1.5), "seed must be"),
        (lambda: generator(True), "seed must be"),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
