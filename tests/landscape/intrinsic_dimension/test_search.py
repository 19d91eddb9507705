import math

import numpy as np
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.landscape.intrinsic_dimension import (
    NotReachedError,
    SubspaceModel,
    dimension_from_curve,
    intrinsic_dimension,
)


class Groups(nn.Module):
    """The paper's toy problem: squared error of the sums of ten groups to 1, ..., 10."""

    def __init__(self, groups=10, each=100):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(groups, each, dtype=torch.float64))

    def forward(self):
        return self.theta.sum(1) - torch.arange(1.0, 1 + len(self.theta), dtype=torch.float64)


def solve(model, seed):
    """Least squares: the residuals are linear in what is trained."""
    value = model.z if isinstance(model, SubspaceModel) else model.theta
    with torch.no_grad():
        value.zero_()
    residual = model().detach()
    columns = torch.autograd.functional.jacobian(
        lambda own: torch.func.functional_call(model, {"z" if value.ndim == 1 else "theta": own}, ()), value
    ).flatten(1)
    with torch.no_grad():
        value += torch.linalg.lstsq(columns, -residual, driver="gelsd").solution.view_as(value)


@pytest.mark.parametrize("kind", ["dense", "sparse", "fastfood"])
def test_the_toy_problem_is_solved_exactly_from_ten_dimensions_on(kind):
    for seed in range(3):
        for dimension, solved in ((9, False), (10, True), (12, True)):
            subspace = SubspaceModel(Groups(), dimension, projection=kind, seed=seed)
            solve(subspace, 0)
            left = float(subspace().square().sum().detach())
            assert (left < 1e-20) if solved else (left > 1e-6)


def test_the_search_finds_the_ten_dimensions_of_the_toy_problem():
    found = intrinsic_dimension(
        lambda seed: Groups(),
        solve,
        lambda model: float(model().square().sum() < 1e-12),
        (2, 4, 8, 16, 32),
        target=1.0,
        refine=4,
    )
    assert found.dimension == 10
    assert found.interval == (10, 10)
    assert found.full == 1000
    assert 32 not in found.dims


def test_a_quadratic_of_rank_r_needs_r_dimensions():
    rank, size = 6, 40
    factor = torch.randn(rank, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    optimum = torch.ones(size, dtype=torch.float64)
    for dimension in (rank - 1, rank):
        subspace = SubspaceModel(nn.Linear(size, 1, bias=False).double(), dimension, projection="dense")
        start = next(subspace.model.parameters())[0]
        reach = factor @ subspace.projection.to_matrix()
        residual = factor @ (start - optimum)
        left = residual + reach @ torch.linalg.lstsq(reach, -residual[:, None]).solution[:, 0]
        assert (float(left.norm()) < 1e-9) == (dimension == rank)


def test_scores_that_are_to_be_small():
    found = intrinsic_dimension(
        lambda seed: Groups(),
        solve,
        lambda model: float(model().square().sum()),
        (5, 9, 10, 11),
        target=1e-12,
        maximise=False,
        refine=0,
        repeats=2,
    )
    assert 9 < found.dimension <= 10
    assert all(math.isnan(end) for end in found.interval)


def test_a_share_of_direct_training_is_the_target():
    model_scores = []

    def score(model):
        model_scores.append(type(model))
        return 1.0 if isinstance(model, nn.Linear) else min(1.0, model.dimension / 20)

    found = intrinsic_dimension(lambda seed: nn.Linear(30, 1), lambda model, seed: None, score, (4, 16, 31), refine=1)
    assert found.baseline == 1.0
    assert found.target == pytest.approx(0.9)
    assert found.dimension == pytest.approx(19)  # between 0.8 at 16 and 1 at 22
    assert model_scores.count(nn.Linear) == 3


def test_a_curve_is_read_by_its_envelope_and_linearly():
    noisy = [[0.2], [0.6], [0.5], [1.0]]
    assert dimension_from_curve((10, 20, 30, 40), noisy, 0.8).dimension == pytest.approx(35)
    assert dimension_from_curve((10, 20), [[0.9], [1.0]], 0.8).dimension == 10
    assert dimension_from_curve((10, 20), [[4.0], [2.0]], 3.0, maximise=False).dimension == 15


def test_the_interval_covers_the_dimension_as_often_as_it_says():
    random, dims, true = np.random.default_rng(0), tuple(range(10, 100, 10)), 52.0
    covered = 0
    for seed in range(60):
        shifts = random.normal(0, 8, size=12)
        scores = (np.array(dims)[:, None] - true - shifts) / 100 + 0.5
        low, high = dimension_from_curve(dims, scores, 0.5, seed=seed).interval
        covered += low <= true <= high
    assert 50 <= covered <= 60


def test_what_is_not_reached_comes_with_its_curve():
    with pytest.raises(NotReachedError, match="try larger dims") as error:
        intrinsic_dimension(lambda seed: Groups(), solve, lambda model: 0.0, (2, 4), target=1.0, repeats=1)
    assert error.value.dims == (2, 4)
    assert error.value.scores.shape == (2, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"dims": ()},
        {"dims": (4, 2)},
        {"dims": (2, 4000)},
        {"dims": (2,), "threshold": 0.0},
        {"dims": (2,), "repeats": 0},
        {"dims": (2,), "baseline": 1.0, "target": 1.0},
    ],
)
def test_bad_input(options):
    dims = options.pop("dims")
    with pytest.raises(InputError):
        intrinsic_dimension(lambda seed: Groups(), lambda model, seed: None, lambda model: 1.0, dims, **options)


def test_a_training_that_diverges_is_said_to():
    with pytest.raises(InputError, match="diverged"):
        intrinsic_dimension(lambda seed: Groups(), lambda model, seed: None, lambda model: float("nan"), (2, 4))
    with pytest.raises(InputError, match="finite"):
        dimension_from_curve((1, 2), [[0.0], [float("nan")]], 1.0)


def test_a_plot():
    assert dimension_from_curve((10, 20), [[0.1, 0.2, 0.1], [0.9, 1.0, 1.0]], 0.8).plot().lines
