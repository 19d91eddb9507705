"""Safety testing of an image classifier by questions alone, guided by what stands out to human eyes.

Wicker, Huang and Kwiatkowska, Feature-Guided Black-Box Safety Testing of Deep Neural Networks, TACAS 2018,
arXiv:1710.07859.

Scale-invariant keypoints divide an image's pixels; a game of two players, one who picks a keypoint and one who picks a
pixel of its region, is played by Monte Carlo tree search until the classifier's answer changes. The second player may
help, hinder or move at random. With a Lipschitz constant, a grid of images searched completely is a guarantee.

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.robustness.feature_guided_attack.certificate import Certificate, certify_grid
from netopsy.robustness.feature_guided_attack.keypoints import Keypoints, sift_keypoints
from netopsy.robustness.feature_guided_attack.playouts import stride_for
from netopsy.robustness.feature_guided_attack.result import SearchResult
from netopsy.robustness.feature_guided_attack.saliency import keypoint_partition, saliency_map
from netopsy.robustness.feature_guided_attack.search import feature_guided_search, feature_guided_searches

__all__ = [
    "Certificate",
    "Keypoints",
    "SearchResult",
    "certify_grid",
    "feature_guided_search",
    "feature_guided_searches",
    "keypoint_partition",
    "saliency_map",
    "sift_keypoints",
    "stride_for",
]
