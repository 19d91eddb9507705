"""The search network against the networks that it stands for, and the search's two steps."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from netopsy import InputError
from netopsy.data import Dataset, digits
from netopsy.sparsity.transformable_architecture_search import SearchSettings, ShapeSpace, tas_search
from netopsy.sparsity.transformable_architecture_search.network import SearchNetwork
from netopsy.sparsity.transformable_architecture_search.search import _Search
from netopsy.sparsity.transformable_architecture_search.sizes import Sample, SizeLogits

SPACE = ShapeSpace.resnet((4, 6), 2, channels=1, size=8)
DATA = digits()[:240]
QUICK = SearchSettings(epochs=2, batch_size=60, arch_lr=0.02)


def certain(space: ShapeSpace, place: int, depth: int = -1) -> Sample:
    """One candidate everywhere."""
    index = {name: [place % len(own)] for name, own in space.candidates.items()}
    depths = {name: torch.eye(len(own))[depth] for name, own in space.depths.items()}
    return Sample(index, dict.fromkeys(index, torch.ones(1)), depths)


def test_full_sizes_are_the_full_network() -> None:
    network, plain = SearchNetwork(SPACE, seed=3), SPACE.build()
    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    own = [each for each in plain.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    for theirs, ours in zip(layers, own, strict=True):
        ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(network(DATA.inputs, certain(SPACE, -1)), plain(DATA.inputs))


def test_narrow_sizes_are_a_network_of_leading_channels() -> None:
    space = ShapeSpace.vgg([(8, 8)], channels=1, size=8)
    network, plain = SearchNetwork(space, seed=3), space.build(space.smallest)
    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    own = [each for each in plain.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for theirs, ours in zip(layers, own, strict=True):
            rows, columns = ours.weight.shape[:2]
            ours.weight.copy_(theirs.weight[:rows, :columns])
        own[-1].bias.copy_(layers[-1].bias)  # type: ignore[union-attr,operator]
    torch.testing.assert_close(network(DATA.inputs, certain(space, 0)), plain(DATA.inputs))


def test_a_width_has_normalisation_of_its_own() -> None:
    network = SearchNetwork(SPACE)
    network(DATA.inputs, certain(SPACE, 0))
    seen = [
        each.num_features for each in network.modules() if isinstance(each, nn.BatchNorm2d) and each.num_batches_tracked
    ]
    shortcut = SPACE.candidates["stage2.block1.conv2"][0]
    assert sorted(seen) == sorted([*(own[0] for own in SPACE.candidates.values()), shortcut])


def test_depths_are_mixed_by_their_weights() -> None:
    network = SearchNetwork(SPACE).eval()
    one, two = (network(DATA.inputs, certain(SPACE, -1, depth)) for depth in (0, 1))
    assert not torch.allclose(one, two)


def test_each_step_moves_its_own_parameters_alone() -> None:
    search = _Search(SPACE, DATA[:120], DATA[120:], 0.5, QUICK, None, 0)

    def state() -> tuple[Tensor, Tensor]:
        weights = torch.cat([each.detach().flatten() for each in search.network.parameters()])
        return weights, torch.cat([each.detach().flatten() for each in search.sizes.parameters()])

    start = state()
    search.train_weights(1.0)
    middle = state()
    search.train_sizes(1.0)
    end = state()
    assert not torch.equal(start[0], middle[0])
    assert torch.equal(start[1], middle[1])
    assert torch.equal(middle[0], end[0])
    assert not torch.equal(middle[1], end[1])


def test_without_data_to_please_the_cost_goes_to_the_budget() -> None:
    blank = Dataset(torch.zeros(40, 8), torch.zeros(40, dtype=torch.int64))
    settings = SearchSettings(epochs=30, batch_size=20, arch_lr=0.1, tau=(1.0, 1.0), n_sample=1)
    for ratio in (0.25, 0.75):
        found = tas_search(ShapeSpace.mlp((8, 50, 40, 50, 40, 2)), blank, flops_ratio=ratio, settings=settings)
        assert abs(found.ratio / ratio - 1) <= 0.05


def test_result() -> None:
    state = torch.get_rng_state()
    found = tas_search(SPACE, DATA, flops_ratio=0.5, settings=QUICK, seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    again = tas_search(SPACE, DATA, flops_ratio=0.5, settings=QUICK, seed=4)
    assert (found.shape, found.epoch) == (again.shape, again.epoch)
    assert found.flops == SPACE.flops(found.shape)
    assert found.history.ratio[found.epoch] == pytest.approx(found.ratio)
    assert found.build()(DATA.inputs).shape == (240, 10)
    assert found.history.tau.tolist() == pytest.approx([10.0, 0.1])
    last = tas_search(SPACE, DATA, flops_ratio=0.5, settings=QUICK, seed=4, select="last")
    assert (last.epoch, last.shape) == (1, found.history.shapes[1])
    assert found.plot().get_xlabel() == "epoch"


def test_zeros_in_place_of_interpolated_channels() -> None:
    sample = SizeLogits(SPACE, seed=0).sample(1.0, 2, torch.Generator().manual_seed(0))
    outputs = [SearchNetwork(SPACE, aggregate=how)(DATA.inputs, sample) for how in ("interpolate", "pad")]
    assert not torch.allclose(*outputs)


def test_perceptrons_are_searched() -> None:
    flat = Dataset(DATA.inputs.flatten(1), DATA.targets)
    found = tas_search(ShapeSpace.mlp((64, 20, 20, 10)), flat, flops_ratio=0.4, settings=QUICK)
    assert found.build()(flat.inputs).shape == (240, 10)


@pytest.mark.parametrize("ratio", [0.0, 0.001, 1.2])
def test_budgets_that_cannot_be(ratio: float) -> None:
    with pytest.raises(InputError, match="flops_ratio"):
        tas_search(SPACE, DATA, flops_ratio=ratio)


@pytest.mark.parametrize(
    "options", [{"tau": (0.0, 1.0)}, {"epochs": 0}, {"lr": 0.0}, {"aggregate": "mean"}, {"n_sample": 99}]
)
def test_bad_settings(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        tas_search(SPACE, DATA, flops_ratio=0.5, settings=dataclasses.replace(QUICK, **options))  # type: ignore[arg-type]


def test_data_that_does_not_fit() -> None:
    narrow = Dataset(torch.zeros(40, 1, 6, 6), torch.zeros(40, dtype=torch.int64))
    many = Dataset(DATA.inputs, DATA.targets + 5)
    for data in (narrow, many):
        with pytest.raises(InputError):
            tas_search(SPACE, data, flops_ratio=0.5, settings=QUICK)
