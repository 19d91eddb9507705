"""The interaction basis: identities, invariance, closed forms, and what it is compared with."""

import networkx as nx
import numpy as np
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.capture import layer_activations
from netopsy.landscape.interaction_basis import (
    edges_required,
    interaction_basis,
    interaction_edges,
    interaction_modules,
    neuron_basis,
    nodes_required,
    pca_basis,
)
from netopsy.landscape.interaction_basis.ablation import _Section

INPUTS = torch.randn(300, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LAYERS = ["1", "3", "4"]


def net(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 7), nn.Tanh(), nn.Linear(7, 4)).double()
    with torch.no_grad():
        for layer in (model[0], model[2], model[4]):
            layer.weight.mul_(2)
    return model


def gram(values):
    return values.flatten(0, 1).T @ values.flatten(0, 1) / len(values)


def jacobian_gram(part, values, columns):
    rows = [torch.autograd.functional.jacobian(lambda v: part(v) @ columns, value) for value in values]
    return sum(each.T @ each for each in rows) / len(values)


@pytest.mark.parametrize("target", ["output", "next"])
def test_features_are_uncorrelated_and_the_jacobian_is_orthonormal_in_them(target, left_as_found):
    model = net().train()
    before = left_as_found(model)
    inputs = INPUTS[:25]
    basis = interaction_basis(model, LAYERS, inputs, target=target, batch_size=10)
    assert left_as_found(model) == before
    seen = layer_activations(model, inputs, LAYERS)
    for place, layer in enumerate(LAYERS[:-1]):
        features = basis.transform(layer, seen[layer])
        torch.testing.assert_close(gram(features), basis.eigenvalues[layer].diag(), atol=1e-6, rtol=1e-6)
        end = LAYERS[-1] if target == "output" else LAYERS[place + 1]
        part = model[int(layer) + 1 : int(end) + 1]
        effect = jacobian_gram(part, seen[layer], basis.C[end][:-1, 1:])
        back = basis.C_pinv[layer][1:, :-1]
        own = back @ effect @ back.T
        torch.testing.assert_close(own, torch.eye(len(own), dtype=own.dtype), atol=1e-6, rtol=1e-6)
        projector = basis.C[layer] @ basis.C_pinv[layer]
        torch.testing.assert_close(projector @ projector, projector, atol=1e-6, rtol=1e-6)
        assert round(float(projector.trace())) == basis.C[layer].shape[1]
    assert basis.C["3"].shape == (8, 5)  # seven units and the constant; four outputs and the constant
    assert (basis.transform("3", seen["3"])[..., 0] == 1).all()
    whole = pca_basis(model, LAYERS, inputs)
    torch.testing.assert_close(whole.inverse("3", whole.transform("3", seen["3"])), seen["3"])
    assert len(basis.plot().lines) == 3


def reparameterised(model, matrices):
    """Each tanh is followed by a matrix that the next layer undoes."""
    parts = []
    for part in model:
        parts.append(part)
        if isinstance(part, nn.Tanh):
            turn, undo = (nn.Linear(len(a := matrices[len(parts)]), len(a), bias=False).double() for _ in (0, 1))
            turn.weight.data, undo.weight.data = a, torch.linalg.inv(a)
            parts += [turn, undo]
    return nn.Sequential(*parts)


def test_features_do_not_depend_on_how_a_layer_is_parametrised():
    model = net()
    random = torch.Generator().manual_seed(3)
    matrices = {2: torch.randn(9, 9, generator=random).double(), 6: torch.randn(7, 7, generator=random).double()}
    other = reparameterised(model, matrices)
    names = ["2", "6", "8"]
    for make, same in ((interaction_basis, True), (pca_basis, False)):
        first, second = make(model, LAYERS, INPUTS), make(other, names, INPUTS)
        for one, two in zip(LAYERS[:-1], names[:-1], strict=True):
            ours = first.transform(one, layer_activations(model, INPUTS, one)[one]).abs()
            theirs = second.transform(two, layer_activations(other, INPUTS, two)[two]).abs()
            difference = float((ours - theirs).abs().max() / ours.max())
            assert difference < 1e-5 if same else difference > 0.1


def test_of_a_linear_network_with_white_inputs_the_eigenvalues_are_squared_singular_values():
    torch.manual_seed(0)
    white = torch.linalg.qr(torch.randn(200, 6, dtype=torch.float64)).Q * 200**0.5
    model = nn.Sequential(nn.Identity(), nn.Linear(6, 4, bias=False)).double()
    basis = interaction_basis(model, ["0", "1"], white, center=False)
    wanted = torch.linalg.svdvals(model[1].weight) ** 2
    torch.testing.assert_close(basis.eigenvalues["0"][1:], wanted, rtol=1e-9, atol=0)
    probed = interaction_basis(model, ["0", "1"], white, center=False, n_sources=100, seed=1)
    torch.testing.assert_close(probed.eigenvalues["0"][1:], wanted, rtol=0.1, atol=0)


