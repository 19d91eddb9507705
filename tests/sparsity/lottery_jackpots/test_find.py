"""The whole search, alone and as a stack; what it starts from; what it leaves behind."""

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader

from netopsy import InputError
from netopsy.core.drawing import figure
from netopsy.core.masks import prunable_parameters
from netopsy.data import Dataset, digits_split
from netopsy.models import mlp
from netopsy.sparsity.lottery_jackpots import (
    Jackpot,
    find_jackpot,
    find_jackpots,
    mask_overlap,
    prune_rates,
    start_masks,
)
from netopsy.sparsity.lottery_ticket import shuffle_masks
from netopsy.training import Recipe, evaluate, fit

TRAIN, VALIDATION, TEST = digits_split()
SMALL = {"epochs": 3, "batch_size": 100, "lr": 1.0}


def normed(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 10)
    )


@pytest.fixture(scope="module")
def trained():
    model = normed()
    fit(model, TRAIN, Recipe(steps=150, lr=5e-3))
    return model.eval()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_it_finds_a_network_far_better_than_its_start_and_leaves_the_trained_one_alone(trained, left_as_found):
    before = left_as_found(trained)
    found = find_jackpot(trained, TRAIN, epochs=6, batch_size=100, evaluation={"test": TEST}, evaluate_every=20)
    assert left_as_found(trained) == before
    history = found.history
    assert history.steps.tolist() == [0, 20, 40, 60]
    assert history.accuracy["test"][-1] > history.accuracy["test"][0] + 0.2
    sparse = found.export()
    assert evaluate(sparse, TEST).accuracy == pytest.approx(float(history.accuracy["test"][-1]))
    assert list(found.masks) == ["1.weight", "4.weight"]  # the layer that runs last stays whole
    kept = {name: int(mask.sum()) for name, mask in found.masks.items()}
    assert sum(kept.values()) == round(0.1 * (64 * 16 + 16 * 12))
    for name, mask in found.masks.items():
        assert found.layer_rates[name] == pytest.approx(1 - kept[name] / mask.numel())
        assert torch.equal(sparse.get_parameter(name), trained.get_parameter(name) * mask)
    assert found.swaps.shape == found.allowed.shape == history.train_loss.shape == (60,)
    assert (found.allowed <= found.swaps).all()


def test_a_stack_finds_what_searches_one_by_one_find(trained):
    models = [trained.double(), normed(1).double(), trained]
    data = Dataset(TRAIN.inputs.double(), TRAIN.targets)
    options = {**SMALL, "evaluation": data[:200]}
    together = find_jackpots(
        models,
        data,
        seeds=(3, 4, 5),
        init=["magnitude", "random", "magnitude"],
        restriction=[4.0, None, 4.0],
        **options,
    )
    for found, model, seed, init, power in zip(
        together, models, (3, 4, 5), ("magnitude", "random", "magnitude"), (4.0, None, 4.0), strict=True
    ):
        alone = find_jackpot(model, data, seed=seed, init=init, restriction=power, **options)
        assert same(alone.masks, found.masks)
        assert alone.layer_rates == found.layer_rates
        assert torch.equal(alone.swaps, found.swaps)
        assert torch.equal(alone.allowed, found.allowed)
        torch.testing.assert_close(alone.history.train_loss, found.history.train_loss)
        torch.testing.assert_close(alone.history.loss["validation"], found.history.loss["validation"])
        torch.testing.assert_close(alone.scores, found.scores)
        torch.testing.assert_close(dict(alone.export().state_dict()), dict(found.export().state_dict()))
    trained.float()


def test_a_loader_serves_as_well_and_a_mask_of_ones_own_keeps_its_rates(trained):
    own = {"4.weight": torch.rand(12, 16) < 0.3}
    loader = DataLoader(TRAIN, batch_size=100, shuffle=True)
    before = torch.random.get_rng_state()
    found = find_jackpot(trained, loader, init=own, epochs=2, lr=1.0)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert list(found.masks) == ["4.weight"]
    assert found.masks["4.weight"].sum() == own["4.weight"].sum()
    assert len(found.history.train_loss) == 20
    again = find_jackpot(trained, loader, init=own, epochs=2, lr=1.0)
    assert same(found.masks, again.masks)


