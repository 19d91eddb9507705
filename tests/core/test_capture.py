from typing import NamedTuple

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.capture import capturing, layer_activations, layer_gradients
from netopsy.core.errors import UnknownNameError
from netopsy.core.per_sample import PerSampleModel


class Residual(nn.Module):
    """A block that changes its captured tensor in place twice: an in-place ReLU, then ``+=``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        y = self.conv2(self.relu(self.conv1(x)))
        y += x
        return self.relu(y)


@pytest.fixture
def net():
    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    model = nn.Sequential(Residual(), nn.BatchNorm2d(2), head).double()
    model[1].running_mean += 0.3
    return model


def images(batch=4):
    return torch.randn(batch, 2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_finite_differences(model, x, layer, target, index, step=1e-6):
    """The derivative of the summed logits of ``target`` with respect to one number of the layer's output."""

    def run(offset):
        def hook(module, arguments, output):
            output = output.clone()
            output[index] += offset
            return output

        handle = dict(model.named_modules())[layer].register_forward_hook(hook)
        with torch.no_grad():
            value = model.eval()(x)[:, target].sum()
        handle.remove()
        return value

    return (run(step) - run(-step)) / (2 * step)


@pytest.mark.parametrize("layer", ["0.conv1", "0.conv2", "0", "1"])
def test_gradient_equals_finite_differences_in_spite_of_in_place_operations(net, layer):
    x = images()
    seen = layer_gradients(net, x, 1, layer)
    for index in [(0, 1, 2, 3), (3, 0, 5, 0)]:
        expected = by_finite_differences(net, x, layer, 1, index)
        assert seen.gradients[layer][index] == pytest.approx(expected.item(), abs=1e-8)


def test_activation_is_the_layer_output_before_anything_changes_it(net):
    x = images()
    before = net[0].conv1(x)
    assert torch.equal(layer_activations(net, x, "0.conv1")["0.conv1"], before)
    assert (before < 0).any()


def test_several_layers_in_one_pass_equal_one_at_a_time(net):
    x, layers = images(), ["", "0.conv1", "0", "1", "2.1"]
    together = layer_gradients(net, x, torch.tensor([0, 1, 2, 0]), layers)
    for layer in layers:
        alone = layer_gradients(net, x, torch.tensor([0, 1, 2, 0]), layer)
        torch.testing.assert_close(together.gradients[layer], alone.gradients[layer])
        torch.testing.assert_close(together.activations[layer], alone.activations[layer])


def test_callable_target_and_module_as_layer(net):
    seen = layer_gradients(net, images(), lambda out: out[:, 0] - out[:, 2], net[0].conv2)
    first, third = (layer_gradients(net, images(), c, "0.conv2").gradients["0.conv2"] for c in (0, 2))
    torch.testing.assert_close(seen.gradients["0.conv2"], first - third)


def test_layer_inputs_are_kept_when_asked_for(net):
    x = images()
    assert torch.equal(layer_gradients(net, x, 0, "0.conv1", with_inputs=True).inputs["0.conv1"], x)


def snapshot(model):
    state = {name: value.clone() for name, value in model.state_dict().items()}
    return state, [m.training for m in model.modules()], [p.requires_grad for p in model.parameters()]


def test_the_model_is_left_as_it_was_even_after_an_error(net):
    net.train()
    net[1].eval()
    net[0].conv1.weight.requires_grad_(False)
    state, modes, asking = snapshot(net)
    random = torch.random.get_rng_state()

    def explode(outputs):
        raise RuntimeError("boom")

    layer_gradients(net, images(), 0, ["0.conv1", "1"])
    with pytest.raises(RuntimeError, match="boom"):
        layer_gradients(net, images(), explode, "0.conv1")
    after, modes_after, asking_after = snapshot(net)
    assert all(torch.equal(state[name], after[name]) for name in state)
    assert (modes, asking) == (modes_after, asking_after)
    assert all(p.grad is None for p in net.parameters())
    assert all(not m._forward_hooks for m in net.modules())
    assert torch.equal(random, torch.random.get_rng_state())


def test_works_on_a_network_with_no_parameter_asking_for_a_gradient_and_under_no_grad(net):
    expected = layer_gradients(net, images(), 0, "0").gradients["0"]
    net.requires_grad_(False)
    with torch.no_grad():
        torch.testing.assert_close(layer_gradients(net, images(), 0, "0").gradients["0"], expected)


def test_tuple_outputs_are_captured_by_their_first_tensor():
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(3, 4, batch_first=True)
            self.out = nn.Linear(4, 2)

        def forward(self, x):
            return self.out(self.rnn(x)[0][:, -1])

    seen = layer_gradients(Head(), torch.randn(2, 5, 3), 1, "rnn")
    assert seen.gradients["rnn"].shape == (2, 5, 4)
    assert (seen.gradients["rnn"][:, :-1] == 0).all()


class Pair(NamedTuple):
    grid: torch.Tensor
    doubled: torch.Tensor


class TwoGrids(nn.Module):
    def forward(self, grids):
        return Pair(grids[0], 2 * grids[0])


