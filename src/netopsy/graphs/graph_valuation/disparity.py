"""How differently two graphs are wired, whatever their nodes are called."""

from __future__ import annotations

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.graphs.adjacency import GraphLike, as_adjacency
from netopsy.graphs.graph_valuation.alignment import Matcher, align_to_proxy, proxy_graph, relabelled
from netopsy.graphs.graph_valuation.spectra import laplacian
from netopsy.graphs.graph_valuation.wasserstein import graph_wasserstein


@checked
def structural_disparity(
    Ab: GraphLike,
    As: GraphLike,
    proxy: GraphLike | None = None,
    blind: bool = True,
    *,
    matcher: str | Matcher = "grampa",
    squared: bool = True,
    normalised: bool = False,
    seed: int = 0,
) -> float:
    """S: the graph Wasserstein distance of two graphs after their nodes are brought into correspondence.

    0 for copies of one graph under other numbers, as long as no two of its nodes look alike from everywhere (cycles
    and the like have no unique correspondence, and S may then be above 0); larger the more edges differ.

    Args:
        Ab: the buyer's graph.
        As: the seller's graph; if the two differ in size, the smaller is given isolated nodes.
        proxy: what both are aligned to, each alone; a random graph as large as the larger unless given, and no smaller.
        blind: ``False`` to align the seller's graph to the buyer's itself (by FAQ, best of 6 starts): closer, but one
            has to see both. The difference is what blindness costs.
        matcher: for the blind alignment: see `align_to_proxy`.
        squared: ``False`` for W instead of its square.
        normalised: as a share of the sum of both graphs' whole variances.
        seed: of the proxy and of FAQ.

    Raises:
        InputError: no graphs, or a proxy where there is none.

    >>> import networkx as nx
    >>> graph = nx.gnp_random_graph(40, 0.2, seed=3)
    >>> copy = nx.relabel_nodes(graph, dict(zip(range(40), range(39, -1, -1))))
    >>> structural_disparity(graph, nx.to_numpy_array(copy, nodelist=range(40))) < 1e-6
    True
    """
    buyer, seller = as_adjacency(Ab, weighted=True, called="Ab"), as_adjacency(As, weighted=True, called="As")
    require(blind or matcher == "grampa", "matcher is for the blind alignment; seeing both, FAQ aligns")
    require(blind or proxy is None, "proxy must not be given where blind is False: the buyer's graph takes its place")
    if blind:
        shared = proxy_graph(max(buyer.shape[0], seller.shape[0]), seed=seed) if proxy is None else proxy
        places = [align_to_proxy(graph, shared, matcher=matcher, seed=seed) for graph in (buyer, seller)]
        first, second = (relabelled(graph, order) for graph, order in zip((buyer, seller), places, strict=True))
    else:
        first, second = buyer, relabelled(seller, align_to_proxy(seller, buyer, matcher="faq", seed=seed))
    return graph_wasserstein(laplacian(first), laplacian(second), squared=squared, normalised=normalised)
