"""What somebody else's graph is worth to you before you see it: how it is wired, and what its features add.

Falahati and Mohammadi Amiri, Disentangled Structural and Featural Representation for Task-Agnostic Graph Valuation,
2024, arXiv:2408.12659. The paper's outline is confirmed; the details here are the most sensible reading of it, and
diversity and relevance are those of the authors' earlier paper, arXiv:2208.12354.

Each side lines its graph up with a public random one, so that a transport distance between the smooth signals of the
two means something: the structural disparity S. Along the buyer's principal directions, features that spread alike are
relevant (R) and features that spread differently are diverse (D). Neither side sees the other's data.
"""

from netopsy.graphs.graph_valuation.alignment import align_to_proxy, proxy_graph, relabelled
from netopsy.graphs.graph_valuation.disparity import structural_disparity
from netopsy.graphs.graph_valuation.features import DiversityRelevance, diversity_relevance, smoothed_features
from netopsy.graphs.graph_valuation.market import GraphValuation, Value
from netopsy.graphs.graph_valuation.messages import KINDS, Message
from netopsy.graphs.graph_valuation.parties import Broker, Buyer, Seller
from netopsy.graphs.graph_valuation.picture import plot_values
from netopsy.graphs.graph_valuation.spectra import SmoothRoot, laplacian, smooth_root
from netopsy.graphs.graph_valuation.wasserstein import graph_wasserstein

__all__ = [
    "KINDS",
    "Broker",
    "Buyer",
    "DiversityRelevance",
    "GraphValuation",
    "Message",
    "Seller",
    "SmoothRoot",
    "Value",
    "align_to_proxy",
    "diversity_relevance",
    "graph_wasserstein",
    "laplacian",
    "plot_values",
    "proxy_graph",
    "relabelled",
    "smooth_root",
    "smoothed_features",
    "structural_disparity",
]
