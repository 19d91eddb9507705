"""Deep propagation without collapse: transform once, average over many hops, weigh the hops by a gate.

Liu, Gao and Ji, Towards Deeper Graph Neural Networks, KDD 2020, arXiv:2007.09296.

Graph convolutions that are stacked entangle averaging over neighbours with a learned map at each hop, and collapse
after a few layers. Transformed once and then averaged without parameters, features stay apart for dozens of hops;
where they go in the end is known exactly.
"""

from netopsy.graphs.dagnn.model import DAGNN, AdaptivePropagation, Deepened, deepen
from netopsy.graphs.dagnn.smoothing import Smoothness, oversmoothing_curve, propagation_limit, smoothness
from netopsy.graphs.propagation import gcn_norm, propagator

__all__ = [
    "DAGNN",
    "AdaptivePropagation",
    "Deepened",
    "Smoothness",
    "deepen",
    "gcn_norm",
    "oversmoothing_curve",
    "propagation_limit",
    "propagator",
    "smoothness",
]
