"""What a reader may like: a direction in the space of embeddings, in closed form for any number of readers.

Source: exemplar LDA of Hariharan, Malik and Ramanan, Discriminative decorrelation for clustering and classification,
2012, section 2: the background's covariance is the same for everybody, so it is inverted once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netopsy.core.errors import require

Array = NDArray[np.float64]
RIDGE = 10.0
"""Of the mean eigenvalue of the covariance."""


@dataclass(frozen=True)
class Background:
    """What papers are like on the whole: their mean, and the inverse of their covariance with a ridge."""

    mean: Array
    inverse: Array

    @classmethod
    def of(cls, mean: Array, covariance: Array) -> Background:
        """From the mean ``[width]`` and the covariance ``[width, width]``.

        Raises:
            InputError: other shapes, or a covariance of nothing but zeros.
        """
        width = len(mean)
        require(covariance.shape == (width, width), f"covariance must be {width} x {width}, got {covariance.shape}")
        ridge = RIDGE * float(np.trace(covariance)) / width
        require(ridge > 0, "the papers are all alike: their covariance is 0")
        inverse = np.asarray(np.linalg.inv(covariance + ridge * np.eye(width)), np.float64)
        return cls(np.asarray(mean, np.float64), inverse)

    @classmethod
    def fitted(cls, vectors: NDArray[np.floating]) -> Background:
        """From embeddings ``[papers, width]``, of the last 30,000 papers for instance."""
        require(vectors.ndim == 2 and len(vectors) >= 2, f"two papers are the least, got {vectors.shape}")
        wide = np.asarray(vectors, float)
        mean = wide.mean(0)
        centred = wide - mean
        return cls.of(mean, centred.T @ centred / len(wide))

    def directions(self, likes: Array) -> Array:
        """For the mean embedding ``[readers, width]`` of what each reader likes, what to weigh embeddings with."""
        return np.asarray((np.atleast_2d(likes) - self.mean) @ self.inverse)

    def scores(self, directions: Array, vectors: NDArray[np.floating]) -> Array:
        """How much each reader would like each paper, ``[readers, papers]``."""
        return np.asarray(directions @ (np.asarray(vectors, float) - self.mean).T)