class Named(nn.Module):
    """A layer that is given a list and returns a named tuple."""

    def __init__(self):
        super().__init__()
        self.conv, self.pair = nn.Conv2d(1, 2, 3), TwoGrids()

    def forward(self, x):
        return self.pair([self.conv(x)]).grid.flatten(1).square()


def test_named_tuples_stay_named_and_inputs_that_are_no_tensors_are_passed_over():
    model, x = Named(), torch.randn(3, 1, 4, 4)
    seen = layer_gradients(model, x, 1, "pair", with_inputs=True)
    assert seen.inputs == {}
    expected = torch.zeros(3, 8).index_fill(1, torch.tensor(1), 2.0) * model.conv(x).flatten(1).detach()
    torch.testing.assert_close(seen.gradients["pair"].flatten(1), expected)
    own = {name: value.detach().expand(3, *value.shape) for name, value in model.named_parameters()}
    together = layer_gradients(PerSampleModel(model, own), x, 1, "pair", with_inputs=True)
    torch.testing.assert_close(together.gradients["pair"].flatten(1), expected)


def test_parameters_of_ones_own_per_sample_equal_a_loop_over_samples(net):
    x, layers = images(3), ["", "0.conv1", "0"]
    noise = torch.Generator().manual_seed(2)
    own = {
        name: torch.stack([p.detach() + 0.1 * torch.randn(p.shape, dtype=p.dtype, generator=noise) for _ in range(3)])
        for name, p in net.named_parameters()
    }
    together = layer_gradients(PerSampleModel(net, own), x, torch.tensor([2, 0, 1]), layers)
    saved = {name: value.clone() for name, value in net.state_dict().items()}
    for i, target in enumerate([2, 0, 1]):
        net.load_state_dict({name: value[i] for name, value in own.items()}, strict=False)
        alone = layer_gradients(net, x[i : i + 1], target, layers)
        for layer in layers:
            torch.testing.assert_close(together.gradients[layer][i], alone.gradients[layer][0])
            torch.testing.assert_close(together.activations[layer][i], alone.activations[layer][0])
        net.load_state_dict(saved)


def test_capturing_removes_its_hooks_when_the_block_raises(net):
    with pytest.raises(RuntimeError), capturing(net, ["0", "1"]):
        raise RuntimeError
    assert all(not m._forward_hooks for m in net.modules())


class Several(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x), x


class Unreached(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x):
        return self.used(x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net, x: layer_gradients(net, x, 0, "0.conv3"), r"unknown layer '0.conv3': did you mean '0.conv"),
        (lambda net, x: layer_gradients(net, x, 0, nn.ReLU()), "unknown layer 'ReLU'"),
        (lambda net, x: layer_gradients(net, x, 0, []), "empty sequence"),
        (lambda net, x: layer_gradients(net, x, 0, ["0", "0"]), "same layer twice"),
        (lambda net, x: layer_gradients(net, x, 3, "0"), "class 3 is out of range.*0 to 2"),
        (lambda net, x: layer_gradients(net, x, -1, "0"), "class -1 is out of range"),
        (lambda net, x: layer_gradients(net, x, torch.zeros(2, dtype=torch.long), "0"), "target must be"),
        (lambda net, x: layer_gradients(net, x, torch.zeros(4), "0"), "target must be"),
        (lambda net, x: layer_gradients(net, x, lambda out: out, "0"), "one number a sample"),
        (lambda net, x: layer_gradients(net, x[:0], 0, "0"), "batch of at least one"),
        (lambda net, x: layer_gradients(net, x.long(), 0, "0"), "float tensor"),
        (lambda net, x: layer_gradients(net, x * torch.nan, 0, "0"), "NaN or infinite"),
        (lambda net, x: layer_gradients(net[0], x, 0, "conv1"), r"output \[batch, classes\]"),
        (lambda net, x: layer_gradients(Unreached().double(), x[:, 0, 0, :2], 0, "unused"), "never run"),
        (lambda net, x: layer_gradients(net, x, lambda out: out.detach()[:, 0], "0"), "does not depend"),
        (lambda net, x: layer_gradients(Several(net), x, 0, "net.0"), "must return one tensor, but returns tuple"),
        (lambda net, x: layer_gradients(Several(net), x, lambda out: out[0][:, 0], "net.0"), "must return one tensor"),
    ],
)
def test_bad_input_is_named_in_one_sentence(net, call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(net, images())


def test_a_network_that_parts_its_batches_is_refused(net):
    parallel = nn.DataParallel(net)
    parallel.device_ids = [0, 1]  # as on a machine with two GPUs
    with pytest.raises(InputError, match=r"give its \.module"):
        layer_activations(parallel, images(), "module.0")


def test_non_finite_activations_are_named(net):
    with torch.no_grad():
        net[0].conv2.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match=r"layer '0\.conv2' gives NaN"):
        layer_activations(net, images(), "0.conv2")


def test_an_unknown_layer_is_also_a_key_error(net):
    with pytest.raises(KeyError):
        layer_activations(net, images(), "nothing")
    with pytest.raises(UnknownNameError, match="^unknown layer 'nothing'"):
        layer_activations(net, images(), "nothing")
