"""All ways of pruning of this room on one network, each under the same training budget."""

from netopsy.sparsity.comparison.methods import METHODS, check_prunable, never_pruned, prune
from netopsy.sparsity.comparison.pruned import Budget, Pruned

__all__ = ["METHODS", "Budget", "Pruned", "check_prunable", "never_pruned", "prune"]