def test_with_a_learning_rate_of_0_the_mask_stays_that_of_global_magnitude_pruning(trained):
    found = find_jackpot(trained, TRAIN, sparsity=0.8, epochs=1, lr=0.0, weight_decay=0.0)
    peer = normed()
    peer.load_state_dict(trained.state_dict())
    layers = [(peer[1], "weight"), (peer[4], "weight")]
    prune.global_unstructured(layers, prune.L1Unstructured, amount=0.8)
    assert torch.equal(found.masks["1.weight"], peer[1].weight_mask.bool())
    assert torch.equal(found.masks["4.weight"], peer[4].weight_mask.bool())
    assert found.swaps.sum() == 0


def test_rates():
    weights = {name: weight.detach() for name, weight in prunable_parameters(mlp([64, 33, 20, 10])).items()}
    uniform = prune_rates(weights, 0.9, layer_rates="uniform")
    assert all(rate == int(0.9 * weights[name].numel()) / weights[name].numel() for name, rate in uniform.items())
    threshold = torch.cat([weight.abs().flatten() for weight in weights.values()]).quantile(0.7)
    for name, rate in prune_rates(weights, 0.7).items():
        assert rate == pytest.approx(float((weights[name].abs() <= threshold).float().mean()), abs=2e-3)
    assert prune_rates(weights, layer_rates={"fc1.weight": 0.5})["fc2.weight"] == 0


def test_a_random_start_has_as_many_weights_in_every_layer_and_others(trained):
    largest = start_masks(trained, 0.8)
    random = start_masks(trained, 0.8, init="random", seed=1)
    assert {n: int(m.sum()) for n, m in largest.items()} == {n: int(m.sum()) for n, m in random.items()}
    assert not same(largest, random)


def test_overlap():
    a = {"w": torch.tensor([1, 1, 0, 0]).bool(), "v": torch.tensor([1]).bool()}
    assert mask_overlap(a, a).pooled == 1
    b = {"w": torch.tensor([0, 1, 1, 0]).bool(), "v": torch.tensor([1]).bool()}
    found = mask_overlap(a, b)
    assert found.layers == {"w": 0.5, "v": 1.0}
    assert found.pooled == pytest.approx(2 / 3)
    assert found.chance == pytest.approx(2 / 3)
    large = {"w": torch.rand(200, 200, generator=torch.Generator().manual_seed(0)) < 0.3}
    other = shuffle_masks(large, seed=1)
    share = float(large["w"].float().mean())
    assert mask_overlap(large, other).chance == pytest.approx(share)
    assert mask_overlap(large, other).pooled == pytest.approx(share, abs=0.02)


def test_overlap_refuses_what_cannot_be_compared(unchecked):
    a = {"w": torch.ones(2, dtype=torch.bool)}
    for b, says in (
        ({"v": a["w"]}, "unknown mask in b 'v'"),
        ({}, "b is empty"),
        ({"w": torch.ones(3).bool()}, r"must have the shape of a's, \(2,\), got \(3,\)"),
        ({"w": torch.ones(2)}, r"must be a bool mask, got torch.float32"),
        (None, "b must map names to tensors"),
    ):
        with pytest.raises(InputError, match=says):
            mask_overlap(a, b)
    with pytest.raises(InputError, match="a keeps no weight"):
        mask_overlap({"w": ~a["w"]}, a)


def test_tuning_trains_the_kept_weights_alone(trained):
    found = find_jackpot(trained, TRAIN, epochs=1, batch_size=100)
    tuned = found.tune(TRAIN, epochs=2, batch_size=100)
    sparse = found.export()
    assert evaluate(tuned, TRAIN).loss < evaluate(sparse, TRAIN).loss
    for name, mask in found.masks.items():
        assert (tuned.get_parameter(name)[~mask] == 0).all()
        assert (tuned.get_parameter(name)[mask] != sparse.get_parameter(name)[mask]).any()
    with pytest.raises(InputError, match="epochs must be an int of at least 1, got 0"):
        found.tune(TRAIN, epochs=0)


def test_it_is_saved_without_the_network_and_drawn(trained, tmp_path):
    found = find_jackpot(trained, TRAIN, epochs=1, batch_size=100, evaluation=TEST)
    found.save(tmp_path / "found.safetensors")
    again = Jackpot.load(tmp_path / "found.safetensors", trained)
    assert same(found.masks, again.masks)
    assert same(dict(found.export().state_dict()), dict(again.export().state_dict()))
    assert torch.equal(found.history.train_loss, again.history.train_loss)
    for other, says in ((normed(1), "other weights"), (mlp([64, 10]), "another architecture")):
        with pytest.raises(InputError, match=says):
            Jackpot.load(tmp_path / "found.safetensors", other)
    before = plt.get_fignums()
    ax = found.plot(figure()[1])
    assert plt.get_fignums() == before
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["batches", "validation", "swaps"]


