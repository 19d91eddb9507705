"""Scores against closed forms of linear regression, masks against a stable sort, and a network left as it was."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from netopsy import InputError
from netopsy.core.masks import prunable_parameters
from netopsy.sparsity.criteria import CRITERIA, keep_largest, scores
from netopsy.sparsity.lottery_ticket import magnitude_masks


def half_mean_square(outputs, targets):
    return 0.5 * (outputs - targets).square().mean()


@pytest.fixture
def regression(generator):
    """A linear layer with its data, and the gradient and the Hessian of half the mean squared error."""
    inputs = torch.randn(50, 6, generator=generator, dtype=torch.float64)
    targets = torch.randn(50, 1, generator=generator, dtype=torch.float64)
    layer = nn.Linear(6, 1, bias=False).double()
    weight = layer.weight.detach()[0]
    gradient = inputs.T @ (inputs @ weight - targets[:, 0]) / 50
    return layer, inputs, targets, weight, gradient, inputs.T @ inputs / 50


def test_linear_regression_has_closed_forms(regression):
    layer, inputs, targets, weight, gradient, hessian = regression

    def found(criterion, **options):
        return scores(layer, criterion, inputs, targets, loss=half_mean_square, **options)["weight"][0]

    torch.testing.assert_close(found("snip"), (weight * gradient).abs())
    torch.testing.assert_close(found("taylor"), (weight * gradient).square())
    published = -weight * (hessian @ gradient)
    torch.testing.assert_close(found("grasp", temperature=1.0), -published)
    own = found(lambda weight, gradient: (weight - 0.1 * gradient).square())
    torch.testing.assert_close(own, (weight - 0.1 * gradient).square())
    torch.testing.assert_close(scores(layer, "magnitude")["weight"][0], weight.abs())


def test_the_temperature_divides_the_outputs(regression):
    layer, inputs, targets, *_ = regression
    warm = scores(layer, "grasp", inputs, targets, loss=half_mean_square, temperature=4.0)
    by_hand = nn.Sequential(layer, Quarter())
    wanted = scores(by_hand, "grasp", inputs, targets, loss=half_mean_square, temperature=1.0)
    torch.testing.assert_close(warm["weight"], wanted["0.weight"])


class Quarter(nn.Module):
    def forward(self, inputs):
        return inputs / 4


def test_losses_by_name_are_those_of_training(regression):
    layer, inputs, targets, weight, gradient, _ = regression
    found = scores(layer, "snip", inputs, targets, loss="mse")["weight"][0]
    torch.testing.assert_close(found, (2 * weight * gradient).abs())


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(4, 3, 2),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(75, 3),
    )


BATCH = torch.rand(12, 2, 6, 6, generator=torch.Generator().manual_seed(1)), torch.arange(12) % 3


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was_and_scored_the_same_again(criterion, training, left_as_found):
    model = net().train(training)
    model[6].bias.grad = torch.ones(3)
    model[0].weight.requires_grad_(False)
    before = left_as_found(model)
    first, second = (scores(model, criterion, *BATCH, seed=4) for _ in range(2))
    assert left_as_found(model) == before
    assert list(first) == ["0.weight", "3.weight", "6.weight"]
    for name, values in first.items():
        assert values.shape == model.get_parameter(name).shape
        assert not values.requires_grad
        assert values.abs().sum() > 0
        assert torch.equal(values, second[name])


def test_snip_takes_one_pass_forward_and_one_back(monkeypatch):
    runs = []
    grad = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: runs.append("back") or grad(*a, **k))
    model = net()
    model.register_forward_hook(lambda *_: runs.append("forward"))
    for criterion, back in (("magnitude", None), ("snip", 1), ("taylor", 1), ("grasp", 2)):
        runs.clear()
        scores(model, criterion, *BATCH)
        assert runs == ([] if back is None else ["forward"] + ["back"] * back), criterion


def test_the_mode_of_the_network_decides_about_its_batch_norms():
    model = net()
    model[4].p = 0.0
    one, other = scores(model.train(), "snip", *BATCH), scores(model.eval(), "snip", *BATCH)
    assert not torch.allclose(one["0.weight"], other["0.weight"])


def test_weights_that_the_output_does_not_depend_on_score_zero():
    model = nn.Sequential(nn.Linear(4, 3))
    model.aside = nn.Linear(2, 2)
    model.forward = lambda inputs: model[0](inputs)
    for criterion in ("snip", "grasp"):
        assert not scores(model, criterion, torch.rand(5, 4), torch.arange(5) % 3)["aside.weight"].any()


def test_tied_recurrent_and_half_precision_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 4)
            self.second = nn.Linear(4, 4)
            self.second.weight = self.first.weight
            self.memory = nn.GRU(4, 4, batch_first=True)

        def forward(self, inputs):
            return self.second(self.memory(self.first(inputs)[:, None])[0][:, 0])

    model = Tied()
    inputs, targets = torch.rand(6, 4), torch.arange(6) % 4
    found = scores(model, "snip", inputs, targets)
    assert list(found) == ["first.weight"]
    nn.functional.cross_entropy(model(inputs), targets).backward()
    torch.testing.assert_close(found["first.weight"], (model.first.weight * model.first.weight.grad).abs().detach())
    half = scores(nn.Linear(4, 3).bfloat16(), "snip", inputs.bfloat16(), targets % 3)["weight"]
    assert half.dtype == torch.bfloat16
    assert int(keep_largest({"weight": half}, 0.5)["weight"].sum()) == 6


drawn = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=3), min_size=1, max_size=4)


def values_of(shapes, seed, ties):
    random = torch.Generator().manual_seed(seed)
    values = {f"w{i}": torch.randn(shape, generator=random) for i, shape in enumerate(shapes)}
    return {name: value.mul(2).round() for name, value in values.items()} if ties else values


@given(drawn, st.integers(0, 2**31), st.floats(0.01, 1), st.booleans())
@settings(max_examples=40)
def test_masks_equal_a_stable_sort(shapes, seed, density, ties):
    values = values_of(shapes, seed, ties)
    pooled = np.concatenate([value.numpy().ravel() for value in values.values()])
    kept = np.zeros(pooled.size, bool)
    kept[np.argsort(pooled, kind="stable")[pooled.size - round(density * pooled.size) :]] = True
    ours = keep_largest(values, density)
    assert np.array_equal(np.concatenate([mask.numpy().ravel() for mask in ours.values()]), kept)
    layerwise = keep_largest(values, dict.fromkeys(values, density))
    for name, value in values.items():
        assert torch.equal(layerwise[name], keep_largest({name: value}, density)[name])


def test_masks_of_magnitudes_are_those_of_one_round_of_pruning_and_of_torch():
    weights = {name: w.detach() for name, w in prunable_parameters(net()).items()}
    magnitudes = scores(net(), "magnitude")
    for density, scope in ((0.25, "global"), (dict.fromkeys(weights, 0.25), "layer")):
        ours, theirs = keep_largest(magnitudes, density), magnitude_masks(weights, rate=0.75, scope=scope)
        assert all(torch.equal(ours[name], theirs[name]) for name in weights)
    model = net()
    prune.global_unstructured([(model[i], "weight") for i in (0, 3, 6)], prune.L1Unstructured, amount=0.7)
    ours = keep_largest(magnitudes, 0.3)
    assert all(torch.equal(ours[f"{i}.weight"], model[i].weight_mask.bool()) for i in (0, 3, 6))


def test_a_share_of_nothing_keeps_nothing_in_a_layer():
    assert not keep_largest({"w": torch.rand(5)}, {"w": 0.0})["w"].any()


S = {"w": torch.rand(4, 3)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scores(net(), "size"), "unknown criterion 'size'"),
        (lambda: scores("net", "snip"), "model must be a torch nn.Module"),
        (lambda: scores(net(), "snip"), "criterion 'snip' needs a batch"),
        (lambda: scores(net(), "snip", BATCH[0], BATCH[1][:3]), "one batch of equal length"),
        (lambda: scores(net(), "snip", BATCH[0][:0], BATCH[1][:0]), "inputs"),
        (lambda: scores(net(), "snip", BATCH[0][:, :1], BATCH[1]), "do not go through the network"),
        (lambda: scores(net(), "snip", BATCH[0], BATCH[1] + 1), "data has a class 3"),
        (lambda: scores(net(), "snip", *BATCH, loss="hinge"), "unknown loss 'hinge'"),
        (lambda: scores(net(), "snip", BATCH[0] * torch.nan, BATCH[1]), "inputs .*NaN"),
        (lambda: scores(net(), "magnitude", names=["7.weight"]), "unknown parameter in names '7.weight'"),
        (lambda: scores(net(), "magnitude", names=[]), "names is empty"),
        (lambda: scores(net(), "grasp", *BATCH, temperature=0.0), "temperature must be positive"),
        (lambda: scores(net(), lambda weight, _: weight.sum()), "criterion must give scores of shape"),
        (lambda: scores(net(), lambda weight, _: weight / 0), "are not all finite"),
        (lambda: scores(nn.ReLU(), "magnitude"), "no weights to prune"),
        (lambda: keep_largest(S, 0.0), r"density must be in \(0, 1\], got 0"),
        (lambda: keep_largest(S, 1.1), "density must be"),
        (lambda: keep_largest(S, {"w": -0.1}), r"densities\['w'\] must be"),
        (lambda: keep_largest(S, {"v": 0.1}), "unknown layer in densities 'v'"),
        (lambda: keep_largest(S, {}), "no entry for 'w'"),
        (lambda: keep_largest({}, 0.5), "scores is empty"),
        (lambda: keep_largest({"w": torch.zeros(0)}, 0.5), "is empty"),
        (lambda: keep_largest({"w": torch.tensor([torch.nan])}, 0.5), "holds NaN"),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
