"""Orders of units: what they leave alone, and finding them."""

import itertools

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.data import digits
from netopsy.landscape.linear_mode_connectivity import (
    activation_matching,
    align,
    align_many,
    apply_permutation,
    displacement_cosine,
    distance,
    forks,
    loss_barrier,
    manual_spec,
    permutation_spec,
    random_permutation,
    repair,
    weight_matching,
)
from netopsy.models import conv_net, mlp, resnet, vgg
from netopsy.training import Recipe, fit

DATA = digits()[:80]
IMAGES = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Single(nn.Module):
    """One convolution a residual step: its weight has the stream on both axes."""

    def __init__(self):
        super().__init__()
        self.stem, self.inner = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.output = nn.Linear(6, 3)

    def forward(self, inputs):
        stream = self.stem(inputs)
        return self.output((stream + self.inner(stream).relu()).mean((2, 3)))


def blocks():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.PReLU(8),
        nn.Conv2d(8, 8, 3, groups=8),  # channel by channel
        nn.Conv2d(8, 12, 1),
        nn.GroupNorm(3, 12),
        nn.ReLU(),
        nn.Conv2d(12, 12, 3, groups=3),  # block by block
        nn.ConvTranspose2d(12, 6, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 25, 3),
    )


NETWORKS = {
    "mlp": lambda: mlp([64, 12, 9, 10]),
    "convolutions": lambda: conv_net(4, channels=1, size=8, widths=(4, 6), hidden=(7,)),
    "vgg": lambda: vgg(11, channels=1, size=16, width=3),
    "residual, zeros": lambda: resnet(14, channels=1, width=3, shortcut="pad"),
    "residual, convolutions": lambda: resnet(8, channels=1, width=3, shortcut="conv"),
    "one convolution a step": Single,
    "blocks": blocks,
}


def lively(name):
    """A network whose statistics and scales differ from unit to unit."""
    torch.manual_seed(3)
    model = NETWORKS[name]()
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(torch.rand_like(value) + (0.5 if "var" in key or "weight" in key else 0))
    return model.double().eval()


def images(name):
    return torch.randn(4, 1, *((16, 16) if name == "vgg" else (8, 8)), dtype=torch.float64)


def loaded(name, state):
    model = NETWORKS[name]().double().eval()
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_a_permuted_network_computes_the_same_and_is_found_again(name):
    model, inputs = lively(name), images(name)
    spec = permutation_spec(model, inputs)
    order = random_permutation(spec, seed=1)
    turned = apply_permutation(spec, order, model.state_dict())
    torch.testing.assert_close(loaded(name, turned)(inputs), model(inputs), rtol=1e-9, atol=1e-9)
    assert distance(turned, model.state_dict()) > 1
    back = apply_permutation(spec, weight_matching(spec, model.state_dict(), turned, restarts=2), turned)
    torch.testing.assert_close(loaded(name, back)(inputs), model(inputs), rtol=1e-9, atol=1e-9)
    floats = {key: value for key, value in model.state_dict().items() if key not in spec.buffers}
    assert distance(floats, {key: back[key] for key in floats}) == pytest.approx(0, abs=1e-9)


def test_what_moves_together():
    residual = permutation_spec(NETWORKS["residual, zeros"](), IMAGES)
    named = {place.parameter for places in residual.groups.values() for place in places}
    assert {key.rpartition(".")[2] for key in named} == {"weight", "bias", "running_mean", "running_var"}
    assert all(key.endswith(("running_mean", "running_var", "num_batches_tracked")) for key in residual.buffers)
    grouped = permutation_spec(blocks(), IMAGES)
    assert grouped.widths == {"0": 8, "4": 3, "8": 6}
    flat = [place for place in grouped.groups["8"] if place.parameter == "11.weight"]
    assert [place.index.tolist()[1] for place in flat] == [list(range(25, 50))]


def test_a_spec_by_hand_is_that_of_the_trace():
    model = NETWORKS["mlp"]()
    places = {
        "fc1": [("fc1.weight", 0), ("fc1.bias", 0), ("fc2.weight", 1)],
        "fc2": [("fc2.weight", 0), ("fc2.bias", 0), ("output.weight", 1)],
    }
    state, order = model.state_dict(), random_permutation(permutation_spec(model, DATA.inputs), seed=4)
    by_hand, traced = (
        apply_permutation(spec, order, state)
        for spec in (manual_spec(places, state), permutation_spec(model, DATA.inputs))
    )
    assert all(torch.equal(by_hand[key], traced[key]) for key in state)


