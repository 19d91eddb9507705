"""The whole exchange between a buyer and sellers, every message written down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netopsy.core.arguments import checked_class
from netopsy.core.errors import require
from netopsy.core.progress import track
from netopsy.core.seeds import check_seed
from netopsy.graphs.graph_valuation.alignment import Matcher, proxy_graph
from netopsy.graphs.graph_valuation.features import check_tolerance
from netopsy.graphs.graph_valuation.messages import Message
from netopsy.graphs.graph_valuation.parties import Broker, Buyer, Seller, check_options


@dataclass(frozen=True)
class Value:
    """What a buyer learns about a seller."""

    disparity: float
    """S, the squared graph Wasserstein distance of the aligned graphs: the larger, the more differently wired."""
    normalised_disparity: float
    """S over the largest that it could be for these two graphs, in [0, 1]."""
    disparity_error: float
    """Its standard error, where it is a mean over pairs of graphs or an estimate from random signals; otherwise 0."""
    diversity: float
    """D, the geometric mean over directions of how differently the features spread, in [0, 1]; NaN without features."""
    relevance: float
    """R, the geometric mean of how alike they spread, in [0, 1]."""
    mean_diversity: float
    """The arithmetic mean in place of D."""
    mean_relevance: float
    """The arithmetic mean in place of R."""

    @property
    def distance(self) -> float:
        """The graph Wasserstein distance itself, the root of S."""
        return math.sqrt(self.disparity)

    @staticmethod
    def of(message: Message) -> Value:
        """From the broker's message to the buyer."""
        square, share, error = message.content["disparity"].tolist()
        relevance, mean_relevance = message.content["relevance"].tolist()
        diversity, mean_diversity = message.content["diversity"].tolist()
        return Value(square, share, error, diversity, relevance, mean_diversity, mean_relevance)


@checked_class
class GraphValuation:
    """Values sellers' graphs for a buyer without showing either the other's.

    Messages are listed in `netopsy.graphs.graph_valuation.messages.KINDS`; each is turned into bytes and back, so that
    nothing else can cross. Blindness is between buyer and sellers, and no more than this: neither is sent the other's
    data. The broker could undo the roots. From S and its normalised form the buyer can work out the trace of the
    seller's ``L^+``; and a buyer who makes features up learns, from R of one direction after another, the whole
    covariance of the seller's features in as many questions as it has entries.

    Args:
        proxy_size: nodes of the public random graph that all align to: at least as many as the largest graph has.
        proxy_p: the probability that two of them are joined.
        seed: of the proxy and of all other draws; public.
        matcher: how graphs are aligned to the proxy: see `align_to_proxy`.
        rel_tol: the buyer's principal directions with at most so much of the largest variance are left out.
        smooth: average features over neighbours so many times first; this mixes structure into R and D.
        signals: exchange so many random smooth signals for each graph in place of the whole root, which is less to
            send and to tell; S becomes an estimate. Their noise is public, so with as many as a graph has nodes less
            components the broker can solve for the root; for fewer no guarantee is known. ``None`` for whole roots.

    Raises:
        InputError: an option out of range.

    Source: sections on blind alignment, disparity and features; the exact contents of messages are unconfirmed.

    >>> import networkx as nx
    >>> import numpy as np
    >>> graph, features = nx.karate_club_graph(), np.random.default_rng(0).random((34, 5))
    >>> market = GraphValuation(34)
    >>> same, scaled = market.value((graph, features), [(graph, features), (graph, 2 * features)])
    >>> round(same.disparity, 6), round(same.relevance, 4), round(scaled.relevance, 4)
    (0.0, 1.0, 0.25)
    >>> print(market.messages[3].describe())
    seller 0 -> broker: roots [1, 34, 33], variances [5]
    """

    def __init__(
        self,
        proxy_size: int,
        proxy_p: float = 0.2,
        seed: int = 0,
        *,
        matcher: str | Matcher = "grampa",
        rel_tol: float = 1e-2,
        smooth: int = 0,
        signals: int | None = None,
    ) -> None:
        check_seed(seed)
        check_options(matcher, smooth)
        check_tolerance(rel_tol)
        self.messages: tuple[Message, ...] = ()
        """Everything exchanged in the last call of `value`, in order."""
        self._options: dict[str, Any] = {"matcher": matcher, "smooth": smooth, "seed": seed}
        self._rel_tol = rel_tol
        self._broker = Broker(proxy_graph(proxy_size, proxy_p, seed=seed).toarray(), signals=signals, seed=seed)

    def value(self, buyer: Any, sellers: Sequence[Any]) -> list[Value]:
        """One value a seller, in their order.

        Args:
            buyer: a graph in any form, a pair ``(graph, features [nodes, columns])``, a torch_geometric ``Data`` with
                ``x``, or a list of such: of graph sets at most 64 random pairs are compared.
            sellers: likewise, one entry each.

        Raises:
            InputError: no seller, no graphs, directed or negative weights, or features that do not match the nodes, the
                buyer's columns, are not finite, or do not vary at all for the buyer.
        """
        several = isinstance(sellers, list | tuple)
        require(several, f"sellers must be a list with one entry each, got {type(sellers).__name__}")
        require(len(sellers) > 0, "sellers must be at least one, got none")
        asking = Buyer(buyer, rel_tol=self._rel_tol, **self._options)
        offering = [Seller(seller, number=number, **self._options) for number, seller in enumerate(sellers)]
        sent: list[Message] = []
        values = []
        try:
            proxy = _deliver(self._broker.announce(), sent)
            offer = _deliver(asking.offer(proxy), sent)
            for number, seller in enumerate(track(offering, "asking sellers")):
                request = _deliver(self._broker.ask(offer, number), sent)
                answer = _deliver(seller.answer(request), sent)
                values.append(Value.of(_deliver(self._broker.appraise(offer, answer), sent)))
        finally:
            self.messages = tuple(sent)
        return values


def _deliver(message: Message, sent: list[Message]) -> Message:
    """A copy of it out of bytes: sender and receiver share no memory."""
    data = message.to_bytes()
    delivered = Message.from_bytes(message.kind, data, message.seller)
    # All sellers are told the same, which is kept once.
    same = next((one for one in sent if one.kind == message.kind == "request" and one.to_bytes() == data), None)
    if same is not None:
        delivered = Message(message.kind, same.content, message.seller)
    for array in delivered.content.values():
        array.flags.writeable = False
    sent.append(delivered)
    return delivered
