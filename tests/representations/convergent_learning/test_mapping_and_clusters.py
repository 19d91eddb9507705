import pytest
import torch
from sklearn.linear_model import Lasso

from netopsy import InputError
from netopsy.representations.convergent_learning import (
    clusters_of,
    half_squared_error,
    held_out_loss,
    mapping_path,
    single_unit_loss,
    sparse_mapping,
    spectral_unit_clusters,
    statistics_of,
)


def standardised(table):
    return (table - table.mean(0)) / table.std(0, unbiased=False)


@pytest.fixture(scope="module")
def series():
    random = torch.Generator().manual_seed(0)
    a = torch.randn(400, 8, generator=random, dtype=torch.float64)
    a[:, 7] = a[:, 0] + 0.1 * a[:, 7]
    b = a @ torch.randn(8, 5, generator=random, dtype=torch.float64) + torch.randn(400, 5, generator=random).double()
    return a * 3 + 10, b


def test_orthonormal_units_are_cut_softly():
    """With uncorrelated units of variance 1 the solution is the correlation, moved towards 0 by the penalty."""
    signs = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64).repeat(50, 1)
    noise = torch.randn(200, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    b = 0.7 * signs[:, :1] - 0.4 * signs[:, 1:2] + 0.05 * signs[:, 2:] + noise * 0.5
    stats = statistics_of([signs, torch.cat([b, noise], 1)])
    aim = stats.correlation(0, 1)[:, 0]
    found = sparse_mapping(stats, 0, 1, 0.1).weight[:, 0]
    torch.testing.assert_close(found, aim.sign() * (aim.abs() - 0.1).clamp(min=0), atol=1e-8, rtol=0)


@pytest.mark.parametrize("penalty", [0.3, 0.05, 0.003])
def test_the_lasso_is_scikit_learn_s(series, penalty):
    a, b = series
    found = sparse_mapping(statistics_of([a, b]), 0, 1, penalty)
    x, y = standardised(a), standardised(b)
    for target in range(5):
        peer = Lasso(alpha=penalty, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(
            x.numpy(), y[:, target].numpy()
        )
        torch.testing.assert_close(found.weight[:, target], torch.from_numpy(peer.coef_), atol=5e-6, rtol=0)
    wanted = 0.5 * (x @ found.weight - y).square().mean(0)
    torch.testing.assert_close(found.loss, wanted, atol=1e-9, rtol=0)


def test_no_penalty_is_least_squares_and_a_large_one_is_nothing(series):
    a, b = series
    stats = statistics_of([a, b])
    x, y = standardised(a), standardised(b)
    torch.testing.assert_close(sparse_mapping(stats, 0, 1, 0.0).weight, torch.linalg.lstsq(x, y).solution)
    nothing = sparse_mapping(stats, 0, 1, float(stats.correlation(0, 1).abs().max()))
    assert not nothing.weight.any()
    assert nothing.mean_loss == pytest.approx(0.5)


def test_a_path_gives_what_each_penalty_gives_alone(series):
    stats = statistics_of(list(series))
    path = mapping_path(stats, 0, 1, [0.01, 0.2])
    for found in path:
        torch.testing.assert_close(found.weight, sparse_mapping(stats, 0, 1, found.penalty).weight, atol=1e-5, rtol=0)
    assert path[0].used.sum() > path[1].used.sum()


def test_the_loss_on_other_images_is_that_of_the_map_applied_to_them(series):
    a, b = series
    stats, other = statistics_of([a[:300], b[:300]]), statistics_of([a[300:], b[300:]])
    found = sparse_mapping(stats, 0, 1, 0.02)
    x, y = ((each[300:] - each[:300].mean(0)) / each[:300].std(0, unbiased=False) for each in (a, b))
    wanted = 0.5 * (x @ found.weight - y).square().mean(0)
    torch.testing.assert_close(held_out_loss(found, stats, other, 0, 1), wanted, atol=1e-9, rtol=0)
    single = single_unit_loss(stats, other, 0, 1)
    best = stats.correlation(0, 1).abs().argmax(0)
    slope = stats.correlation(0, 1).gather(0, best[None])[0]
    torch.testing.assert_close(single, 0.5 * (x[:, best] * slope - y).square().mean(0), atol=1e-9, rtol=0)


def test_the_best_single_unit_leaves_what_its_correlation_leaves(series):
    stats = statistics_of(list(series))
    r = stats.correlation(0, 1).abs().amax(0)
    torch.testing.assert_close(single_unit_loss(stats, stats, 0, 1), (1 - r**2) / 2)


def test_dead_units_take_no_part(series):
    a, b = (each.clone() for each in series)
    a[:, 2], b[:, 1] = 1.0, 4.0
    found = sparse_mapping(statistics_of([a, b]), 0, 1, 0.01)
    assert not found.weight[2].any()
    assert found.loss.isnan().tolist() == [False, True, False, False, False]
    assert found.mean_loss < 0.5


def test_blocks_are_clusters():
    joint = torch.block_diag(*(torch.full((size, size), 0.8) for size in (3, 4, 2)))
    labels, k = clusters_of(joint, 3)
    assert k == 3
    assert [len(set(labels[a:b].tolist())) for a, b in ((0, 3), (3, 7), (7, 9))] == [1, 1, 1]
    assert len(set(labels.tolist())) == 3
    assert clusters_of(joint, None, most=5)[1] == 3


def test_clusters_of_two_networks_know_whose_units_they_hold():
    random = torch.Generator().manual_seed(0)
    a, b, c, noise = torch.randn(4, 500, 1, generator=random)
    first = torch.cat([a, a + 0.1 * noise, c, torch.ones(500, 1)], 1)
    found = spectral_unit_clusters(statistics_of([first, torch.cat([b, a, b - 0.1 * noise], 1)]), k=3)
    assert found.first[3] == -1
    assert sorted(found.sizes.tolist()) == [[0, 2], [1, 0], [2, 1]]
    assert found.mixed == pytest.approx(1 / 3)
    assert sorted(found.order.tolist()) == [0, 1, 2, 4, 5, 6]


def test_an_error_from_products_is_the_error():
    random = torch.Generator().manual_seed(1)
    a, b, w = (torch.randn(*shape, generator=random) for shape in ((50, 4), (50, 2), (4, 2)))
    found = half_squared_error(w, a.T @ a / 50, a.T @ b / 50, b.square().mean(0))
    torch.testing.assert_close(found, 0.5 * (a @ w - b).square().mean(0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: sparse_mapping(s, 0, 1, -0.1), "penalty must be"),
        (lambda s: sparse_mapping(s, 0, 1, float("nan")), "penalty must be"),
        (lambda s: sparse_mapping(s, 0, 1, 0.1, start=torch.zeros(2, 2)), "start must have shape"),
        (lambda s: mapping_path(s, 0, 1, []), "penalties is empty"),
        (lambda s: spectral_unit_clusters(s, k=1), "k must lie between 2 and"),
        (lambda s: spectral_unit_clusters(s, weight="cut"), "unknown weight 'cut'"),
    ],
)
def test_bad_input(call, message, series, unchecked):
    with pytest.raises(InputError, match=message):
        call(statistics_of(list(series)))
