import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from scipy.stats import ortho_group

from netopsy import InputError
from netopsy.graphs.graph_valuation import diversity_relevance, smoothed_features
from netopsy.graphs.graph_valuation.features import compare, principal_directions


def rows(seed=0, n=60, d=5):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) @ random.normal(size=(d, d))


def test_the_same_features_are_relevant_and_not_diverse():
    found = diversity_relevance(rows(), rows())
    assert found.relevance == pytest.approx(1)
    assert found.diversity == pytest.approx(0, abs=1e-11)
    assert (found.mean_relevance, found.mean_diversity) == pytest.approx((1, 0), abs=1e-9)


@settings(deadline=None)
@given(st.floats(0.05, 20))
def test_scaled_features(factor):
    found = diversity_relevance(rows(), factor * rows() + 3)
    expected = min(factor**2, factor**-2)
    assert found.relevance == pytest.approx(expected, rel=1e-6)
    assert found.diversity == pytest.approx(1 - expected, abs=1e-6)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_the_definition_and_its_bounds(seed):
    ours, theirs = rows(seed), rows(seed + 5000, 40)
    values, vectors = np.linalg.eigh(np.cov(ours.T))
    kept = values > 0.01 * values.max()
    lengths = np.linalg.norm(np.cov(theirs.T) @ vectors[:, kept], axis=0)
    larger = np.maximum(values[kept], lengths)
    relevance = np.prod(np.minimum(values[kept], lengths) / larger) ** (1 / kept.sum())
    diversity = np.prod(np.abs(values[kept] - lengths) / larger) ** (1 / kept.sum())
    found = diversity_relevance(ours, theirs)
    assert (found.relevance, found.diversity) == pytest.approx((relevance, diversity))
    assert found.relevance + found.diversity <= 1 + 1e-12
    assert found.mean_relevance + found.mean_diversity == pytest.approx(1)
    assert sum(found.per_direction) == pytest.approx(np.ones(kept.sum()))
    assert (np.diff(found.buyer) <= 0).all()


def test_a_common_rotation_and_the_order_of_rows_do_not_matter():
    ours, theirs = rows(1), rows(2)
    turn = ortho_group.rvs(5, random_state=0)
    before, after = diversity_relevance(ours, theirs), diversity_relevance(ours[::-1] @ turn, theirs @ turn)
    assert (after.relevance, after.diversity) == pytest.approx((before.relevance, before.diversity))


def test_small_directions_are_left_out_and_one_equality_does_not_hide_the_rest():
    scales = np.array([10.0, 5.0, 0.5])
    ours = rows(3, 500, 3) * 0 + np.random.default_rng(0).normal(size=(500, 3)) * scales
    assert len(principal_directions(ours)[0]) == 2
    assert len(principal_directions(ours, 0.0)[0]) == 3
    found = compare(np.array([2.0, 1.0]), np.array([2.0, 0.1]))
    assert 0 < found.diversity < 1e-5
    assert found.mean_diversity == pytest.approx(0.45)


def test_a_seller_without_spread_is_irrelevant():
    found = diversity_relevance(rows(), np.ones((7, 5)))
    assert found.relevance < 1e-11
    assert found.diversity == 1


def test_more_columns_than_rows():
    ours = np.random.default_rng(0).normal(size=(10, 40))
    variances, directions = principal_directions(ours)
    assert directions.shape == (40, 9) == (40, len(variances))
    assert diversity_relevance(ours, ours).relevance == pytest.approx(1)


def test_tensors_and_integers():
    halves = torch.from_numpy(rows()).bfloat16()
    assert diversity_relevance(halves, halves).relevance == pytest.approx(1)
    words = torch.randint(0, 2, (30, 4), generator=torch.Generator().manual_seed(0))
    assert diversity_relevance(words, words.float()).relevance == pytest.approx(1)


def test_smoothing_is_the_normalised_average():
    network = nx.karate_club_graph()
    x = rows(0, 34, 3)
    matrix = nx.to_numpy_array(network) + np.eye(34)
    root = np.diag(matrix.sum(0) ** -0.5)
    np.testing.assert_allclose(
        smoothed_features(network, x, 2), np.linalg.matrix_power(root @ matrix @ root, 2) @ x, atol=1e-9
    )
    np.testing.assert_array_equal(smoothed_features(network, x, 0), x)


def test_the_picture():
    found = diversity_relevance(rows(), rows(1))
    ax = found.plot()
    assert isinstance(ax, Axes)
    assert [line.get_label() for line in ax.lines] == ["buyer", "seller"]
    assert found.plot(ax) is ax


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (rows(), rows(d=4), "Xs must have 5 columns"),
        (rows()[:1], rows(), "Xb must have at least two rows"),
        (rows(), rows() * np.nan, "Xs must be finite"),
        (np.full((6, 5), 0.1), rows(), "Xb must vary"),
        (rows()[0], rows(), r"Xb must be numbers \[rows, features\], got shape \(5,\)"),
        (rows(), [["a", "b"]], "Xs must be numbers"),
        (np.zeros((0, 5)), rows(), "Xb must be numbers"),
        (rows() * 1j, rows(), "Xb must be numbers"),
        (rows().astype(str), rows(), "Xb must be numbers"),
        (rows(), rows() * 1e80, "Xs must be of a size"),
        (rows() * 1e-85, rows(), "Xb must be of a size"),
    ],
)
def test_bad_input(ours, theirs, message, unchecked):
    with pytest.raises(InputError, match=message):
        diversity_relevance(ours, theirs)


def test_other_bad_input(unchecked):
    with pytest.raises(InputError, match=r"rel_tol must be in \[0, 1\)"):
        diversity_relevance(rows(), rows(), 1.0)
    with pytest.raises(InputError, match="hops must be a whole number"):
        smoothed_features(nx.path_graph(3), rows(), -1)
    with pytest.raises(InputError, match="X must have one row a node, 3"):
        smoothed_features(nx.path_graph(3), rows(), 1)
