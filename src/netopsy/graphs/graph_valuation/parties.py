"""A buyer, sellers and a broker between them, who know of each other only what messages say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from netopsy.core.arguments import checked_class
from netopsy.core.errors import lookup, require
from netopsy.core.seeds import derive
from netopsy.graphs.adjacency import GraphLike, as_adjacency
from netopsy.graphs.graph_valuation.alignment import MATCHERS, Matcher, align_to_proxy
from netopsy.graphs.graph_valuation.features import (
    Matrix,
    check_hops,
    compare,
    feature_matrix,
    principal_directions,
    smoothed_features,
    variances_along,
)
from netopsy.graphs.graph_valuation.messages import Message
from netopsy.graphs.graph_valuation.spectra import laplacian, smooth_root
from netopsy.graphs.graph_valuation.wasserstein import GROUPS, between, jackknife_error, shared_noise

MOST_SIGNALS = 10_000
MOST_PAIRS = 64
"""Pairs of graphs that are compared where the parties hold many; of more graphs each party takes so many."""

Roots = Float[np.ndarray, "graphs places columns"]


@dataclass(frozen=True, eq=False)
class Holding:
    """One party's graphs, and the features of all their nodes below one another, if there are any."""

    owner: str
    graphs: tuple[Any, ...]
    features: Matrix | None

    @staticmethod
    def of(given: Any, *, smooth: int = 0, called: str = "graph") -> Holding:
        """From a graph, a pair ``(graph, features or None)``, a torch_geometric ``Data`` with ``x``, or a list of such.

        Raises:
            InputError: no graphs, or only some of them with features, or features that do not match the nodes.
        """
        every = given if isinstance(given, list) else [given]
        require(len(every) > 0, f"{called} must be at least one graph, got an empty list")
        graphs, rows = [], []
        for one in every:
            pair = one if isinstance(one, tuple) else (one, getattr(one, "x", None))
            require(
                len(pair) == 2,
                f"{called} must be a graph, a pair (graph, features) or a list of such, got a tuple of {len(pair)}",
            )
            graph, features = pair
            adjacency = as_adjacency(graph, weighted=True, called=called)
            graphs.append(adjacency)
            if features is None:
                continue
            matrix = feature_matrix(features, f"features of {called}")
            require(
                matrix.shape != adjacency.shape or not np.array_equal(matrix, adjacency.toarray()),
                f"features of {called} are its adjacency matrix; several graphs go into a list, not into a tuple",
            )
            require(
                len(matrix) == adjacency.shape[0],
                f"features of {called} must have one row a node, {adjacency.shape[0]}, got {len(matrix)}",
            )
            rows.append(smoothed_features(adjacency, matrix, smooth) if smooth else matrix)
        require(len(rows) in (0, len(graphs)), f"{called} must have features for all of its graphs or for none")
        require(len({matrix.shape[1] for matrix in rows}) < 2, f"features of {called} must all have the same columns")
        return Holding(called, tuple(graphs), np.concatenate(rows) if rows else None)

    def roots(self, proxy: np.ndarray, noise: np.ndarray, matcher: str | Matcher, seed: int) -> Roots:
        """A factor of every graph's covariance of smooth signals, or such signals, in the proxy's numbering."""
        most = max(graph.shape[0] for graph in self.graphs)
        require(most <= len(proxy), f"{self.owner} has {most} nodes, more than the proxy, {len(proxy)}")
        chosen = np.random.default_rng(derive(seed, "graphs")).permutation(len(self.graphs))[:MOST_PAIRS]
        found = [_root(self.graphs[index], proxy, noise, matcher, seed) for index in sorted(chosen)]
        stack = np.zeros((len(found), len(proxy), max(root.shape[1] for root in found)))
        for place, root in zip(stack, found, strict=True):
            place[:, : root.shape[1]] = root
        return stack


