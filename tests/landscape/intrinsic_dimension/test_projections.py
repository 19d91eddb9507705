import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard
from sklearn.random_projection import SparseRandomProjection

from netopsy import InputError
from netopsy.landscape.intrinsic_dimension import (
    DenseProjection,
    FastfoodProjection,
    MatrixProjection,
    SparseProjection,
    fwht,
    make_projection,
)

KINDS = ("dense", "sparse", "fastfood")


def test_the_transform_of_a_known_vector():
    x = torch.tensor([1.0, 0, 1, 0, 0, 1, 1, 0])
    assert fwht(x).tolist() == [4, 2, 0, -2, 0, 2, 0, 2]


@given(power=st.integers(0, 8), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_the_transform_is_the_product_with_the_matrix_and_its_own_inverse(power, seed):
    n = 2**power
    x = torch.randn(2, 3, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(fwht(x), x @ torch.from_numpy(hadamard(n)).double())
    torch.testing.assert_close(fwht(fwht(x)), n * x)
    torch.testing.assert_close(fwht(fwht(x, normalize=True), normalize=True), x)


def test_the_transform_has_exact_gradients_also_of_second_order_and_vectorised():
    x = torch.randn(2, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(fwht, x, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(fwht, x)
    torch.testing.assert_close(torch.vmap(fwht, in_dims=1)(x), fwht(x.T.contiguous()))


@pytest.mark.parametrize("kind", KINDS)
@given(full=st.integers(1, 300), share=st.floats(0.01, 1), seed=st.integers(0, 20))
@settings(max_examples=15, deadline=None)
def test_the_transpose_is_that_of_the_matrix_and_autograd_goes_by_it(kind, full, share, seed):
    projection = make_projection(kind, full, max(1, int(share * full)), seed=seed).double()
    matrix = projection.to_matrix()
    z = torch.randn(2, projection.dimension, dtype=torch.float64, requires_grad=True)
    g = torch.randn(2, full, dtype=torch.float64)
    torch.testing.assert_close(projection(z), z @ matrix.T)
    torch.testing.assert_close(projection.transpose(g), g @ matrix)
    torch.testing.assert_close(torch.autograd.grad((projection(z) * g).sum(), z)[0], g @ matrix)
    there, back = float((projection(z) * g).sum().detach()), float((z * projection.transpose(g)).sum().detach())
    assert abs(there - back) <= 1e-5 * max(1.0, abs(there))


def test_columns_have_length_one_over_all_parameters():
    for kind in ("dense", "sparse"):
        norms = make_projection(kind, 1000, 40, seed=3).to_matrix().norm(dim=0)
        torch.testing.assert_close(norms, torch.ones(40))
    torch.testing.assert_close(FastfoodProjection(512, 40).to_matrix().norm(dim=0), torch.ones(40))
    squares = [FastfoodProjection(700, 16, seed=seed).to_matrix().square().sum(0) for seed in range(60)]
    assert abs(float(torch.stack(squares).mean()) - 1) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_nearly_orthogonal_as_random_ones_are(kind):
    size = 1 << 14
    matrix = make_projection(kind, size, 30, seed=1).to_matrix()
    products = (matrix.T @ matrix)[~torch.eye(30, dtype=torch.bool)]
    assert float(products.abs().max()) < 8 / size**0.5
    # Of Fastfood they are sums of the squares of the Gaussian entries with random signs: 3 / D, and not 1 / D.
    assert float(products.square().mean()) < (4 if kind == "fastfood" else 2) / size


def test_sparse_entries_are_as_many_and_as_signed_as_sklearns():
    full, dimension = 10_000, 200
    ours = SparseProjection(full, dimension, seed=2).to_matrix().numpy()
    theirs = SparseRandomProjection(dimension, density="auto", random_state=0).fit(np.zeros((1, full))).components_
    expected, spread = full * dimension / 100, (full * dimension / 100) ** 0.5
    assert abs(np.count_nonzero(ours) - expected) < 4 * spread
    assert abs(theirs.nnz - expected) < 4 * spread
    assert abs(np.sign(ours).sum()) < 4 * spread
    heights = np.count_nonzero(ours, axis=0)
    assert abs(heights.var() / (100 * 0.99) - 1) < 0.5  # binomial, column by column


def test_no_column_of_a_sparse_projection_is_empty():
    for seed in range(20):
        matrix = SparseProjection(4, 4, seed=seed).to_matrix()
        torch.testing.assert_close(matrix.norm(dim=0), torch.ones(4))


def test_a_seed_says_it_all_and_a_smaller_fastfood_is_part_of_a_larger_one():
    for kind in KINDS:
        one, same, other = (make_projection(kind, 90, 7, seed=seed).to_matrix() for seed in (1, 1, 2))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
    torch.testing.assert_close(
        FastfoodProjection(90, 5, seed=1).to_matrix(), FastfoodProjection(90, 40, seed=1).to_matrix()[:, :5]
    )


def test_fastfood_runs_as_a_stack_of_matrices():
    parts = [FastfoodProjection(50, 6, seed=seed).double() for seed in range(3)]
    buffers = {name: torch.stack([dict(part.named_buffers())[name] for part in parts]) for name in
               dict(parts[0].named_buffers())}  # fmt: skip
    z = torch.randn(3, 6, dtype=torch.float64)

    def squared(own, values):
        return torch.func.functional_call(parts[0], own, (values,)).pow(3).sum()

    found = torch.vmap(torch.func.grad(squared, argnums=1))(buffers, z)
    for number, part in enumerate(parts):
        matrix = part.to_matrix()
        torch.testing.assert_close(found[number], 3 * (matrix @ z[number]).square() @ matrix)


@pytest.mark.parametrize(
    "call",
    [
        lambda: fwht(torch.zeros(6)),
        lambda: fwht(torch.zeros(4, dtype=torch.int64)),
        lambda: DenseProjection(5, 0),
        lambda: SparseProjection(5, 6),
        lambda: FastfoodProjection(0, 1),
        lambda: make_projection("fourier", 5, 1),
        lambda: FastfoodProjection(5, 2)(torch.zeros(3)),
        lambda: FastfoodProjection(5, 2).transpose(torch.zeros(3)),
        lambda: MatrixProjection(torch.full((3, 2), torch.nan)),
        lambda: DenseProjection(5, 2, seed=-1),
    ],
)
def test_bad_input(call):
    with pytest.raises(InputError):
        call()