def test_edges_are_mean_squared_attributions_for_every_rule():
    model = net()
    basis = interaction_basis(model, LAYERS, INPUTS)
    edges = interaction_edges(model, basis, INPUTS, batch_size=128)["3", "4"]
    (into, shift), (back, _) = basis.inward("3", INPUTS), basis.outward("3", INPUTS)
    features = layer_activations(model, INPUTS, "3")["3"] @ into + shift
    linear = (back @ model[4].weight.T).T  # the last section is linear: all points give one derivative
    wanted = (linear[:, :, None] * features.T[None]).square().mean(2)
    torch.testing.assert_close(edges, wanted)
    for rule, points in (("gauss_legendre", 3), ("trapezoid", 4)):
        torch.testing.assert_close(
            interaction_edges(model, basis, INPUTS, rule=rule, n_points=points)["3", "4"], wanted
        )
    curved = [
        interaction_edges(model, basis, INPUTS[:20], rule=rule, n_points=points)["1", "3"]
        for rule, points in (("gauss_legendre", 12), ("trapezoid", 40))
    ]
    torch.testing.assert_close(curved[0], curved[1], rtol=1e-3, atol=1e-6)


def blocks():
    """Two networks side by side that do not see each other, on all pairs of their inputs, each layer turned."""
    torch.manual_seed(1)
    first, second = torch.randn(2, 14, 3, dtype=torch.float64)
    inputs = torch.cat([first.repeat_interleave(14, 0), second.repeat(14, 1)], 1)
    parts = []
    for size in (3, 4, 4):
        layer = nn.Linear(2 * size, 8)
        with torch.no_grad():
            layer.weight[:4, size:] = 0
            layer.weight[4:, :size] = 0
            layer.weight.mul_(2)
        parts += [layer, nn.Tanh()]
    turned = reparameterised(
        nn.Sequential(*parts[:-1]).double(),
        {2: torch.linalg.qr(torch.randn(8, 8).double()).Q, 6: torch.randn(8, 8).double()},
    )
    return turned, ["2", "6", "8"], inputs