def test_one_hidden_layer_is_matched_as_well_as_can_be():
    a, b = (mlp([3, 5, 2], seed=seed).state_dict() for seed in (0, 1))
    spec = permutation_spec(mlp([3, 5, 2]), torch.zeros(1, 3))
    found = distance(a, apply_permutation(spec, weight_matching(spec, a, b), b))
    orders = itertools.permutations(range(5))
    best = min(distance(a, apply_permutation(spec, {"fc1": torch.tensor(order)}, b)) for order in orders)
    assert found == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("name", ["mlp", "one convolution a step"])
def test_the_distance_never_grows(name):
    torch.manual_seed(0)
    model, a, b = NETWORKS[name](), NETWORKS[name]().state_dict(), NETWORKS[name]().state_dict()
    b = {key: torch.randn_like(value) for key, value in b.items()}
    spec = permutation_spec(model, IMAGES)
    far = [distance(a, b)]
    for sweeps in (1, 2, 3, 100):
        far.append(distance(a, apply_permutation(spec, weight_matching(spec, a, b, max_sweeps=sweeps), b)))
    assert far == sorted(far, reverse=True)
    assert far[-1] < far[0]
    restarted = weight_matching(spec, a, b, restarts=3)
    assert distance(a, apply_permutation(spec, restarted, b)) <= far[-1] + 1e-9


@pytest.mark.parametrize("name", ["mlp", "residual, convolutions", "blocks"])
@pytest.mark.parametrize("by", ["correlation", "product"])
def test_activations_find_the_order_too(name, by, left_as_found):
    model, inputs = lively(name), torch.cat([images(name) for _ in range(8)])
    spec = permutation_spec(model, inputs)
    turned = apply_permutation(spec, random_permutation(spec, seed=2), model.state_dict())
    before = left_as_found(model)
    order = activation_matching(model, spec, model.state_dict(), turned, inputs, by=by, batch_size=7)
    assert left_as_found(model) == before
    if by == "correlation" or name == "mlp":
        back = apply_permutation(spec, order, turned)
        assert distance(model.state_dict(), back) == pytest.approx(0, abs=1e-9)
    torch.testing.assert_close(
        loaded(name, apply_permutation(spec, order, turned))(inputs), model(inputs), rtol=1e-9, atol=1e-9
    )


def test_a_common_order_leaves_the_barrier_as_it_is():
    a, b = (mlp([64, 12, 9, 10], seed=seed).state_dict() for seed in (0, 1))
    model = mlp([64, 12, 9, 10])
    spec = permutation_spec(model, DATA.inputs)
    order = random_permutation(spec, seed=5)
    both = (apply_permutation(spec, order, state) for state in (a, b))
    assert loss_barrier(model, *both, DATA).height == pytest.approx(loss_barrier(model, a, b, DATA).height, abs=1e-5)


def trained(seed, sizes=(64, 24, 10)):
    model = mlp(sizes, seed=seed)
    fit(model, DATA, Recipe(steps=60, lr=0.01), seed=seed)
    return model


def test_alignment_lowers_the_barrier_of_trained_networks():
    one, other = trained(0), trained(1)
    a, b = one.state_dict(), other.state_dict()
    naive = loss_barrier(one, a, b, DATA).height
    for by in ("weights", "activations"):
        aligned = align(one, other, DATA.inputs, by=by)
        assert loss_barrier(one, a, aligned, DATA).height < 0.7 * naive


def test_many_networks_take_the_order_of_one():
    model = trained(0)
    state, spec = model.state_dict(), permutation_spec(model, DATA.inputs)
    turned = [apply_permutation(spec, random_permutation(spec, seed=seed), state) for seed in (1, 2)]
    for cycles in (0, 2):
        for each in align_many(spec, [state, *turned], cycles=cycles):
            assert distance(each, state) == pytest.approx(0, abs=1e-6)


def small_convolutions(seed):
    return conv_net(2, channels=1, size=8, widths=(4,), hidden=(7,), seed=seed)


