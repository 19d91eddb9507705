"""A layer that the network holds under two names is left as it was, and masked once."""

import torch
from torch import nn

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
