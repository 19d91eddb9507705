"""Images that mean nothing to people and that a classifier is certain of.

Nguyen, Yosinski and Clune, Deep Neural Networks are Easily Fooled: High Confidence Predictions for Unrecognizable
Images, CVPR 2015, arXiv:1412.1897.

An evolutionary search (MAP-Elites) keeps the best image of every class, written as raw pixels or as a pattern-producing
network; gradient ascent on the probability of a class gives a third kind. What is marked unconfirmed in the docstrings
was not checked against the paper's own text.
"""

from netopsy.robustness.fooling_images.archive import Archive, map_elites
from netopsy.robustness.fooling_images.ascent import AscendedImages, Smoothing, ascend_fooling_images
from netopsy.robustness.fooling_images.cppn import CPPNEncoding
from netopsy.robustness.fooling_images.cppn_graph import CPPN, Rates
from netopsy.robustness.fooling_images.direct import DirectEncoding
from netopsy.robustness.fooling_images.encoding import Encoding
from netopsy.robustness.fooling_images.evolution import FoolingImages, best_of_random, evolve_fooling_images
from netopsy.robustness.fooling_images.measures import distance_to_real, transfer_rate
from netopsy.robustness.fooling_images.retraining import Round, retrain_with_fooling_class

__all__ = [
    "CPPN",
    "Archive",
    "AscendedImages",
    "CPPNEncoding",
    "DirectEncoding",
    "Encoding",
    "FoolingImages",
    "Rates",
    "Round",
    "Smoothing",
    "ascend_fooling_images",
    "best_of_random",
    "distance_to_real",
    "evolve_fooling_images",
    "map_elites",
    "retrain_with_fooling_class",
    "transfer_rate",
]
