"""Level set traversal: from an image towards any other without leaving a network's confidence.

Balasubramanian, Sriramanan, Sadasivan and Feizi, Exploring Geometry of Blind Spots in Vision Models, NeurIPS 2023,
    arXiv:2310.19889.

The gradient of the loss is the normal of the set of images that a network gives one confidence. Walking orthogonally to
it leads far away, to images that look like another class and are still called by the first. The straight way back keeps
its confidence too, which makes the set star-shaped; triangles of a source and two such ends say how thick it is.

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.robustness.level_set_traversal.distances import Distances, image_distances
from netopsy.robustness.level_set_traversal.grid import BlindSpotGrid, blind_spot_grid
from netopsy.robustness.level_set_traversal.paths import PathConfidence, Star, level_set_star, path_confidence
from netopsy.robustness.level_set_traversal.result import TraversalResult
from netopsy.robustness.level_set_traversal.traversal import level_set_traversal, straight_line
from netopsy.robustness.level_set_traversal.triangles import (
    TriangleConfidence,
    hull_metrics,
    hull_summary,
    triangle_confidence,
    triangle_weights,
)
from netopsy.robustness.level_set_traversal.width import LevelSetWidth, level_set_width

__all__ = [
    "BlindSpotGrid",
    "Distances",
    "LevelSetWidth",
    "PathConfidence",
    "Star",
    "TraversalResult",
    "TriangleConfidence",
    "blind_spot_grid",
    "hull_metrics",
    "hull_summary",
    "image_distances",
    "level_set_star",
    "level_set_traversal",
    "level_set_width",
    "path_confidence",
    "straight_line",
    "triangle_confidence",
    "triangle_weights",
]
