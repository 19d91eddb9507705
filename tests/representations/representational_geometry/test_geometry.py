"""Parallelism, generalisation across conditions, dimension, layers and drift against known answers."""

import math
from itertools import permutations

import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity

from netopsy import InputError
from netopsy.models import mlp, small_conv_net
from netopsy.representations.representational_geometry import (
    ccgp,
    gradient_field,
    layer_geometry,
    parallelism_score,
    participation_ratio,
)
from netopsy.representations.similarity import cka

SQUARE = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
AXIS, XOR = SQUARE[:, 0], SQUARE.prod(1)


def cloud(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_square_and_a_tetrahedron():
    for method in ("exact", "assignment"):
        assert parallelism_score(SQUARE, AXIS, method=method) == pytest.approx(1)
        assert parallelism_score(SQUARE, XOR, method=method) == pytest.approx(-1)
        assert parallelism_score(torch.eye(4), AXIS, method=method) == pytest.approx(0)
    samples = SQUARE.repeat_interleave(20, 0) + 0.05 * cloud(80, 2)
    conditions = torch.arange(4).repeat_interleave(20)
    assert ccgp(samples, conditions, AXIS[conditions]) == 1
    assert ccgp(samples, conditions, XOR[conditions]) == 0
    assert 0.6 < ccgp(samples, conditions, AXIS[conditions], pairs="all") < 1  # diagonals say nothing of each other
    assert ccgp(samples, conditions, XOR[conditions], pairs="all") == 0
    assert ccgp(100 * SQUARE, torch.arange(4), AXIS, noise=0.5) == 1
    assert 0.2 < ccgp(SQUARE.repeat(300, 1), torch.arange(4).repeat(300), AXIS.repeat(300), noise=30.0) < 0.8


def by_hand(points, labels):
    one, other = points[labels > 0], points[labels < 0]
    best = -1.0
    for order in permutations(range(len(other))):
        steps = one - other[list(order)]
        cosines = [cosine_similarity(steps[i], steps[j], 0).item() for i in range(len(steps)) for j in range(i)]
        best = max(best, sum(cosines) / len(cosines))
    return best


def test_parallelism_is_that_of_the_best_pairing():
    agreed = 0
    for seed in range(12):
        points = cloud(8, 5, seed=seed).double()
        labels = torch.tensor([1.0, -1.0])[torch.randperm(8, generator=torch.Generator().manual_seed(seed)) % 2]
        exact, near = (parallelism_score(points, labels, method=m) for m in ("exact", "assignment"))
        assert exact == pytest.approx(by_hand(points, labels))
        assert near <= exact + 1e-12
        agreed += near > exact - 1e-9
    assert agreed >= 1
    far = torch.cat([cloud(4, 5), cloud(4, 5) * 0.1 + cloud(4, 5)])
    far[:4] += 3
    labels = torch.tensor([1.0] * 4 + [-1.0] * 4)
    assert parallelism_score(far, labels) == pytest.approx(parallelism_score(far @ _turn(5) * 7 + 2, labels), abs=1e-5)


def _turn(size):
    return torch.linalg.qr(cloud(size, size, seed=9)).Q


def test_conditions_of_the_smaller_class_are_used_again():
    points = torch.tensor([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    one_of_four = torch.tensor([1.0, -1.0, -1.0, -1.0])
    steps = points[0] - points[1:]
    cosines = [cosine_similarity(steps[i], steps[j], 0).item() for i, j in ((0, 1), (0, 2), (1, 2))]
    for labels in (one_of_four, -one_of_four):
        assert parallelism_score(points, labels) == pytest.approx(sum(cosines) / 3)


def test_dimension_of_a_cloud_that_is_isotropic_in_q_directions():
    corners = torch.cat([torch.eye(3), -torch.eye(3)]) @ cloud(3, 3).svd().U @ torch.eye(3, 10)
    assert participation_ratio(corners) == pytest.approx(3, abs=1e-5)
    assert participation_ratio(5 * corners + 1) == pytest.approx(3, abs=1e-5)
    points = cloud(6, 9)
    assert participation_ratio(points @ points.T, kernel=True) == pytest.approx(participation_ratio(points), abs=1e-5)
    assert participation_ratio(cloud(30, 4)) == pytest.approx(participation_ratio(cloud(30, 4) @ torch.eye(4, 50)))


@pytest.mark.parametrize("activation", [torch.tanh, torch.relu, nn.functional.softplus])
def test_the_drift_is_the_gradient_of_the_loss_at_one_half(activation):
    means, labels, grid = cloud(6, 7), torch.tensor([1.0, 1, -1, -1, 1, -1]), torch.tensor([-0.7, 0.4, 1.3])
    axes = _turn(7)[:2]
    found = gradient_field(activation, means, labels, grid, readout=0.6, bias=0.2, axes=axes)
    for a, first in enumerate(grid):
        for b, second in enumerate(grid):
            weight = (torch.stack([first, second]) @ axes).requires_grad_()
            hidden = 0.6 * activation(means @ weight + 0.2)
            logits = hidden - hidden.detach()  # an output of one half, with the gradient of the neuron
            nn.functional.binary_cross_entropy_with_logits(logits, (labels + 1) / 2).backward()
            torch.testing.assert_close(found[a, b], -axes @ weight.grad, atol=1e-5, rtol=1e-4)


def test_the_drift_under_noise_is_the_mean_over_samples():
    means, labels, grid = 0.5 * SQUARE, AXIS, torch.tensor([0.5, -1.0])
    noisy = means[:, None] + 0.8 * cloud(4, 100_000, 2)
    found = gradient_field(torch.relu, means, labels, grid, noise=0.8, axes=torch.eye(2))
    weight = torch.stack([grid[0], grid[1]])
    wanted = (((noisy @ weight) > 0)[..., None] * noisy * labels[:, None, None] / 2).mean((0, 1))
    torch.testing.assert_close(found[0, 1], wanted, atol=4e-3, rtol=0)


def test_one_side_drives_relu_and_all_conditions_drive_tanh():
    near = torch.tensor([0.05])
    relu, tanh = (gradient_field(f, SQUARE, AXIS, near, axes=torch.eye(2)) for f in (torch.relu, torch.tanh))
    assert relu[0, 0].tolist() == pytest.approx([0.125, 0.125])
    assert tanh[0, 0].tolist() == pytest.approx([0.5, 0], abs=0.01)


def test_layers_of_a_perceptron_by_hand(left_as_found):
    model = mlp([2, 16, 2], seed=0)
    before = left_as_found(model)
    found = layer_geometry(model, SQUARE, AXIS[:, None], layers=["", "act1"]).set_index("layer")
    assert left_as_found(model) == before
    assert found.loc["", "target"] == pytest.approx(1 / math.sqrt(2))
    assert found.loc["", "pr"] == pytest.approx(2)
    weight, bias = list(model.parameters())[:2]
    hidden = torch.relu(SQUARE @ weight.T + bias)
    assert found.loc["act1", "pr"] == pytest.approx(participation_ratio(hidden), rel=1e-4)
    assert found.loc["act1", "input"] == pytest.approx(cka(hidden, SQUARE), rel=1e-4)


def test_conditions_are_means_of_samples_at_every_layer():
    model, images = small_conv_net((4, 6), (1, 2), seed=0), torch.rand(12, 1, 8, 8)
    labels = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    numbers = torch.arange(12) % 4
    found = layer_geometry(model, images, labels, conditions=numbers, layers=["", "features.conv1"])
    means = torch.stack([images[numbers == c].mean(0) for c in range(4)])
    alone = layer_geometry(nn.Sequential(nn.Identity()), means, labels)
    assert found["pr"][0] == pytest.approx(alone["pr"][0], rel=1e-4)
    assert found["ps"][0] == pytest.approx(alone["ps"][0], rel=1e-4)
    assert len(layer_geometry(model, images, labels, conditions=numbers)) > 5


def test_a_recurrent_network_and_a_dead_layer():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.out = nn.GRU(2, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x):
            return self.out(self.cells(x)[0][:, -1])

    assert layer_geometry(Reader(), cloud(4, 3, 2), AXIS[:, None])["layer"].tolist() == ["cells", "out"]
    dead = mlp([2, 4, 2], seed=0)
    with torch.no_grad():
        next(iter(dead.parameters())).zero_()
    with pytest.warns(UserWarning, match="NaN"):
        found = layer_geometry(dead, SQUARE, AXIS[:, None], layers=["act1"])
    assert found[["target", "input", "ps", "pr"]].isna().to_numpy().all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: parallelism_score(SQUARE[:2], AXIS[[0, 2]]), "at least 3"),
        (lambda: parallelism_score(cloud(10, 2), AXIS[torch.arange(10) % 4]), "assignment"),
        (lambda: parallelism_score(SQUARE, torch.ones(4)), "both values"),
        (lambda: parallelism_score(SQUARE * math.nan, AXIS), "NaN"),
        (lambda: ccgp(SQUARE, torch.arange(4), torch.tensor([1.0, -1, -1, -1])), "at least 2 conditions"),
        (lambda: ccgp(SQUARE, torch.tensor([0, 1, 0, 1]), AXIS), "within a condition|at least 2"),
        (lambda: participation_ratio(SQUARE[:1]), "at least 2"),
        (lambda: gradient_field(torch.tanh, SQUARE, XOR, torch.ones(1)), "between the classes"),
        (lambda: gradient_field(torch.tanh, SQUARE, AXIS, torch.ones(1), axes=torch.ones(2, 2)), "orthonormal"),
        (lambda: layer_geometry(mlp([2, 3, 2]), SQUARE, AXIS[:3, None]), "each of the 3 rows"),
        (lambda: layer_geometry(mlp([2, 3, 2]), SQUARE, AXIS[:, None], layers=["nowhere"]), "nowhere"),
        (lambda: layer_geometry(mlp([2, 3, 2]), SQUARE * math.inf, AXIS[:, None]), "inf"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
