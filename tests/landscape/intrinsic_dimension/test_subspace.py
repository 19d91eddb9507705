import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.data import Dataset
from netopsy.landscape.intrinsic_dimension import (
    MatrixProjection,
    SubspaceModel,
    compress,
    decompress,
    description_length,
    fit_subspaces,
    rate_for,
    subspace_trainer,
)
from netopsy.models import mlp
from netopsy.training import Recipe, fit


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.norm, self.out = nn.Embedding(7, 5), nn.LayerNorm(5), nn.Linear(5, 7, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, tokens):
        return self.out(self.norm(self.embed(tokens)))


def normed(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4))


def images(n=24):
    random = torch.Generator().manual_seed(0)
    return Dataset(torch.randn(n, 1, 8, 8, generator=random), torch.randint(4, (n,), generator=random))


@pytest.mark.parametrize("kind", ["dense", "sparse", "fastfood"])
def test_at_zero_it_answers_bit_for_bit_as_the_network(kind):
    model, x = normed().eval(), images().inputs
    before = {name: value.clone() for name, value in model.state_dict().items()}
    subspace = SubspaceModel(model, 5, projection=kind)
    assert torch.equal(subspace(x), model(x))
    assert torch.equal(subspace.materialise()(x), model(x))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.requires_grad and value.grad is None for value in model.parameters())


def test_all_kinds_of_parameters_are_covered_and_shared_ones_once():
    subspace = SubspaceModel(normed(), 3)
    assert subspace.full == 27 + 3 + 3 + 3 + 4 * 108 + 4
    tied = SubspaceModel(Tied(), 4)
    assert tied.full == 7 * 5 + 5 + 5
    with torch.no_grad():
        tied.z += 1
    made = tied.materialise()
    assert made.out.weight is made.embed.weight
    tokens = torch.arange(7)
    torch.testing.assert_close(tied(tokens), made(tokens))


def test_a_recurrent_network_is_moved_as_any():
    model = nn.LSTM(3, 4, batch_first=True)
    subspace = SubspaceModel(model, 6)
    with torch.no_grad():
        subspace.z += 0.5
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(subspace(x)[0], subspace.materialise()(x)[0])


def test_the_gradient_is_the_transpose_of_the_networks():
    data = images()
    subspace = SubspaceModel(normed().eval(), 9, weight_decay=0.3).eval()
    with torch.no_grad():
        subspace.z += torch.randn(9)
    made, loss = subspace.materialise(), nn.functional.cross_entropy
    loss(subspace(data.inputs), data.targets).backward()
    loss(made(data.inputs), data.targets).backward()
    flat = torch.cat([each.grad.flatten() for each in made.parameters()])
    torch.testing.assert_close(subspace.z.grad, subspace.projection.transpose(flat), atol=1e-6, rtol=1e-4)


def test_weight_decay_is_of_the_parameters_and_not_of_the_coordinates():
    model = nn.Linear(6, 2)
    decayed = SubspaceModel(model, 4, weight_decay=0.7)
    decayed(torch.zeros(1, 6)).sum().mul(0).backward()
    theta = torch.cat([each.detach().flatten() for each in model.parameters()])
    torch.testing.assert_close(decayed.z.grad, 0.7 * decayed.projection.transpose(theta))