def test_two_blocks_come_apart_again_after_each_layer_was_turned():
    model, layers, inputs = blocks()
    basis = interaction_basis(model, layers, inputs)
    edges = interaction_edges(model, basis, inputs)
    owner = {("8", i): i // 4 for i in range(8)}
    for start, end in (("6", "8"), ("2", "6")):
        for j, column in enumerate(edges[start, end].T):
            weights = [sum(float(v) for i, v in enumerate(column) if owner[end, i] == block) for block in (0, 1)]
            assert min(weights) < 1e-12 * max(weights)
            owner[start, j] = weights.index(max(weights))
    belongs = {frozenset(node for node, block in owner.items() if block == k) for k in (0, 1)}
    found = interaction_modules(edges, 1e-6, resolution=0.5)
    assert set(found.communities) == belongs
    assert found.modularity > 0


def test_modules_of_a_known_graph_are_the_best_there_are():
    """Of the karate club's graph the largest modularity of any division is .4198, in four communities."""
    karate = nx.to_numpy_array(nx.karate_club_graph(), weight=None)
    size = len(karate)
    edges = {("a", "a"): torch.from_numpy(np.triu(karate)).T * 10.0}  # one logarithm above the threshold
    found = interaction_modules(edges, 1.0)
    assert found.modularity == pytest.approx(0.4197896, abs=1e-7)
    assert len(found.communities) == 4
    assert sum(map(len, found.communities)) == size
    assert interaction_modules(edges, 1.0) == found


def test_fewest_features_and_edges_are_found():
    """A network whose answers all are one feature of its input needs one feature a layer, and no more edges."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Identity(), nn.Linear(6, 5), nn.Linear(5, 2)).double()
    with torch.no_grad():
        direction = torch.randn(6, dtype=torch.float64)
        model[1].weight.copy_(torch.outer(torch.randn(5, dtype=torch.float64), direction))
        model[2].weight[1] = -model[2].weight[0]
        model[2].bias.zero_()
        model[2].bias -= model[2](model[1].bias[None])[0]
    truth = model(INPUTS).argmax(1)

    def accuracy(outputs):
        return (outputs.argmax(1) == truth).double().mean().item()

    layers = ["0", "1", "2"]
    basis = interaction_basis(model, layers, INPUTS, threshold=1e-9)
    edges = interaction_edges(model, basis, INPUTS)
    nodes = nodes_required(model, basis, INPUTS, accuracy, batch_size=100)
    assert {layer: (found.count, found.total) for layer, found in nodes.items()} == {"0": (1, 1), "1": (1, 1)}
    needed = edges_required(model, basis, edges, INPUTS, accuracy, batch_size=100)
    assert (needed["0", "1"].count, needed["1", "2"].count) == (1, 2)  # two outputs of one feature
    assert needed["1", "2"].tried[2] == 1.0
    assert needed["1", "2"].least == float(edges["1", "2"].min())
    whole = neuron_basis(model, layers, INPUTS)
    own = edges_required(model, whole, interaction_edges(model, whole, INPUTS), INPUTS, accuracy, tolerance=0)
    assert own["0", "1"].total == 30
    assert own["0", "1"].count > 1


def test_each_output_of_an_ablated_section_sees_its_own_inputs():
    model = net()
    basis = neuron_basis(model, LAYERS, INPUTS)
    section = _Section(model, basis, "1", "3", INPUTS[:20], 512)
    mask = torch.rand(7, 9) < 0.5
    seen = layer_activations(model, INPUTS[:20], "1")["1"]
    mean = layer_activations(model, INPUTS, "1")["1"].mean(0)
    wanted = [model[3](model[2](torch.where(row, seen, mean)))[:, i] for i, row in enumerate(mask)]
    torch.testing.assert_close(section.masked(mask), torch.stack(wanted, 1).detach())


def test_images_and_sequences_have_positions():
    torch.manual_seed(0)
    conv = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 2), nn.Flatten(), nn.Linear(36, 3)
    )
    images = torch.randn(40, 2, 4, 4)
    basis = interaction_basis(conv, ["", "2", "3", "5"], images)
    seen = layer_activations(conv, images, ["2", "3"])
    assert basis.transform("2", seen["2"]).shape == (40, 16, basis.C["2"].shape[1])
    torch.testing.assert_close(
        basis.inverse("2", basis.transform("2", seen["2"])).float(), seen["2"], atol=1e-4, rtol=1e-3
    )
    edges = interaction_edges(conv, basis, images[:5])
    assert edges["2", "3"].shape == (basis.C["3"].shape[1] - 1, basis.C["2"].shape[1] - 1)
    by_one = [interaction_edges(conv, basis, images[i : i + 1])["3", "5"] for i in range(5)]
    torch.testing.assert_close(edges["3", "5"], sum(by_one) / 5, rtol=1e-4, atol=1e-8)
    sequence = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.GRU(5, 4, batch_first=True))
    steps = torch.randn(30, 7, 3)
    found = interaction_basis(sequence, ["1", "2"], steps)
    assert found.C["1"].shape[0] == 6


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, inputs):
        return inputs + self.second(self.first(inputs).relu())


@pytest.mark.usefixtures("unchecked")
def test_bad_input():
    model = net()
    shared = nn.Linear(6, 6).double()
    basis = pca_basis(model, LAYERS, INPUTS)
    edges = interaction_edges(model, basis, INPUTS)
    for call, words in (
        (lambda: interaction_basis(model, ["3", "1"], INPUTS), "in the order of the forward pass"),
        (lambda: interaction_basis(model, ["1"], INPUTS), "at least two layers"),
        (lambda: interaction_basis(Residual().double(), ["first", "second", "net"], INPUTS), "unknown layer 'net'"),
        (
            lambda: interaction_basis(nn.Sequential(Residual()).double(), ["0.first", "0"], INPUTS),
            "a way around '0.first'",
        ),
        (lambda: interaction_basis(model, ["1", "1"], INPUTS), "same layer twice"),
        (
            lambda: interaction_basis(nn.Sequential(shared, nn.Tanh(), shared), ["1", "0#2"], INPUTS),
            "shares parameters",
        ),
        (
            lambda: interaction_basis(nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh()), ["1", "3"], INPUTS),
            "shares parameters",
        ),
        (lambda: interaction_basis(model, LAYERS, INPUTS * torch.inf), "NaN or infinite"),
        (lambda: interaction_basis(model, LAYERS, INPUTS, target="both"), "target must be"),
        (lambda: interaction_basis(model, LAYERS, INPUTS, n_sources=0), "n_sources must be"),
        (lambda: pca_basis(model, LAYERS, INPUTS, threshold=1.0), "threshold must lie"),
        (lambda: interaction_edges(model, basis, INPUTS, rule="simpson"), "unknown rule 'simpson'"),
        (lambda: interaction_edges(model, None, INPUTS), "basis must come from"),
        (
            lambda: interaction_edges(
                nn.Sequential(*net()[:1], *net()[1:3], nn.Tanh(), nn.Linear(7, 2)).double(), basis, INPUTS
            ),
            "another network",
        ),
        (lambda: edges_required(model, basis, {}, INPUTS, len), "edges must come from"),
        (lambda: edges_required(model, basis, {("3", "4"): edges["3", "4"]}, INPUTS, len), "no entry"),
        (lambda: nodes_required(model, basis, INPUTS, lambda outputs: torch.nan), "metric must be a number"),
        (lambda: interaction_modules(edges, 0.0), "eps must be positive"),
        (lambda: interaction_modules(edges, 1e9), "no edge exceeds eps"),
        (lambda: basis.transform("1", torch.zeros(3, 2)), "must have 9 units"),
        (lambda: basis.inverse("9", torch.zeros(3, 1, 2)), "unknown layer '9'"),
    ):
        with pytest.raises(InputError, match=words):
            call()
    with pytest.warns(UserWarning, match="for want of inputs"):
        interaction_basis(model, LAYERS, INPUTS[:5])
