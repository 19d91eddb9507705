"""All ways of pruning: each keeps to its share of the weights and to its steps, and leaves the network as it was."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from netopsy.core.errors import InputError
from netopsy.core.masks import density, prunable_parameters, revived
from netopsy.core.units import compact, unit_groups
from netopsy.data import digits
from netopsy.models import mlp
from netopsy.sparsity.comparison import METHODS, Budget, check_prunable, never_pruned, prune
from netopsy.sparsity.comparison.redrawing import redraw
from netopsy.training import Recipe

DATA = digits()[:300]
BUDGET = Budget(Recipe(steps=24, batch_size=50, lr=0.01), rounds=2, candidates=5)


@pytest.mark.parametrize("method", METHODS)
def test_each_way_keeps_its_share_within_the_budget_and_repeats_itself(method):
    net = mlp([64, 20, 20, 10], seed=3)
    before = copy.deepcopy(net.state_dict())
    found = prune(net, DATA, BUDGET, method, sparsity=0.8, seed=1)
    again = prune(net, DATA, BUDGET, method, sparsity=0.8, seed=1)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not revived(found.network, found.masks)
    assert 0 < found.steps <= 24
    weights = {name: found.masks[name] for name in prunable_parameters(net)}
    total = sum(mask.numel() for mask in weights.values())
    if method == "random-search":
        assert 0.1 < density(weights) <= 0.2
    else:
        assert abs(density(weights) - 0.2) <= 3 / total
    for name, value in found.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name


def test_random_search_ends_in_smaller_layers_that_compute_the_same():
    found = prune(mlp([64, 20, 20, 10], seed=3), DATA, BUDGET, "random-search", sparsity=0.8)
    smaller = compact(found.network, unit_groups(found.network, DATA.inputs[:2]), found.units)
    torch.testing.assert_close(smaller(DATA.inputs[:9]), found.network(DATA.inputs[:9]))
    assert sum(p.numel() for p in smaller.parameters()) < 0.25 * sum(p.numel() for p in found.network.parameters())


@pytest.mark.parametrize("method", ["magnitude", "jackpot"])
def test_a_trained_network_is_pruned_as_it_is(method):
    trained = mlp([64, 20, 10], seed=5)
    found = prune(mlp([64, 20, 10], seed=6), DATA, BUDGET, method, sparsity=0.5, trained=trained)
    kept = found.masks["fc1.weight"]
    if method == "jackpot":
        assert torch.equal(found.network.fc1.weight[kept], trained.fc1.weight[kept])
    else:
        pooled = torch.cat([weight.abs().flatten() for weight in prunable_parameters(trained).values()])
        assert torch.equal(kept, trained.fc1.weight.abs() >= pooled.sort().values[len(pooled) // 2])
    assert 18 <= found.steps <= 24


def test_a_search_by_epochs_keeps_to_a_budget_of_less_than_one():
    budget = Budget(Recipe(steps=8, batch_size=50, lr=0.01), rounds=1)
    found = prune(mlp([64, 20, 10], seed=6), digits()[:700], budget, "jackpot", sparsity=0.5)
    assert found.steps == 8


def test_the_parts_of_a_budget_share_the_steps_and_the_schedule():
    whole = Recipe(steps=100, schedule="step", milestones=(50, 80), warmup=10)
    assert (Budget(whole).part(4).steps, Budget(whole).part(4).milestones, Budget(whole).part(4).warmup) == (
        25,
        (12, 20),
        3,
    )
    assert Budget(whole).rest(40).steps == 60
    with pytest.raises(InputError, match="7 steps are too few for 3 rounds of pruning: at least 8"):
        Budget(Recipe(steps=7))
    with pytest.raises(InputError, match="rewind must be a share"):
        Budget(whole, rewind=1.0)
    with pytest.raises(InputError, match="rounds must be an int of at least 1"):
        Budget(whole, rounds=0)


def test_what_cannot_be_pruned_is_told_before_training():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    check_prunable(net, DATA, "snip", sparsity=0.9)
    for options, message in (
        (("random-search", 0.9), "no hidden units"),
        (("snip", 0.9999), "would leave none of the network's 640 weights"),
        (("snip", 1.0), "sparsity must be between 0 and 1, got 1.0"),
        (("magic", 0.5), "unknown method 'magic'"),
    ):
        with pytest.raises(InputError, match=message):
            check_prunable(net, DATA, options[0], sparsity=options[1])
    with pytest.raises(InputError, match="cannot keep only 0.1 % of the weights"):
        check_prunable(mlp([64, 20, 10]), DATA, "random-search", sparsity=0.999)


def test_what_is_never_pruned_is_named():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.look, self.out = nn.Embedding(7, 4), nn.MultiheadAttention(4, 2), nn.Linear(4, 2)
            self.out_again = nn.Linear(4, 2)
            self.out_again.weight = self.out.weight

    assert never_pruned(Tokens()) == {"words.weight": 28, "look.in_proj_weight": 48}


def test_redrawn_layers_are_new_and_follow_the_global_seed():
    net = mlp([6, 5, 2], seed=0)
    before = net.fc1.weight.clone()
    drawn = []
    for _ in range(2):
        torch.manual_seed(4)
        redraw(net)
        drawn.append(net.fc1.weight.clone())
    assert torch.equal(*drawn)
    assert not torch.equal(before, drawn[0])


def test_attention_bare_parameters_and_masked_weights_are_redrawn_too():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.place = nn.Parameter(3 + 0.1 * torch.randn(8, 4))
            self.look = nn.MultiheadAttention(4, 2)
            self.pruned, self.normed = nn.Linear(4, 4), nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))
            torch_prune.l1_unstructured(self.pruned, "weight", 0.5)

        def reset_parameters(self, gain):
            raise AssertionError("nobody knows the gain")

    model = Odd()
    before = {name: value.clone() for name, value in model.named_parameters() if value.std() > 0}
    assert len(before) == 8
    redraw(model)
    assert [name for name, value in before.items() if torch.equal(value, model.get_parameter(name))] == []
    assert model.place.mean().item() == pytest.approx(3, abs=0.1)
    assert model.place.std().item() == pytest.approx(0.1, rel=0.4)
