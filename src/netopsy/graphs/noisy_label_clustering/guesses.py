"""Noisy labels from a few samples of a cluster and of the rest, and weights from attributes alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int8

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.graphs.noisy_label_clustering.graph import CheckedGraph, checked_graph


@checked
def labels_from_samples(
    features: Any, positive: Any, negative: Any, *, classifier: Any = None
) -> Int8[np.ndarray, "nodes"]:
    """A guess for every node whether it belongs to a cluster, from few that do and few that do not.

    Args:
        features: ``[nodes, features]``, an array, a tensor or a sparse matrix.
        positive: numbers of nodes known to belong to the cluster.
        negative: numbers of nodes known not to. 25 of each are a sensible number (the paper's is unconfirmed).
        classifier: anything with scikit-learn's `fit` and `predict`; logistic regression if not given. It is cloned.

    Returns:
        0 or 1 for each node, int8; the samples themselves keep what is known of them.

    Raises:
        InputError: no positive or no negative sample, one that is both, or nodes without features.

    Source: section 4, labels from node attributes.

    >>> labels_from_samples(np.array([[0.0], [0.2], [0.9], [1.0]]), [3], [0]).tolist()
    [0, 0, 1, 1]
    """
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression

    able = classifier is None or (hasattr(classifier, "get_params") and hasattr(classifier, "fit"))
    require(
        able, f"classifier must be one of scikit-learn's kind, with fit and get_params, got {type(classifier).__name__}"
    )
    values = _matrix(features)
    inside, outside = (
        _samples(given, values.shape[0], name) for given, name in ((positive, "positive"), (negative, "negative"))
    )
    both = np.intersect1d(inside, outside)
    require(both.size == 0, f"positive and negative must not share nodes, both hold {both[:3].tolist()}")
    samples = np.concatenate([inside, outside])
    known = np.repeat(np.array([1, 0], dtype=np.int8), [len(inside), len(outside)])
    fitted = LogisticRegression(max_iter=1000) if classifier is None else clone(classifier)
    fitted.fit(values[samples], known)
    guessed = np.asarray(fitted.predict(values)).astype(np.int8)
    guessed[samples] = known
    return guessed


@checked
def attribute_edge_weights(graph: Any, features: Any, *, gamma: float = 0.02) -> Callable[[int], np.ndarray]:
    """Weights ``exp(-gamma |x_i - x_j|^2)`` of the edges of a node, as a function that computes them when asked.

    The weighted flow diffusion that this paper compares with. Goes in as ``weights`` of `local_cluster` with the same
    checked graph.

    Raises:
        InputError: features that are not one finite row a node, or a negative gamma.

    Source: Yang and Fountoulakis, Weighted flow diffusion for local graph clustering with node attributes, ICML 2023;
    gamma = 0.02 as in their code.

    >>> attribute_edge_weights(np.array([[0, 1], [1, 0]]), np.array([[0.0], [1.0]]), gamma=1.0)(0).round(4).tolist()
    [0.3679]
    """
    checked: CheckedGraph = checked_graph(graph)
    require(np.isfinite(gamma) and gamma >= 0, f"gamma must be a finite number from 0 on, got {gamma}")
    values = _matrix(features)
    values = np.asarray(values.todense() if hasattr(values, "todense") else values, dtype=np.float64)
    require(
        len(values) == len(checked),
        f"features must have one row for each of the {len(checked)} nodes, got {len(values)}",
    )

    def of_row(node: int) -> np.ndarray:
        names = checked.columns[checked.starts[node] : checked.starts[node + 1]]
        apart = values[names] - values[node]
        return np.exp(-gamma * np.einsum("ij,ij->i", apart, apart))

    return of_row


def _matrix(features: Any) -> Any:
    """Finite real numbers ``[nodes, features]``, sparse as they are, otherwise as an array."""
    from scipy import sparse

    given: Any = features
    if sparse.issparse(features):
        values: Any = given.tocsr()
    else:
        detach = getattr(given, "detach", None)
        values = np.asarray(given if detach is None else detach().cpu())
    require(values.ndim == 2, f"features must be [nodes, features], got shape {values.shape}")
    require(values.dtype.kind in "biuf", f"features must be real numbers, got {values.dtype}")
    entries: Any = values.data if sparse.issparse(features) else values
    require(np.isfinite(entries).all(), "features must be finite, got NaN or infinity")
    return values


def _samples(given: Any, nodes: int, name: str) -> np.ndarray:
    values = np.unique(np.asarray(given))
    require(values.size > 0, f"{name} must name at least one node, got none")
    whole = values.ndim == 1 and np.issubdtype(values.dtype, np.integer)
    require(whole and values[0] >= 0, f"{name} must be numbers of nodes, got {values[:3].tolist()}")
    require(values[-1] < nodes, f"{name} names node {values[-1]}, but there are only nodes 0 to {nodes - 1}")
    return values.astype(np.int64)
