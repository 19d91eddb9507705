"""Random Search as a Baseline for Sparse Neural Network Architecture Search (Farahani 2024, arXiv 2403.08265)."""

from netopsy.sparsity.random_search_sparse.compare import compare_sparse
from netopsy.sparsity.random_search_sparse.proxies import gradient_norm, snip_sum, warmup_loss
from netopsy.sparsity.random_search_sparse.result import SearchResult
from netopsy.sparsity.random_search_sparse.search import random_search
from netopsy.sparsity.random_search_sparse.space import NodeSpace, SearchSpace, WeightSpace, node_space, weight_space

__all__ = [
    "NodeSpace",
    "SearchResult",
    "SearchSpace",
    "WeightSpace",
    "compare_sparse",
    "gradient_norm",
    "node_space",
    "random_search",
    "snip_sum",
    "warmup_loss",
    "weight_space",
]
