"""Random pruning of networks: budgets, controls, and what stays as it was."""

import math

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.masks import density, prunable_parameters, revived
from netopsy.data import digits
from netopsy.models import mlp, resnet
from netopsy.sparsity.criteria import keep_largest, scores
from netopsy.sparsity.random_pruning import grasp_densities, randomly_prune, snip_densities
from netopsy.sparsity.ratios import METHODS, layer_densities
from netopsy.training import Recipe, fit

DATA = digits()
BATCH = DATA.inputs[:500], DATA.targets[:500]


def net(width=4):
    return resnet(8, channels=1, width=width, shortcut="conv")


def shapes_of(model):
    return {name: tuple(weight.shape) for name, weight in prunable_parameters(model).items()}


@pytest.mark.parametrize("method", [*METHODS, "snip", "grasp"])
def test_every_method_keeps_the_budget_and_leaves_the_network(method, left_as_found):
    model = net()
    before = left_as_found(model)
    found = randomly_prune(model, 0.3, method, inputs=BATCH[0], targets=BATCH[1])
    assert left_as_found(model) == before
    assert found.density == pytest.approx(0.3, abs=len(found.masks) / 2 / 5_000)
    assert not revived(found.network, found.masks)
    for name, mask in found.masks.items():
        ours, theirs = found.network.get_parameter(name), model.get_parameter(name)
        assert torch.equal(ours[mask], theirs[mask])
    if method in METHODS:
        assert found.densities == layer_densities(shapes_of(model), 0.3, method)


def test_scores_give_the_shares_of_their_own_global_mask():
    model = net()
    for criterion, shares in (
        ("snip", snip_densities(model, *BATCH, 0.1, init=None)),
        ("grasp", grasp_densities(model, *BATCH, 0.1, init=None, per_class=None)),
    ):
        masks = keep_largest(scores(model, criterion, *BATCH), 0.1)
        assert shares == pytest.approx({name: density({name: mask}) for name, mask in masks.items()})
    redrawn = snip_densities(model, *BATCH, 0.1)
    assert redrawn != snip_densities(model, *BATCH, 0.1, init=None)
    assert redrawn == snip_densities(net(), *BATCH, 0.1)
    assert redrawn != snip_densities(model, *BATCH, 0.1, seed=1)


def test_grasp_takes_as_many_samples_of_each_class(monkeypatch):
    from netopsy.sparsity.random_pruning import score_ratios

    seen = []

    def note(model, criterion, inputs, targets, **options):
        seen.append(targets)
        return scores(model, "random")

    monkeypatch.setattr(score_ratios, "scores", note)
    grasp_densities(net(), *BATCH, 0.1, per_class=7)
    assert seen[0].bincount().tolist() == [7] * 10


def test_masks_hold_through_training_with_momentum_and_decay():
    found = randomly_prune(mlp([64, 20, 10]), 0.1)
    fit(
        found.network,
        DATA,
        Recipe(steps=10, optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=0.1),
        masks=found.masks,
    )
    assert not revived(found.network, found.masks)
    assert density(found.masks) == pytest.approx(0.1, abs=1e-3)


def test_scaled_initial_values_keep_the_variance_of_what_comes_in():
    model = mlp([400, 300, 300])
    found = randomly_prune(model, 0.1, "uniform", init_scale=True)
    for name, mask in found.masks.items():
        kept = found.network.get_parameter(name)[mask]
        assert kept.std().item() == pytest.approx(math.sqrt(2 / (mask.shape[1] * 0.1)), rel=0.05)
    with torch.no_grad():
        inputs = torch.randn(200, 400)
        plain = randomly_prune(model, 0.1, "uniform").network
        scaled = [nn.Sequential(*list(each.children())[:2])(inputs) for each in (found.network, plain)]
    assert scaled[0].var() > 5 * scaled[1].var()


def test_a_layer_that_would_be_empty_keeps_a_weight_and_is_reported():
    found = randomly_prune(mlp([3, 3, 200, 3]), 0.004, "uniform")
    assert "fc1.weight" in found.raised
    assert int(found.masks["fc1.weight"].sum()) == 1
    first, *lines = found.report().splitlines()
    assert first.split() == ["layer", "weights", "kept", "density"]
    assert lines[0].split() == ["fc1.weight", "(raised)", "9", "1", "0.111"]
    assert lines[-1].split()[0] == "all"


def test_grouped_transposed_and_recurrent_layers():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.grouped = nn.Conv2d(8, 8, 3, groups=8)
            self.up = nn.ConvTranspose2d(8, 4, 2)
            self.memory = nn.LSTM(4, 4)
            self.out = nn.Linear(4, 2)

    model = Odd()
    found = randomly_prune(model, 0.5, exclude=["out"])
    assert list(found.masks) == ["grouped.weight", "up.weight"]
    assert sum(int(mask.sum()) for mask in found.masks.values()) == pytest.approx(0.5 * (72 + 128), abs=1)


def test_the_shares_are_drawn_the_first_on_top():
    found = randomly_prune(net(), 0.3)
    ax = found.plot()
    assert [text.get_text() for text in ax.get_yticklabels()][:2] == ["stem.conv.weight", "stage1.block1.conv1.weight"]
    shares = [100 * density({name: mask}) for name, mask in found.masks.items()]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(shares)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: randomly_prune(net(), 0.3, "erkk"), "unknown method 'erkk'"),
        (lambda: randomly_prune(net(), 0), r"density must be in \(0, 1\]"),
        (lambda: randomly_prune(net(), 0.3, "snip"), "needs a batch"),
        (lambda: randomly_prune(net(), 0.3, "snip", inputs=BATCH[0], targets=BATCH[1], dense=["x"]), "dense goes with"),
        (lambda: randomly_prune(net(), 0.3, dense=["x"]), "unknown layer in dense 'x'"),
        (lambda: randomly_prune(net(), 0.3, exclude=["x"]), "unknown module in exclude 'x'"),
        (lambda: randomly_prune(nn.ReLU(), 0.3), "no weights to prune"),
        (lambda: randomly_prune(net(), 0.3, min_per_layer=1000), "fewer than min_per_layer=1000"),
        (lambda: snip_densities(net(), *BATCH, 2.0), r"density must be in \(0, 1\]"),
        (lambda: snip_densities(net(), BATCH[0][:, :, 0], BATCH[1], 0.1), "do not go through the network"),
        (lambda: snip_densities(net(), *BATCH, 0.1, init="xavier"), "unknown initialisation scheme"),
        (lambda: grasp_densities(net(), *BATCH, 0.1, per_class=400), "fewer than per_class=400"),
        (lambda: grasp_densities(net(), *BATCH, 0.1, per_class=0), "per_class must be at least 1"),
        (lambda: grasp_densities(net(), BATCH[0], BATCH[0], 0.1), "targets must be class numbers"),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