@checked_class
class Buyer:
    """Whoever wants to know what others' graphs are worth; keeps its own graphs and features to itself.

    Args:
        holding: a graph, a pair ``(graph, features)``, a ``Data``, or a list of such.
        matcher: how its graphs are aligned to the proxy: see `align_to_proxy`.
        rel_tol: principal directions with at most so much of the largest variance are left out.
        smooth: average features over neighbours so many times first.
        seed: of the matcher, and of the choice among more than 64 graphs.

    Raises:
        InputError: no graph, or an unknown matcher.

    >>> from netopsy.graphs.graph_valuation import Broker
    >>> triangle = np.ones((3, 3)) - np.eye(3)
    >>> Buyer(triangle).offer(Broker(triangle).announce()).describe()
    'buyer -> broker: roots [1, 3, 2], variances [0], directions [0, 0]'
    """

    def __init__(
        self,
        holding: Any,
        *,
        matcher: str | Matcher = "grampa",
        rel_tol: float = 1e-2,
        smooth: int = 0,
        seed: int = 0,
    ) -> None:
        check_options(matcher, smooth)
        self._holding = Holding.of(holding, smooth=smooth, called="buyer")
        self._matcher, self._seed = matcher, seed
        variances, directions = np.zeros(0), np.zeros((0, 0))
        if self._holding.features is not None:
            variances, directions = principal_directions(self._holding.features, rel_tol, called="the buyer's features")
        self._variances, self._directions = variances, directions

    def offer(self, proxy: Message) -> Message:
        """What the buyer tells the broker after reading about the proxy."""
        _check_kind(proxy, "proxy")
        roots = self._holding.roots(proxy.content["proxy"], proxy.content["noise"], self._matcher, self._seed)
        return Message("offer", {"roots": roots, "variances": self._variances, "directions": self._directions})


@checked_class
class Seller:
    """Whoever has graphs to sell, and shows neither them nor their features; arguments as for `Buyer`.

    Raises:
        InputError: as for `Buyer`.

    >>> from netopsy.graphs.graph_valuation import Broker
    >>> triangle = np.ones((3, 3)) - np.eye(3)
    >>> broker = Broker(triangle)
    >>> request = broker.ask(Buyer(triangle).offer(broker.announce()), 0)
    >>> Seller(triangle).answer(request).describe()
    'seller 0 -> broker: roots [1, 3, 2], variances [0]'
    """

    def __init__(
        self, holding: Any, *, matcher: str | Matcher = "grampa", smooth: int = 0, seed: int = 0, number: int = 0
    ) -> None:
        check_options(matcher, smooth)
        self._holding = Holding.of(holding, smooth=smooth, called=f"seller {number}")
        self._matcher, self._seed, self._number = matcher, seed, number

    def answer(self, request: Message) -> Message:
        """What the seller tells the broker: its aligned roots, and its variances along the buyer's directions.

        Raises:
            InputError: its features have other columns than the buyer's.
        """
        _check_kind(request, "request")
        content, directions = request.content, request.content["directions"]
        variances = np.zeros(0)
        if self._holding.features is not None and directions.size:
            variances = variances_along(
                self._holding.features, directions, called=f"the features of seller {self._number}"
            )
        roots = self._holding.roots(content["proxy"], content["noise"], self._matcher, self._seed)
        return Message("answer", {"roots": roots, "variances": variances}, self._number)


@checked_class
class Broker:
    """Whoever stands between them: publishes the proxy, passes directions on, and works out the value.

    It can undo a root, so it has to be trusted with the structure of the graphs; the parties need not trust each other.

    Args:
        proxy: the public stand-in, dense ``[places, places]``.
        signals: compare so many random smooth signals instead of whole roots; ``None`` for whole roots.
        seed: of the signals' public noise, and of the choice of pairs.
    """

    def __init__(self, proxy: np.ndarray, *, signals: int | None = None, seed: int = 0) -> None:
        check_signals(signals)
        self._proxy, self._seed = proxy, seed
        # A float64 keeps whole numbers up to 2**53 exactly.
        public = float(derive(seed, "noise") % 2**53)
        self._noise = np.array([]) if signals is None else np.array([float(signals), public])

    def announce(self) -> Message:
        """To the buyer: the proxy, and how many signals of which noise to send, if not whole roots."""
        return Message("proxy", {"proxy": self._proxy, "noise": self._noise})

    def ask(self, offer: Message, seller: int) -> Message:
        """To a seller: the same, and the buyer's directions."""
        _check_kind(offer, "offer")
        directions = offer.content["directions"]
        return Message("request", {"proxy": self._proxy, "noise": self._noise, "directions": directions}, seller)

    def appraise(self, offer: Message, answer: Message) -> Message:
        """To the buyer: the value, from the two messages alone.

        ``disparity`` is S, its share of both traces, and its standard error; ``relevance`` and ``diversity`` are each
        the geometric and the arithmetic mean, NaN where one side has no features.
        """
        _check_answers(offer, "offer", len(self._proxy))
        _check_answers(answer, "answer", len(self._proxy))
        disparity = _disparity(offer.content["roots"], answer.content["roots"], self._noise.size > 0, self._seed)
        relevance = diversity = np.full(2, np.nan)
        buyer, seller = offer.content["variances"], answer.content["variances"]
        if buyer.size and seller.size:
            found = compare(buyer, seller)
            relevance = np.array([found.relevance, found.mean_relevance])
            diversity = np.array([found.diversity, found.mean_diversity])
        content = {"disparity": disparity, "relevance": relevance, "diversity": diversity}
        return Message("value", content, answer.seller)


