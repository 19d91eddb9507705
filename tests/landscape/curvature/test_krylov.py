"""A glimpse of a spectrum against the whole matrix."""

import pytest
import torch

from netopsy import InputError
from netopsy.data import Dataset
from netopsy.landscape.curvature import dense, hessian
from netopsy.landscape.curvature.krylov import glimpse
from netopsy.models import mlp

DATA = Dataset(torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3)


@pytest.fixture(scope="module")
def curvature():
    return hessian(mlp([4, 5, 3], seed=0).double(), Dataset(DATA.inputs.double(), DATA.targets))


def test_the_top_pair_is_that_of_the_matrix_and_the_residual_says_how_near(curvature):
    values, matrix = torch.linalg.eigvalsh(dense(curvature)), dense(curvature)
    for steps, near in ((4, 0.5), (15, 1e-6)):
        top = glimpse(curvature, steps=steps).top
        vector = top.vectors[:, 0]
        assert 0 <= values[-1] - top.values[0] < near
        assert float(vector.norm()) == pytest.approx(1)
        off = (matrix @ vector - top.values[0] * vector).norm()
        torch.testing.assert_close(top.residuals[0], off, rtol=1e-4, atol=1e-6)
        assert top.products == steps


def test_the_spectrum_keeps_the_moments(curvature):
    matrix, spectrum = dense(curvature), glimpse(curvature, steps=6, seed=3).spectrum
    signs = 2.0 * torch.randint(0, 2, (len(matrix),), generator=torch.Generator().manual_seed(3)) - 1
    start = signs.double() / len(matrix) ** 0.5
    for power in range(5):
        wanted = start @ torch.linalg.matrix_power(matrix, power) @ start
        assert float(spectrum.weights @ spectrum.points**power) == pytest.approx(float(wanted), rel=1e-6)


def test_a_space_that_is_exhausted_ends_the_run():
    data = Dataset(torch.eye(2), torch.zeros(2, 1))
    found = glimpse(hessian(torch.nn.Linear(2, 1, bias=False), data, loss="mse"), steps=9)
    assert found.top.products == 1  # a multiple of the identity
    assert found.top.residuals[0] < 1e-6


def test_what_is_no_curvature_or_no_number_of_steps_is_told(curvature):
    with pytest.raises(InputError, match="curvature must"):
        glimpse(torch.eye(3))
    with pytest.raises(InputError, match="steps must be an int of at least 1"):
        glimpse(curvature, steps=0)
