import numpy as np
import pytest
import torch

from netopsy import InputError
from netopsy.representations.similarity import center, cka, cka_matrix, kernel_alignment


def features(n, units, seed, dtype=torch.float64):
    return torch.randn(n, units, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_centring_is_multiplying_by_the_centring_matrix():
    kernel = features(6, 6, 0)
    h = torch.eye(6, dtype=kernel.dtype) - 1 / 6
    torch.testing.assert_close(center(kernel), h @ kernel @ h)


@pytest.mark.parametrize(("samples", "bits"), [(4, 1), (32, 5)])
def test_alignment_of_unstructured_inputs_with_balanced_labels(samples, bits):
    from scipy.linalg import hadamard

    labels = torch.tensor(hadamard(samples)[:, 1 : 1 + bits], dtype=torch.float64)
    found = kernel_alignment(torch.eye(samples, dtype=torch.float64), labels @ labels.T)
    assert found.item() == pytest.approx((bits / (samples - 1)) ** 0.5, abs=1e-12)


def test_two_columns_align_as_their_squared_correlation():
    x, y = features(40, 1, 0), features(40, 1, 1)
    assert cka(x, y) == pytest.approx(np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2, abs=1e-12)


@pytest.mark.parametrize("units", [3, 60])
@pytest.mark.parametrize("debiased", [False, True])
def test_rotating_scaling_and_shifting_change_nothing(units, debiased):
    x, y = features(30, units, 0), features(30, 4, 1)
    turn, _ = torch.linalg.qr(features(units, units, 2))
    assert cka(x, y, debiased=debiased) == pytest.approx(cka(3 * x @ turn + 5, y, debiased=debiased), abs=1e-9)


@pytest.mark.parametrize("debiased", [False, True])
def test_units_and_samples_give_one_number(debiased):
    x, y = features(30, 7, 0), features(30, 4, 1)
    assert cka(x, y, debiased=debiased) == pytest.approx(
        kernel_alignment(x @ x.T, y @ y.T, debiased=debiased).item(), abs=1e-12
    )
    assert cka_matrix([x, y], [y], debiased=debiased)[0, 0].item() == pytest.approx(cka(x, y, debiased=debiased))


def test_debiased_products_are_those_over_sets_of_four_different_samples():
    """Song et al. 2012, equation 4: the unbiased estimate of HSIC, summed over all 4-tuples of different samples."""
    from itertools import permutations

    from netopsy.representations.similarity import center_without_diagonal

    x, y = features(6, 3, 0), features(6, 2, 1)
    k, other = x @ x.T, y @ y.T
    places = list(permutations(range(6), 4))
    sums = [k[i, j] * (other[i, j] + other[q, r] - 2 * other[i, q]) for i, j, q, r in places]
    product = (center_without_diagonal(k) * center_without_diagonal(other)).sum() / (6 * 3)
    torch.testing.assert_close(product, torch.stack(sums).mean())


def test_independent_features_align_only_with_the_bias():
    found = [(cka(features(20, 30, s), features(20, 30, 99 - s), debiased=d)) for d in (False, True) for s in range(40)]
    biased, debiased = np.array(found).reshape(2, 40)
    assert biased.mean() > 0.5
    assert abs(debiased.mean()) < 0.02


def test_a_still_layer_has_no_alignment():
    with pytest.warns(UserWarning, match="same for every sample"):
        assert np.isnan(cka(torch.full((10, 3), 0.1), features(10, 3, 0, torch.float32)))
    with pytest.warns(UserWarning, match="same for every sample"):
        found = cka_matrix([torch.full((10, 3), 0.1), features(10, 3, 1, torch.float32)], [features(10, 3, 0).float()])
    assert found.isnan().flatten().tolist() == [True, False]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cka(torch.rand(4, 2), torch.rand(5, 2)), "same samples, got 4 and 5"),
        (lambda: cka(torch.rand(4), torch.rand(4, 2)), r"x must be \[samples, ...\]"),
        (lambda: cka(torch.rand(1, 2), torch.rand(1, 2)), "at least 2 samples"),
        (lambda: cka(torch.rand(3, 2), torch.rand(3, 2), debiased=True), "at least 4 samples"),
        (lambda: cka(torch.full((4, 2), torch.nan), torch.rand(4, 2)), "x"),
        (lambda: kernel_alignment(torch.rand(3, 4), torch.rand(3, 4)), "a must be"),
        (lambda: kernel_alignment(torch.eye(3), torch.eye(4)), "same samples"),
        (lambda: cka_matrix([], [torch.eye(3)]), "at least one"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
