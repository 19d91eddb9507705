import torch
from torch.fx import GraphModule

from netopsy.training.tracing import traced


def step(weights, counts, inputs):
    counts.add_(1)
    noise = torch.rand_like(inputs)
    return (inputs @ weights["w"]).relu().sum() + 0 * noise.sum()


def test_traced_functions_give_the_same_and_go_on_changing_what_they_change():
    weights, counts, inputs = {"w": torch.randn(3, 2)}, torch.zeros(2), torch.randn(4, 3)
    random = torch.random.get_rng_state()
    graph = traced(step, weights, counts, inputs)
    assert isinstance(graph, GraphModule)
    assert torch.equal(random, torch.random.get_rng_state())
    assert (counts == 0).all()
    other = torch.randn(4, 3)
    assert graph(weights, counts, other) == step(weights, torch.zeros(2), other)
    assert (counts == 1).all()


def test_what_cannot_be_traced_is_handed_back():
    def branches(x):
        return x + 1 if x.sum().item() > 0 else x - 1

    assert traced(branches, torch.ones(2)) is branches
