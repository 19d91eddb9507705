import pytest
import torch
from torch import nn
from torch.func import grad, vmap

from netopsy.core.computed import call_with


class UnderTwoNames(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        self.again = self.shared

    def forward(self, inputs):
        return self.again(self.shared(inputs))


@pytest.mark.parametrize("model", [UnderTwoNames(), nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))])
def test_a_network_keeps_its_very_parameters_and_buffers(model):
    model.eval()
    held = {id(value): value.clone() for value in (*model.parameters(), *model.buffers())}
    inputs = torch.rand(4, 3)
    before = model(inputs)

    def loss(values, sample):
        return call_with(model, values, sample[None]).sum()

    values = {name: value.detach() * 2 for name, value in model.named_parameters()}
    vmap(grad(loss), in_dims=(None, 0))(values, inputs)
    after = (*model.parameters(), *model.buffers())
    assert {id(value) for value in after} == set(held)
    assert all(torch.equal(value, held[id(value)]) for value in after)
    assert torch.equal(model(inputs), before)
    assert not torch.equal(call_with(model, values, inputs), before)


def test_a_network_of_several_inputs():
    model = nn.Bilinear(2, 3, 1)
    a, b = torch.rand(4, 2), torch.rand(4, 3)
    values = {name: torch.zeros_like(value) for name, value in model.named_parameters()}
    assert torch.equal(call_with(model, values, a, b), torch.zeros(4, 1))
