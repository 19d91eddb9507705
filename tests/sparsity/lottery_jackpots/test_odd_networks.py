"""Networks with a layer under two names, and loaders whose batches do not fit."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.data import digits
from netopsy.sparsity.lottery_jackpots import find_jackpot


def test_a_layer_under_two_names_is_left_as_it_was():
    layer = nn.Linear(8, 8)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), layer, nn.ReLU(), layer, nn.Linear(8, 10))
    weight = layer.weight
    found = find_jackpot(net, digits()[:100], sparsity=0.5, epochs=1, batch_size=50, layer_rates="uniform")
    assert net[5].weight is weight
    assert isinstance(net[5].weight, nn.Parameter)
    assert torch.equal(found.export()[5].weight, weight * found.masks["3.weight"])


def test_targets_of_a_loader_that_do_not_fit_are_refused():
    data = digits()[:60]
    batches = [(data.inputs[:30], data.targets[:30]), (data.inputs[30:], data.targets[30:] + 20)]
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    with pytest.raises(InputError, match="data gave targets that do not fit"):
        find_jackpot(net, batches, sparsity=0.5, epochs=1)