@pytest.mark.parametrize("make", [trained, small_convolutions])
def test_repaired_units_vary_as_those_of_the_ends(make, left_as_found):
    one, other = make(0), make(1)
    before = left_as_found(one)
    state = repair(one, one.state_dict(), other.state_dict(), DATA.inputs, at=0.25)
    assert left_as_found(one) == before
    middle = make(2)
    middle.load_state_dict(state)
    for layer, module in middle.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv2d) or layer.endswith("output"):
            continue
        rows = []
        for network in (one, other, middle):
            seen = []
            handle = network.get_submodule(layer).register_forward_hook(lambda m, g, out, seen=seen: seen.append(out))
            network(DATA.inputs)
            handle.remove()
            rows.append(seen[0].detach().double().transpose(0, 1).flatten(1))
        for of in (lambda each: each.mean(1), lambda each: each.std(1, correction=0)):
            first, second, found = map(of, rows)
            torch.testing.assert_close(found, 0.75 * first + 0.25 * second, rtol=1e-3, atol=1e-4)


def test_batch_norms_are_repaired_by_their_statistics():
    one, other = (resnet(8, channels=1, width=3, seed=seed) for seed in (0, 1))
    state = repair(one, one.state_dict(), other.state_dict(), DATA.inputs)
    middle = resnet(8, channels=1, width=3)
    middle.load_state_dict(state)
    first = next(each for each in middle.modules() if isinstance(each, nn.BatchNorm2d))
    given = []
    first.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    middle.eval()(DATA.inputs)
    torch.testing.assert_close(first.running_mean, given[0].mean((0, 2, 3)), rtol=1e-4, atol=1e-4)


def test_forks_share_their_trunk(left_as_found):
    model = mlp([64, 6, 10])
    before, recipe = left_as_found(model), Recipe(steps=4, optimizer="sgd", lr=0.1, momentum=0.9, batch_size=20)
    found = forks(model, DATA, recipe, [0, 3], seed=7, keep_states=[2])
    assert left_as_found(model) == before
    start, later = found
    assert distance(start.trunk, model.state_dict()) == 0 < distance(later.trunk, model.state_dict())
    for fork in found:
        one, other = fork.children
        assert list(one) == list(other) == [2, 4]
        assert -1 <= displacement_cosine(one[4], other[4], fork.trunk) < 0.999
        assert distance(one[2], fork.trunk) < distance(one[4], fork.trunk) * 2
    alone = forks(model, DATA, recipe, [3], seed=7)
    assert distance(alone[0].children[0][4], later.children[0][4]) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda spec, a, b: apply_permutation(spec, {"fc9": torch.arange(5)}, a), "fc9"),
        (lambda spec, a, b: apply_permutation(spec, {"fc1": torch.zeros(5).long()}, a), "each of the 5"),
        (lambda spec, a, b: apply_permutation(spec, {}, {"x": torch.ones(1)}), "fc1"),
        (lambda spec, a, b: weight_matching(spec, a, {**b, "fc1.bias": torch.ones(3)}), "fc1.bias"),
        (lambda spec, a, b: weight_matching(spec, a, {**b, "fc1.bias": torch.full((5,), torch.nan)}), "finite"),
        (lambda spec, a, b: weight_matching(spec, a, b, max_sweeps=0), "max_sweeps"),
        (lambda spec, a, b: manual_spec({"h": [("fc1.weight", 0), ("output.weight", 0)]}, a), "units"),
        (lambda spec, a, b: manual_spec({"h": [("fc1.weight", 2)]}, a), "no axis 2"),
        (
            lambda spec, a, b: activation_matching(
                mlp([3, 5, 2]), manual_spec({"h": [("fc1.weight", 0)]}, a), a, b, torch.ones(2, 3)
            ),
            "layers",
        ),
        (lambda spec, a, b: align(mlp([3, 5, 2]), mlp([3, 4, 2]), torch.ones(2, 3)), "one shape"),
        (lambda spec, a, b: align_many(spec, [a]), "at least two"),
        (lambda spec, a, b: repair(mlp([3, 5, 2]), a, b, torch.ones(2, 3), at=2.0), "between 0 and 1"),
        (lambda spec, a, b: forks(mlp([64, 10]), DATA, Recipe(steps=1), []), "at is empty"),
    ],
)
def test_what_cannot_be_used_is_said(call, words):
    a, b = (mlp([3, 5, 2], seed=seed).state_dict() for seed in (0, 1))
    with pytest.raises(InputError, match=words):
        call(permutation_spec(mlp([3, 5, 2]), torch.zeros(1, 3)), a, b)


def test_a_network_that_cannot_be_traced_says_so():
    class Deciding(nn.Module):
        def forward(self, inputs):
            return inputs if inputs.sum() > 0 else -inputs

    with pytest.raises(InputError, match="cannot be traced"):
        permutation_spec(Deciding(), torch.ones(1, 3))
