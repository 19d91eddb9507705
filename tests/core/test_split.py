import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.errors import UnknownNameError
from netopsy.core.split import editing, run_to, split_model
from netopsy.models import resnet18, small_conv_net


class AroundLayer(nn.Module):
    """A network whose input reaches the output past its first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.last(self.first(x) + x)


class CountsItsBatch(nn.Module):
    """A network that reshapes by a length it read before the layer, and changes the layer's output in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(1, 2, 3), nn.Linear(2 * 36, 2)

    def forward(self, x):
        count = len(x)
        y = self.conv(x).relu_()
        return self.last(y.view(count, -1))


def images(batch=5):
    return torch.randn(batch, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def fingerprint(model):
    return [p.clone() for p in model.parameters()], [m.training for m in model.modules()]


@pytest.mark.parametrize("layer", ["features.conv1", "features.norm2", "features.act4", "output"])
def test_parts_joined_are_the_whole(layer):
    model, x = small_conv_net(seed=0), images()
    model.train()
    before = fingerprint(model)
    parts = split_model(model, layer, x)
    joined = parts.tail(parts.head(x))
    torch.testing.assert_close(joined, model.eval()(x))
    model.train()
    assert all(torch.equal(a, b) for a, b in zip(before[0], model.parameters(), strict=True))
    assert before[1] == [m.training for m in model.modules()]
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())


def test_gradients_through_the_parts_are_those_of_the_whole():
    model, x = resnet18(channels=1, classes=3, widths=(4, 4, 8, 8), seed=0).eval(), images().requires_grad_()
    parts = split_model(model, "stage2", x)
    (whole,) = torch.autograd.grad(model(x)[:, 1].sum(), x)
    (joined,) = torch.autograd.grad(parts.tail(parts.head(x))[:, 1].sum(), x)
    torch.testing.assert_close(whole, joined)


def test_tail_takes_activations_that_no_image_gives_and_leaves_them_alone():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 1))
    parts = split_model(net, "0", torch.randn(4, 2))
    given = torch.randn(7, 3)
    kept = given.clone()
    torch.testing.assert_close(parts.tail(given), net[2](given.relu()))
    assert torch.equal(given, kept)


def test_a_network_that_counts_its_batch_is_cut_too():
    model, x = CountsItsBatch().eval(), images()
    parts = split_model(model, "conv", x)
    assert parts.repeated
    torch.testing.assert_close(parts.tail(parts.head(x)[:3]), model(x[:3]))


def test_a_shortcut_around_the_layer_is_refused():
    with pytest.raises(InputError, match="a shortcut goes around it"):
        split_model(AroundLayer(), "first", torch.randn(3, 3))


def test_bad_input_is_named():
    model = small_conv_net(seed=0)
    with pytest.raises(UnknownNameError, match="features.conv1"):
        split_model(model, "features.conv", images())
    with pytest.raises(InputError, match="got the input"):
        split_model(model, "", images())
    with pytest.raises(InputError, match="at least one"):
        split_model(model, "output", images(0))
    with pytest.raises(InputError, match="do not go through"):
        run_to(model, "output", torch.zeros(1, 3, 8, 8))
    with pytest.raises(InputError, match="never run"):
        run_to(Skips(), "skipped", images())


class Skips(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.skipped = nn.Identity()

    def forward(self, x):
        return x.mean((1, 2, 3))[:, None]


def test_run_to_runs_nothing_behind_the_layer():
    class Fails(nn.Module):
        def forward(self, x):
            raise AssertionError("reached")

    model = nn.Sequential(nn.Flatten(), Fails())
    assert run_to(model, "0", images()).shape == (5, 64)


def test_edits_replace_outputs_and_end_with_the_block():
    model, x = small_conv_net(seed=0).eval(), images()
    plain = model(x)
    with editing(model, {"features.act4": torch.zeros_like}):
        silent = model(x)
    torch.testing.assert_close(silent, model.output.bias.expand(5, -1))
    assert torch.equal(model(x), plain)
    with pytest.raises(RuntimeError, match="stopped"), editing(model, {"output": _stop}):
        model(x)
    assert torch.equal(model(x), plain)
    with pytest.raises(InputError, match="got the input"), editing(model, {"": torch.zeros_like}):
        pass


def _stop(output):
    raise RuntimeError("stopped")
