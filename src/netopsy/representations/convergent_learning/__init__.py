"""Do different networks learn the same units, the same groups of units, or only the same space?

Li, Yosinski, Clune, Lipson and Hopcroft, Convergent Learning: Do different neural networks learn the same
representations?, ICLR 2016, arXiv:1511.07543.

Units of two networks are compared by their activations on the same images: one to one by the best matching of
correlations, one to few by sparse linear maps, many to many by clusters of the joint graph of correlations.
"""

from netopsy.representations.convergent_learning.clusters import UnitClusters, clusters_of, spectral_unit_clusters
from netopsy.representations.convergent_learning.information import mutual_information_matrix
from netopsy.representations.convergent_learning.mapping import (
    Mapping,
    half_squared_error,
    held_out_loss,
    mapping_path,
    sparse_mapping,
)
from netopsy.representations.convergent_learning.matching import Matching, cycle_lengths, match_units
from netopsy.representations.convergent_learning.report import Convergence, convergence_report, single_unit_loss
from netopsy.representations.convergent_learning.statistics import UnitStats, statistics_of, unit_statistics

__all__ = [
    "Convergence",
    "Mapping",
    "Matching",
    "UnitClusters",
    "UnitStats",
    "clusters_of",
    "convergence_report",
    "cycle_lengths",
    "half_squared_error",
    "held_out_loss",
    "mapping_path",
    "match_units",
    "mutual_information_matrix",
    "single_unit_loss",
    "sparse_mapping",
    "spectral_unit_clusters",
    "statistics_of",
    "unit_statistics",
]