def test_with_all_dimensions_it_reaches_the_optimum_of_a_regression():
    random = torch.Generator().manual_seed(1)
    x, y = (torch.randn(40, width, dtype=torch.float64, generator=random) for width in (5, 1))
    optimum = (x @ torch.linalg.lstsq(x, y).solution - y).square().sum()
    subspace = SubspaceModel(nn.Linear(5, 1, bias=False).double(), 5, projection="dense")
    optimiser = torch.optim.LBFGS([subspace.z], max_iter=100, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = (subspace(x) - y).square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    torch.testing.assert_close((subspace(x) - y).square().sum(), optimum, rtol=1e-9, atol=0)


def test_only_chosen_parameters_move():
    subspace = SubspaceModel(normed(), 5, params=lambda name, value: value.ndim > 1)
    assert subspace.full == 27 + 432
    fit(subspace, images(), Recipe(steps=3, lr=0.1))
    made, start = subspace.materialise(), normed()
    assert torch.equal(made[0].bias, start[0].bias)
    assert not torch.equal(made[0].weight, start[0].weight)


def test_the_rate_is_larger_by_the_root_of_the_share_of_dimensions():
    subspace = SubspaceModel(nn.Linear(99, 1), 4)
    assert rate_for(subspace, 0.001) == pytest.approx(0.005)
    assert rate_for(subspace, 0.001, optimizer="sgd") == pytest.approx(0.025)


@pytest.mark.parametrize(("kind", "dims"), [("dense", (3,)), ("fastfood", (3, 8))])
def test_a_stack_of_subspaces_trains_as_each_alone(kind, dims, unchecked):
    data, recipe = images(), Recipe(steps=6, batch_size=8, lr=0.05, weight_decay=0.01)
    models = [mlp([64, 6, 4], seed=seed) for seed in (0, 1)]
    wide = [SubspaceModel(model, 8, projection=kind, seed=4 + at) for at, model in enumerate(models)]
    runs = fit_subspaces(wide, data, recipe, dims, seeds=[4, 5], evaluation=data)
    assert [(run.network, run.dimension) for run in runs] == [(number, d) for d in dims for number in (0, 1)]
    assert not any(each.z.any() for each in wide)
    for run in runs:
        alone = SubspaceModel(models[run.network], 8, projection=kind, weight_decay=0.01, seed=4 + run.network)
        alone = alone.first(run.dimension)
        fit(alone, data, Recipe(steps=6, batch_size=8, lr=0.05), seed=4 + run.network)
        torch.testing.assert_close(run.model.z, alone.z, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(run.model.materialise()(data.inputs), alone(data.inputs), rtol=1e-3, atol=1e-4)


def test_a_compressed_network_comes_back_with_its_statistics():
    data, start = images(), normed()
    subspace = SubspaceModel(start, 7, seed=3)
    subspace_trainer(data, Recipe(steps=4, lr=0.01, weight_decay=1e-4))(subspace, 0)
    stored = compress(subspace)
    back = decompress(stored, normed()).eval()
    wanted = subspace.materialise().eval()
    assert torch.equal(back(data.inputs), wanted(data.inputs))
    assert not torch.equal(back[1].running_mean, start[1].running_mean)
    assert description_length(subspace) == 7 * 32
    some = SubspaceModel(start, 2, params=["4.bias"], projection="dense")
    with torch.no_grad():
        some.z += 1
    assert torch.equal(decompress(compress(some), normed())[4].bias, some.materialise()[4].bias)


def test_bytes_that_are_not_of_a_compressed_network_are_refused():
    subspace = SubspaceModel(normed(), 7)
    stored = compress(subspace)
    for broken in (b"", b"\x80\x04pickle", stored[:60], stored[:-3], b"\xff" * 40):
        with pytest.raises(InputError):
            decompress(broken, normed())
    with pytest.raises(InputError, match="not what the training started with"):
        decompress(stored, normed(1))
    with pytest.raises(InputError, match="cannot be drawn again"):
        compress(SubspaceModel(nn.Linear(2, 1), 1, projection=MatrixProjection(torch.ones(3, 1))))
    with torch.no_grad():
        subspace.z[0] = torch.inf
    with pytest.raises(InputError, match="not finite"):
        compress(subspace)


@pytest.mark.parametrize(
    "options",
    [
        {"dimension": 0},
        {"dimension": 10_000},
        {"dimension": 3, "projection": "fourier"},
        {"dimension": 3, "projection": MatrixProjection(torch.ones(3, 3))},
        {"dimension": 3, "params": ["no such"]},
        {"dimension": 3, "params": lambda name, value: False},
        {"dimension": 3, "weight_decay": -1.0},
        {"dimension": "three"},
    ],
)
def test_bad_input(options):
    with pytest.raises(InputError):
        SubspaceModel(normed(), **options)


def test_a_network_without_trainable_parameters_is_refused():
    with pytest.raises(InputError, match="no trainable parameter"):
        SubspaceModel(nn.Flatten(), 1)
    with pytest.raises(InputError, match="no trainable parameter"):
        SubspaceModel(nn.Linear(2, 1).requires_grad_(False), 1)
