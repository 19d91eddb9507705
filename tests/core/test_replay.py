"""What runs before a layer is computed once, whatever the network does with it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from netopsy.core.replay import record, replaying
from netopsy.core.split import split_model


class Counting(nn.Module):
    """A convolution that counts its images."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv, self.images = nn.Conv2d(inputs, outputs, 3, padding=1), 0

    def forward(self, x: Tensor) -> Tensor:
        self.images += len(x)
        return self.conv(x)


class Viewing(nn.Module):
    """A network that lays its features out by the length of the batch that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.stem, self.cut, self.later = Counting(1, 4), Counting(4, 4), Counting(4, 4)
        self.head = nn.Linear(4 * 36, 3)

    def forward(self, x: Tensor) -> Tensor:
        features = self.relu(self.later(self.relu(self.cut(self.relu(self.stem(x))))))
        return self.head(features.reshape(len(x), -1))


def test_the_tail_computes_nothing_before_the_cut_even_where_the_batch_must_be_repeated() -> None:
    torch.manual_seed(0)
    net, images = Viewing().eval(), torch.rand(5, 1, 6, 6)
    parts = split_model(net, "cut", images)
    assert parts.repeated
    activations = parts.head(images)
    net.stem.images = net.cut.images = net.later.images = 0
    torch.testing.assert_close(parts.tail(activations), net(images))
    assert (net.stem.images, net.cut.images) == (5, 5)  # those of the whole network alone
    assert net.later.images == 10


def test_a_module_that_runs_again_is_replayed_up_to_the_cut_and_computed_after_it() -> None:
    torch.manual_seed(0)
    net, images = Viewing().eval(), torch.rand(4, 1, 6, 6)
    parts = split_model(net, "relu#2", images)
    torch.testing.assert_close(parts.tail(parts.head(images)), net(images))
    assert not torch.allclose(parts.tail(torch.rand(4, 4, 6, 6)), net(images))


class Nested(nn.Module):
    """Blocks that share one rectifier, the second run of which is within a block."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.first = nn.Sequential(Counting(1, 2), self.relu)
        self.second = nn.Sequential(Counting(2, 2), self.relu)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)).reshape(len(x), -1)[:, :3]


def test_a_block_in_which_the_layer_runs_earlier_is_entered_so_that_its_runs_are_counted() -> None:
    torch.manual_seed(0)
    net, images = Nested().eval(), torch.rand(3, 1, 4, 4)
    parts = split_model(net, "relu#2", images)
    torch.testing.assert_close(parts.tail(parts.head(images)), net(images))


class InPlace(nn.Module):
    """A forward pass that adds to what a module returned, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.cut = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.stem(x)
        seen += 1
        return self.cut(seen).reshape(len(x), -1)[:, :3]


def test_changes_in_place_before_the_cut_do_no_harm() -> None:
    torch.manual_seed(0)
    net, images = InPlace().eval(), torch.rand(3, 1, 4, 4)
    parts = split_model(net, "cut", images)
    for _ in range(3):
        torch.testing.assert_close(parts.tail(parts.head(images)), net(images))


def test_gradients_reach_the_activations() -> None:
    torch.manual_seed(0)
    net, images = Viewing().eval(), torch.rand(3, 1, 6, 6)
    parts = split_model(net, "cut", images)
    activations = parts.head(images).detach().requires_grad_()
    (found,) = torch.autograd.grad(parts.tail(activations)[:, 0].sum(), activations)
    again = activations.detach().clone().requires_grad_()
    rest = net.head(net.relu(net.later(net.relu(again))).reshape(3, -1))
    torch.testing.assert_close(found, torch.autograd.grad(rest[:, 0].sum(), again)[0])


def test_modules_have_their_own_forward_again_after_an_error() -> None:
    net = nn.Sequential(nn.ReLU(), nn.Flatten())
    seen = record(net, "0", torch.ones(1, 2))

    def fail() -> None:
        with replaying(seen, 2):
            assert net(-torch.ones(2, 2)).tolist() == [[1, 1], [1, 1]]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "forward" not in net[0].__dict__
    assert net(-torch.ones(2, 2)).tolist() == [[0, 0], [0, 0]]


def test_a_layer_that_is_not_reached_leaves_nothing() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.ReLU(), nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    assert record(Idle(), "idle", torch.ones(1, 2)) == {}
