import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from netopsy import InputError
from netopsy.core.drawing import figure
from netopsy.interpretability.causal_paths import (
    ablated_model,
    causal_attribution,
    causal_maps_by_effect,
    discover_causal_graph,
    graph_similarity,
    path_effect,
    restricted_model,
)
from netopsy.interpretability.causal_paths.weight_layers import weight_layers
from netopsy.models import conv_net, resnet18, small_conv_net


def linear(*weights, bias=False):
    layers = []
    for weight in weights:
        weight = torch.as_tensor(weight, dtype=torch.float64)
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias).double()
        layer.weight.data.copy_(weight)
        layers.append(layer)
    return nn.Sequential(*layers)


def small_net(groups=1, padding_mode="zeros"):
    """A grouped convolution, a plain one, a flattening and two dense layers."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, groups=groups, padding_mode=padding_mode),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=groups),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 9, 5),
        nn.ReLU(),
        nn.Linear(5, 3),
    ).double()


def images(count=7, side=6):
    return torch.randn(count, 2, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_editing_weights(model, layer, node, effects, given, block, u=0.0):
    """The oracle: a copy with the weights overwritten, and a whole forward pass."""
    other = copy.deepcopy(model).eval()
    module = dict(other.named_modules())[layer]
    with torch.no_grad():
        if isinstance(module, nn.Linear):
            module.weight[effects, node * block : (node + 1) * block] = u
        else:
            own, per_group = module.weight.shape[1], len(module.weight) // module.groups
            for effect in effects:
                if effect // per_group == node // own:
                    module.weight[effect, node % own] = u
        return other(given)


@pytest.mark.parametrize("u", [0.0, 0.3])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
def test_effects_equal_writing_the_weights_and_running_the_whole_network(groups, u, padding_mode):
    model, x = small_net(groups, padding_mode).eval(), images()
    before = model(x)
    for layer, node, effects, block in [
        ("0", 1, [0, 3], 1),
        ("2", 2, [1, 5, 4], 1),
        ("6", 3, [0, 2], 9),
        ("8", 4, [1], 1),
    ]:
        after = by_editing_weights(model, layer, node, effects, x, block, u)
        found = path_effect(model, layer, [node], effects, x, 1, u=u)
        torch.testing.assert_close(found.total, (after - before)[:, 1])
        torch.testing.assert_close(found.relative, after[:, 1] / before[:, 1] - 1)
        expected = nn.functional.kl_div(before.log_softmax(1), after.log_softmax(1), reduction="none", log_target=True)
        torch.testing.assert_close(found.kl, expected.sum(1))


def test_one_linear_layer_changes_by_exactly_its_term():
    weight, x = torch.randn(3, 4, dtype=torch.float64), torch.randn(6, 4, dtype=torch.float64)
    for node in range(4):
        found = path_effect(linear(weight), "0", [node], [2], x, 2).total
        torch.testing.assert_close(found, -weight[2, node] * x[:, node])


def test_two_linear_layers_change_by_the_sum_over_the_effects():
    first, second = torch.randn(5, 4, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    x, effects = torch.randn(6, 4, dtype=torch.float64), [0, 3]
    found = path_effect(linear(first, second), "0", [1], effects, x, 2).total
    torch.testing.assert_close(found, -(second[2, effects] @ first[effects, 1]) * x[:, 1])


def test_all_outputs_as_effects_equal_switching_the_node_off():
    model, x = small_net().eval(), images()
    before = model(x)

    def off(module, arguments):
        given = arguments[0].clone()
        given[:, 2] = 0
        return given

    handle = model[2].register_forward_pre_hook(off)
    after = model(x)
    handle.remove()
    torch.testing.assert_close(path_effect(model, "2", [2], range(6), x, 0).total, (after - before)[:, 0])


def test_several_nodes_are_overwritten_at_once():
    model, x = small_net().eval(), images()
    other = copy.deepcopy(model)
    other[2].weight.data[1, [0, 3]] = 0
    torch.testing.assert_close(path_effect(model, "2", [0, 3], [1], x, 0).total, (other(x) - model(x))[:, 0])


def test_z_and_the_rule_equal_numpy():
    model, x = small_net().eval(), images(60)
    target = int(model(x).argmax(1).mode().values)
    chosen = x[model(x).argmax(1) == target]
    before = model(chosen)[:, target].detach().numpy()
    graph = discover_causal_graph(model, x, target, alpha=0.05)
    assert graph.images == len(chosen)
    assert graph.score_mean == pytest.approx(before.mean())
    assert graph.score_sd == pytest.approx(before.std(ddof=1))
    top = graph["8"]
    for node in range(5):
        after = by_editing_weights(model, "8", node, [target], chosen, 1)[:, target].detach().numpy()
        z = (after.mean() - before.mean()) / math.sqrt(after.var(ddof=1) / len(after) + before.var(ddof=1) / len(after))
        assert top.z[node] == pytest.approx(z)
        if top.rule == "z test":
            assert (node in top.causes.tolist()) == (z < -1.6448536)
    assert torch.equal(graph["6"].effects, top.causes)


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_the_size_of_batches_does_not_matter(batch_size):
    model, x = small_net().eval(), images(30)
    graphs = [discover_causal_graph(model, x, 0, batch_size=size) for size in (256, batch_size)]
    for one, other in zip(graphs[0].layers, graphs[1].layers, strict=True):
        assert torch.equal(one.causes, other.causes)
        torch.testing.assert_close(one.z, other.z)


def test_positive_causes_of_a_linear_score():
    weight = [[3.0, -2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    x = torch.randn(200, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.1 + 1
    graph = discover_causal_graph(linear(torch.eye(4), weight), x, 0)
    assert graph["1"].causes.tolist() == [0, 3]
    assert graph["1"].rule == "z test"
    assert graph["0"].rule == "input"


def test_a_dead_unit_and_a_copy_that_counts_against_are_no_causes():
    net = linear(torch.ones(3, 2), [[1.0, 1.0, -0.5], [0.0, 0.0, 0.0]], bias=True)
    net[0].bias.data = torch.tensor([0.0, -1e6, 0.0], dtype=torch.float64)
    net[1].bias.data.zero_()
    model = nn.Sequential(net[0], nn.ReLU(), net[1])
    x = torch.rand(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 1
    graph = discover_causal_graph(model, x, 0)
    assert graph["2"].causes.tolist() == [0]


def test_without_variance_a_node_is_a_cause_if_it_lowers_the_score_at_all():
    x = torch.ones(3, 4, dtype=torch.float64)
    graph = discover_causal_graph(linear(torch.eye(4), [[1e-9, 0.0, -1.0, 2.0], [-9.0] * 4]), x, 0)
    assert graph["1"].causes.tolist() == [0, 3]
    assert graph["1"].z.isnan().all()


@pytest.mark.parametrize(
    ("weights", "bias", "rule", "causes"),
    [
        ([1.0, 0.05], 0.0, "relative effect", [0, 1]),
        ([-1.0, 1e-4], 300.0, "lowest quantile", [1]),
        ([1.0, 0.05], -1000.0, "lowest quantile", [0]),
    ],
)
def test_where_the_score_varies_too_much_for_the_test_the_fallback_is_said(weights, bias, rule, causes):
    x = torch.tensor([[1.0, 1.0], [1.0, 1.0], [200.0, 1.0]], dtype=torch.float64)
    model = linear(torch.eye(2), [weights, [0.0, 0.0]], bias=True)
    model[0].bias.data.zero_()
    model[1].bias.data = torch.tensor([bias, -1e6], dtype=torch.float64)
    graph = discover_causal_graph(model, x, 0)
    assert (graph["1"].rule, graph["1"].causes.tolist()) == (rule, causes)


def test_nothing_that_lowers_the_score_ends_the_graph():
    x = torch.rand(9, 2, dtype=torch.float64) + 1
    model = linear(torch.eye(2), torch.eye(2), [[-1.0, 0.0], [-2.0, 0.0]], bias=True)
    model[2].bias.data = torch.tensor([9.0, 0.0], dtype=torch.float64)
    graph = discover_causal_graph(model, x, 0)
    assert [layer.rule for layer in graph.layers] == ["none"]
    assert graph.nodes() == set()
    assert sorted(graph.to_networkx().nodes) == [("2", 0)]
    assert graph.plot(figure()[1]).texts


def test_the_network_is_left_as_it_was():
    model, x = small_conv_net(seed=0).train(), torch.rand(30, 1, 12, 12)
    model(x)
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    target = int(model.eval()(x).argmax(1).mode().values)
    model.train()
    graph = discover_causal_graph(model, x, target, u=(0.0, 0.01))
    restricted_model(model, graph)
    ablated_model(model, graph)
    causal_attribution(model, graph, x[:3], "features.conv2")
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(state, torch.get_rng_state())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_restricting_keeps_and_ablating_cuts_exactly_the_edges():
    model, x = small_net(groups=2).eval(), images(40)
    graph = discover_causal_graph(model, x, int(model(x).argmax(1).mode().values))
    kept, zeroed, cut = (
        restricted_model(model, graph),
        restricted_model(model, graph, rows="zero"),
        ablated_model(model, graph),
    )
    copies = [weight_layers(one, x) for one in (kept, zeroed, cut)]
    for layer, *others in zip(weight_layers(model, x), *copies, strict=True):
        part, edges = graph[layer.name], layer.edges()
        inside = torch.zeros(edges.shape[:2], dtype=torch.bool)
        inside[part.effects[:, None], part.causes] = True
        row = torch.zeros(len(edges), dtype=torch.bool)
        row[part.effects] = True
        for effect in range(len(edges)):
            for node in range(layer.nodes):
                same = edges[effect, node], torch.zeros_like(edges[effect, node])
                expected = (
                    (same[0] if inside[effect, node] or not row[effect] else same[1]),
                    (same[0] if inside[effect, node] else same[1]),
                    (same[1] if inside[effect, node] else same[0]),
                )
                for other, value in zip(others, expected, strict=True):
                    assert torch.equal(other.edges()[effect, node], value)
    only_top = ablated_model(model, graph, ["8"])
    assert torch.equal(only_top[2].weight, model[2].weight)
    assert not torch.equal(only_top[8].weight, model[8].weight)


def pruned(layer):
    return prune.random_unstructured(layer, "weight", 0.3)


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        pytest.param(nn.utils.weight_norm, marks=pytest.mark.filterwarnings("ignore::FutureWarning")),
        nn.utils.spectral_norm,
        pruned,
    ],
)
def test_edges_of_layers_that_compute_their_weight_are_cut_too(wrap, mode):
    torch.manual_seed(1)
    model = nn.Sequential(wrap(nn.Linear(4, 6)), nn.ReLU(), wrap(nn.Linear(6, 3))).eval()
    x = torch.rand(50, 4)
    with torch.no_grad():
        target = int(model(x).argmax(1).mode().values)
    graph = discover_causal_graph(model, x, target)
    model.train(mode)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    cut, kept = ablated_model(model, graph), restricted_model(model, graph)
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert cut.training == mode
    model.eval(), cut.eval(), kept.eval()
    with torch.no_grad():
        wanted = [model[index].weight.clone() for index in (0, 2)]
        model(x), cut(x), kept(x)
    for index, weight in zip((0, 2), wanted, strict=True):
        effects, causes = graph[str(index)].effects[:, None], graph[str(index)].causes
        assert (cut[index].weight[effects, causes] == 0).all()
        inside = torch.zeros_like(weight, dtype=torch.bool)
        inside[effects, causes] = True
        rows = torch.zeros_like(inside)
        rows[effects[:, 0]] = True
        torch.testing.assert_close(cut[index].weight, weight.where(~inside, torch.tensor(0.0)))
        torch.testing.assert_close(kept[index].weight, weight.where(inside | ~rows, torch.tensor(0.0)))
    with torch.no_grad():
        assert (cut(x) - model(x)).abs().max() > 1e-3


def test_a_weight_that_cannot_be_made_plain_is_named():
    layer = nn.Linear(3, 2)
    layer.halved = nn.Parameter(layer.weight.data / 2)
    del layer.weight
    layer.register_forward_pre_hook(lambda module, _: setattr(module, "weight", 2 * module.halved.detach()))
    model = nn.Sequential(layer)
    x = torch.rand(20, 3)
    graph = discover_causal_graph(model, x, int(model(x).argmax(1).mode().values))
    with pytest.raises(InputError, match="layer '0' computes its weight"):
        ablated_model(model, graph)


def test_soft_interventions_are_drawn_from_their_range_and_by_seed():
    model, x = small_net().eval(), images(30)
    one, same, other = (discover_causal_graph(model, x, 0, u=(0.2, 0.3), seed=seed) for seed in (0, 0, 1))
    torch.testing.assert_close(one["8"].effect_mean, same["8"].effect_mean)
    assert not torch.equal(one["8"].effect_mean, other["8"].effect_mean)
    low, high = (discover_causal_graph(model, x, 0, u=value)["8"].effect_mean for value in (0.2, 0.3))
    assert ((one["8"].effect_mean - low) * (one["8"].effect_mean - high) <= 1e-12).all()


def test_candidates_are_those_with_extreme_and_middling_weights():
    x = torch.rand(20, 40, dtype=torch.float64) + 1
    weights = torch.linspace(4, -1, 40, dtype=torch.float64)
    model = linear(torch.eye(40), torch.stack([weights, -weights]))
    graph = discover_causal_graph(model, x, 0, max_candidates=8)
    tested = graph["1"].tested.tolist()
    assert len(tested) == 8
    assert set(range(4)) <= set(tested)
    assert {38, 39} <= set(tested)
    assert any(15 < node < 25 for node in tested)


def test_a_chain_inside_a_network_with_shortcuts():
    model, x = (
        resnet18(channels=1, classes=3, widths=(4, 4, 4, 4), seed=0).double().eval(),
        torch.rand(12, 1, 8, 8).double(),
    )
    target = int(model(x).argmax(1).mode().values)
    with pytest.raises(InputError, match="give layers="):
        discover_causal_graph(model, x, target)
    names = ["stage4.block2.conv1", "stage4.block2.conv2"]
    graph = discover_causal_graph(model, x, target, layers=["stage4.block2.conv2", "output"])
    assert [layer.name for layer in graph.layers] == ["output", "stage4.block2.conv2"]
    found = path_effect(model, names[0], [2], [1, 3], x, target, layers=names).total
    after = by_editing_weights(model, names[0], 2, [1, 3], x, 1)
    torch.testing.assert_close(found, (after - model(x))[:, target])


def by_hand(layer, given, effect, causes, flip):
    """Maps of one effect by scipy, place by place."""
    from scipy.signal import correlate2d

    maps = []
    for image in given.numpy():
        answers = []
        for cause in causes:
            kernel = layer.weight[effect, cause].detach().numpy()
            kernel = kernel[::-1, ::-1] if flip else kernel
            seen = correlate2d(image[cause], kernel, mode="full" if flip else "same")
            answers.append(np.exp(seen - seen.max()) / np.exp(seen - seen.max()).sum())
        maps.append(np.mean(answers, 0))
    return torch.from_numpy(np.stack(maps))


@pytest.mark.parametrize("flip", [False, True])
def test_maps_equal_scipy(flip):
    torch.manual_seed(0)
    model = (
        nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(3, 4, 3, padding=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 2),
        )
        .double()
        .eval()
    )
    x = images(20)
    graph = discover_causal_graph(model, x, int(model(x).argmax(1).mode().values))
    part, given = graph["2"], model[:2](x[:4]).detach()
    maps = causal_maps_by_effect(model, graph, x[:4], "2", flip=flip, resize=False)
    assert maps.shape[:2] == (4, len(part.effects))
    for number, effect in enumerate(part.effects.tolist()):
        torch.testing.assert_close(maps[:, number], by_hand(model[2], given, effect, part.causes.tolist(), flip))
    total = causal_attribution(model, graph, x[:4], "2", flip=flip, resize=False, normalise=False)
    torch.testing.assert_close(total, maps.sum(1))
    assert causal_attribution(model, graph, x[:4], "2").shape == (4, 6, 6)
    torch.testing.assert_close(maps.sum((2, 3)), torch.ones_like(maps[:, :, 0, 0]))


def test_graph_for_networkx_and_its_drawing():
    model, x = conv_net(2, channels=1, size=8, widths=(6,), hidden=(10,), seed=0).eval(), torch.rand(60, 1, 8, 8)
    graph = discover_causal_graph(model, x, int(model(x).argmax(1).mode().values))
    drawn = graph.to_networkx()
    assert drawn.number_of_edges() == sum(len(layer.causes) * len(layer.effects) for layer in graph.layers)
    assert ("input", 0) in drawn
    assert drawn.out_degree(("classifier.output", graph.target)) == 0
    for layer in graph.layers[:-1]:
        effect = dict(zip(layer.tested.tolist(), layer.effect_mean.tolist(), strict=True))
        below = graph.layers[graph.layers.index(layer) + 1].name
        for cause in layer.causes.tolist():
            assert drawn.nodes[below, cause]["effect"] == pytest.approx(effect[cause])
    texts = [text.get_text() for text in graph.plot(figure()[1], class_name="seven", most=3).texts]
    assert "seven" in texts
    assert graph_similarity(graph, graph) == 1


@pytest.mark.parametrize("classes", [4, 8])
def test_a_chain_must_end_at_the_class_scores(classes):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).append(nn.Linear(8, classes))
    x = torch.rand(20, 3, 9, 9)
    target = int(model(x).argmax(1).mode().values)
    with pytest.raises(InputError, match="layers must end with the one whose outputs are the class scores"):
        discover_causal_graph(model, x, target, layers=["0", "2"])
    assert discover_causal_graph(model, x, target, layers=["2", "6"])["6"].effects.tolist() == [target]


@pytest.mark.parametrize("head", [nn.Identity(), nn.Softmax(1), nn.LogSoftmax(1)])
def test_what_follows_the_class_scores_without_weights_is_allowed(head):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head
    )
    x = torch.rand(20, 3, 9, 9)
    target = int(model(x).argmax(1).mode().values)
    assert discover_causal_graph(model, x, target).layers[0].effects.tolist() == [target]


def test_bad_input_is_named(unchecked):
    model, x = small_net().eval(), images(20)
    target = int(model(x).argmax(1).mode().values)
    with pytest.raises(InputError, match="target must be a class from 0 to 2, got 3"):
        discover_causal_graph(model, x, 3)
    with pytest.raises(InputError, match="at least two that the model gives class"):
        discover_causal_graph(model, x[model(x).argmax(1) != target], target)
    with pytest.raises(InputError, match="at least one"):
        discover_causal_graph(model, x[:0], target)
    with pytest.raises(InputError, match="NaN"):
        discover_causal_graph(model, x * torch.nan, target)
    with pytest.raises(InputError, match="alpha"):
        discover_causal_graph(model, x, target, alpha=0.7)
    with pytest.raises(InputError, match="u must be"):
        discover_causal_graph(model, x, target, u=(1.0, 0.0))
    with pytest.raises(InputError, match="not the same nodes"):
        discover_causal_graph(model, x, target, layers=["0", "6"])
    with pytest.raises(InputError, match="order in which they run"):
        discover_causal_graph(model, x, target, layers=["2", "0"])
    with pytest.raises(InputError, match="is a BatchNorm2d"):
        discover_causal_graph(model, x, target, layers=["3", "6"])
    with pytest.raises(InputError, match="nodes must be different whole numbers from 0 to 3"):
        path_effect(model, "2", [4], [0], x, 0)
    with pytest.raises(InputError, match="effects must be"):
        path_effect(model, "2", [0, 1], [], x, 0)
    with pytest.raises(InputError, match="unknown layer"):
        path_effect(model, "seven", [0], [0], x, 0)
    graph = discover_causal_graph(model, x, target)
    with pytest.raises(InputError, match="rows must be"):
        restricted_model(model, graph, rows="some")
    with pytest.raises(InputError, match="maps need a convolution"):
        causal_attribution(model, graph, x, "6")
    with pytest.raises(InputError, match="unknown layer of the graph"):
        causal_attribution(model, graph, x, "1")
    with pytest.raises(InputError, match="no convolution and no dense layer"):
        discover_causal_graph(nn.Flatten(), torch.eye(2)[[0, 0]], 0)
    shared = nn.Linear(4, 4).double()
    with pytest.raises(InputError, match="more than once"):
        path_effect(nn.Sequential(shared, nn.ReLU(), shared), "0", [0], [0], torch.rand(9, 4).double(), 0)


class Rearranged(nn.Module):
    """Between its two layers channels are treated as ``between`` says."""

    def __init__(self, between, channels=6):
        super().__init__()
        self.a, self.b, self.between = nn.Conv2d(2, channels, 3), nn.Conv2d(channels, 3, 3), between

    def forward(self, x):
        return self.b(self.between(self.a(x))).mean((2, 3))


@pytest.mark.parametrize(
    "between",
    [
        lambda x: x.relu().flip(1),
        nn.ChannelShuffle(2),
        lambda x: x.roll(1, 1),
        lambda x: x[:, [0, 1, 2, 3, 5, 4]].tanh(),
        lambda x: nn.functional.group_norm(x, 2).flip(1),
    ],
)
def test_channels_that_change_places_between_two_layers_are_refused(between):
    net = Rearranged(between)
    with pytest.raises(InputError, match="is not input"):
        weight_layers(net, torch.rand(2, 2, 8, 8))
    with pytest.raises(InputError, match="is not input"):
        path_effect(net, "b", [4], [0], torch.rand(2, 2, 8, 8), 0)


@pytest.mark.parametrize(
    "between",
    [
        nn.ReLU(),
        nn.BatchNorm2d(6),
        nn.GroupNorm(3, 6),
        nn.GroupNorm(1, 6),
        nn.LocalResponseNorm(3),
        nn.Sequential(nn.InstanceNorm2d(6), nn.MaxPool2d(2), nn.GELU()),
        lambda x: -x.relu(),
        lambda x: x * 0,
        lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    ],
)
def test_layers_between_that_keep_the_channels_are_allowed(between):
    net = Rearranged(between).eval()
    assert [layer.nodes for layer in weight_layers(net, torch.rand(2, 2, 12, 12))] == [2, 6]


@pytest.mark.parametrize("head", [nn.Softmax(1), nn.LogSoftmax(1)])
def test_probabilities_are_no_scores_of_a_softmax(head):
    net, given = small_net(), images()
    expected = path_effect(net, "2", [1, 2], [0, 3], given, 1)
    found = path_effect(nn.Sequential(*net, head), "2", [1, 2], [0, 3], given, 1)
    before = net.eval()(given).softmax(1)[:, 1]
    torch.testing.assert_close(found.kl, expected.kl)
    if isinstance(head, nn.Softmax):
        odds = (before / (1 - before)).log()
        assert not torch.allclose(odds, before)
        torch.testing.assert_close(found.relative, found.total / before)


def test_a_number_that_float32_does_not_hold_is_set_exactly():
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    net = nn.Sequential(nn.Linear(2, 2, bias=False)).double()
    net[0].weight.data.copy_(weight)
    given = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    assert path_effect(net, "0", [0], [0], given, 0, u=0.1).total.item() == pytest.approx(0.1 - 1.0, abs=1e-15)


def test_cutting_a_layer_leaves_the_one_that_shares_its_weight():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    given = torch.rand(50, 4)
    graph = discover_causal_graph(net, given, int(net(given).argmax(1).mode().values))
    assert len(graph["2"].causes)
    other = ablated_model(net, graph, ["2"])
    assert torch.equal(other[0].weight, net[0].weight)
    edges = net[2].weight.detach().clone()
    edges[graph["2"].effects[:, None], graph["2"].causes] = 0
    assert torch.equal(other[2].weight, edges)