NET = mlp([64, 8, 10])
BAD = {
    "sparsity of 0": ({"sparsity": 0.0}, "sparsity must be above 0 and below 1, got 0.0"),
    "sparsity of 1": ({"sparsity": 1}, "sparsity must be above 0 and below 1, got 1"),
    "half allowed": ({"allow_empty": 1}, "allow_empty must be True or False, got 1"),
    "no epoch": ({"epochs": 0}, "epochs must be an int of at least 1, got 0"),
    "half an epoch": ({"epochs": 0.5}, "epochs must be an int of at least 1, got 0.5"),
    "empty layer": ({"sparsity": 0.9999}, "layer 'fc1.weight' would be left without weights at sparsity 0.9999"),
    "unknown layer": ({"layer_rates": {"fc7.weight": 0.5}}, "unknown layer in layer_rates 'fc7.weight'"),
    "rate of 1": ({"layer_rates": {"fc1.weight": 1.0}}, "must be at least 0 and below 1, got 1.0"),
    "another rule": ({"layer_rates": "erk"}, "layer_rates must be 'global', 'uniform' or rates"),
    "another start": ({"init": "snip"}, "init must be 'magnitude' or 'random', got 'snip'"),
    "negative power": ({"restriction": -1}, "restriction must be a number of at least 0, or None"),
    "another loss": ({"loss": "hinge"}, "unknown loss 'hinge'"),
    "unknown module": ({"exclude": ["fc9"]}, "unknown module in exclude 'fc9'"),
    "nothing left": ({"exclude": ["fc1", "output"]}, "no weights to prune"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_refused(what, unchecked):
    options, says = BAD[what]
    with pytest.raises(InputError, match=says):
        find_jackpot(NET, TRAIN[:50], **options)
    if "init" not in options:
        with pytest.raises(InputError, match=says):
            find_jackpots([NET, NET], TRAIN[:50], seeds=(0, 1), **options)


def test_bad_data_and_networks_are_refused(unchecked):
    for model, data, says in (
        (nn.Linear(3, 10), TRAIN[:9], "do not go through the network"),
        (NET, [TRAIN.inputs[:9]], r"must give batches \(inputs, targets\) of two tensors, got Tensor"),
        (NET, iter(()), "data must be a netopsy Dataset, or a loader"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), TRAIN[:9], "no weights to prune"),
        (nn.Sequential(nn.Conv2d(1, 10, 8), nn.Flatten()), TRAIN[:9], "runs no linear layer"),
        (NET, [], "length of at least 1, got list"),
    ):
        with pytest.raises(InputError, match=says):
            find_jackpot(model, data, epochs=1)
    nothing = {"fc1.weight": torch.zeros(8, 64, dtype=torch.bool)}
    with pytest.raises(InputError, match=r"init\['fc1.weight'\] keeps no weight"):
        find_jackpot(NET, TRAIN[:9], init=nothing, epochs=1)
    assert find_jackpot(NET, TRAIN[:9], init=nothing, epochs=1, allow_empty=True).layer_rates == {"fc1.weight": 1.0}
    with pytest.raises(InputError, match=r"weights\['w'\] is empty"):
        prune_rates({"w": torch.zeros(0, 3)})
    for search in (lambda **o: find_jackpot(NET, **o), lambda **o: find_jackpots([NET], seeds=(0,), **o)):
        with pytest.raises(InputError, match="run away in epoch 1, to a loss or scores of inf or NaN: lower lr"):
            search(data=TRAIN, lr=1e30, weight_decay=1e9, epochs=1, batch_size=100)
    for models, seeds, says in (
        ([NET, mlp([64, 9, 10])], (0, 1), "models must all be of one architecture"),
        ([NET, NET], (0,), "seeds must have one entry a network, 2"),
        ([], (), "models must be a list of at least one network"),
    ):
        with pytest.raises(InputError, match=says):
            find_jackpots(models, TRAIN[:9], seeds=seeds, epochs=1)
    with pytest.raises(InputError, match="restriction must be one for all networks, or a list of 2"):
        find_jackpots([NET, NET], TRAIN[:9], seeds=(0, 1), restriction=[1.0])