def check_options(matcher: str | Matcher, smooth: int) -> None:
    """Raise `InputError` for an unknown matcher, or a number of averagings that is none."""
    if not callable(matcher):
        lookup("matcher", matcher, {known: known for known in MATCHERS})
    check_hops("smooth", smooth)


def check_signals(signals: int | None) -> None:
    """Raise `InputError` unless there are to be whole roots, or as many signals as can be told about."""
    whole = signals is None or (isinstance(signals, int) and not isinstance(signals, bool))
    require(
        whole and (signals is None or GROUPS <= signals <= MOST_SIGNALS),
        f"signals must be None or a whole number from {GROUPS} to {MOST_SIGNALS:,}, got {signals!r}",
    )


def _root(graph: GraphLike, proxy: np.ndarray, noise: np.ndarray, matcher: str | Matcher, seed: int) -> np.ndarray:
    adjacency = as_adjacency(graph, weighted=True)
    places = align_to_proxy(adjacency, proxy, matcher=matcher, seed=seed)
    own, root = places[: adjacency.shape[0]], smooth_root(laplacian(adjacency), called="the Laplacian of a graph")
    if noise.size:
        signals, public = (int(number) for number in noise)
        rows = root.signals(shared_noise(len(places), signals, public)[own])
    else:
        rows = root.factor
    # Isolated nodes have no signal: their rows stay zero.
    found = np.zeros((len(places), rows.shape[1]))
    found[own] = rows
    return found


def _check_kind(message: Message, kind: str) -> None:
    require(message.kind == kind, f"a message {kind!r} was expected, got {message.kind!r}")


def _check_answers(message: Message, kind: str, places: int) -> None:
    """What comes from outside must be what it says it is."""
    _check_kind(message, kind)
    roots, variances = message.content["roots"], message.content["variances"]
    good = roots.ndim == 3 and len(roots) > 0 and roots.shape[1] == places and bool(np.isfinite(roots).all())
    require(good, f"roots of a message {kind!r} must be finite [graphs, {places}, columns], got {list(roots.shape)}")
    good = variances.ndim == 1 and bool(np.isfinite(variances).all()) and not (variances < 0).any()
    require(good, f"variances of a message {kind!r} must be finite, not negative and in a row")


def _disparity(
    first: Float[np.ndarray, "graphs_1 places columns_1"],
    second: Float[np.ndarray, "graphs_2 places columns_2"],
    sampled: bool,
    seed: int,
) -> np.ndarray:
    """Means over at most 64 pairs, and the standard error: over pairs, and of the signals where those are few."""
    pairs = [(i, j) for i in range(len(first)) for j in range(len(second))]
    order = np.random.default_rng(derive(seed, "pairs")).permutation(len(pairs))[:MOST_PAIRS]
    chosen: Sequence[tuple[int, int]] = [pairs[index] for index in sorted(order)]
    found = np.array([between(first[i], second[j]) for i, j in chosen])
    over_pairs = found[:, 0].std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else 0.0
    of_signals = np.mean([jackknife_error(first[i], second[j]) for i, j in chosen]) if sampled else 0.0
    return np.array([*found.mean(0), np.hypot(over_pairs, of_signals)])
