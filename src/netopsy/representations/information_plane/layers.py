"""Where a layer lies in the information plane, by the estimator that the caller chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.representations.information_plane.codes import Bins, discretize, numbered
from netopsy.representations.information_plane.entropy import (
    check_labels,
    count_entropies,
    counts_of,
    joint_entropies,
    label_information,
)
from netopsy.representations.information_plane.noise import NOISE, noisy_information

Estimator: TypeAlias = Literal["binning", "kde_upper", "kde_lower"]
TANH_EDGES = tuple(np.linspace(-1, 1, 30).tolist())
"""The paper's for tanh: 29 intervals from -1 to 1, and the value 1."""
_ESTIMATORS = {"binning": None, "kde_upper": 2.0, "kde_lower": 8.0}


@dataclass(frozen=True)
class LayerInformation:
    """A layer's point in the information plane, in bits, at each checkpoint given (one where there are none)."""

    ixt: NDArray[np.float64]
    """``I(X;T)``, ``[checkpoints]``."""
    ity: NDArray[np.float64]
    """``I(T;Y)``, ``[checkpoints]``."""
    resolution: NDArray[np.float64]
    """How many inputs the estimate tells apart: occupied codes, or ``2^I(X;T)`` for the estimators with noise."""
    samples: int
    """How many distinct inputs there are."""

    @property
    def saturated(self) -> NDArray[np.bool_]:
        """Where more than half of the inputs are told apart: the estimate then counts inputs and measures no layer."""
        return self.resolution > self.samples / 2


@checked
def layer_information(
    activations: Tensor,
    labels: Tensor,
    *,
    x_ids: Tensor | None = None,
    estimator: Estimator = "binning",
    bins: Bins = TANH_EDGES,
    range: tuple[float, float] | None = None,
    noise: float = NOISE,
) -> LayerInformation:
    """``I(X;T)`` and ``I(T;Y)`` of a layer, of all checkpoints at once.

    Shwartz-Ziv and Tishby 2017, section 3.1. The inputs weigh the same and a deterministic layer has ``H(T|X) = 0``,
    so that ``I(X;T) = H(T)`` for the binned ``T``. With noise, ``T + N(0, noise)``, the bounds are those of Kolchinsky
    and Tracey 2017: distances ``|h_i - h_j|^2`` over ``2 noise`` (upper) and over ``8 noise`` (lower); ``I(T;Y)`` is
    the bound of all less the bounds within classes, and no bound itself.

    Args:
        activations: ``[samples, units]``, or ``[checkpoints, samples, units]``; further axes are flattened by the
            caller.
        labels: whole numbers ``[samples]``, or ``p(y|x)`` ``[samples, classes]``.
        x_ids: which input a sample is, where inputs repeat; by default every sample is another one.
        estimator: ``"binning"``, ``"kde_upper"``, ``"kde_lower"``.
        bins, range: see `discretize`; the default is the paper's for tanh. For unbounded activations take 100 bins
            over all checkpoints.
        noise: variance of the noise of each unit, in squares of what is given.

    Raises:
        InputError: unknown estimator, other numbers of samples, labels that are neither, bad bins, NaN.

    >>> t = torch.tensor([[-1.0], [-1.0], [1.0], [1.0]])
    >>> found = layer_information(t, torch.tensor([0, 0, 1, 1]))
    >>> found.ixt.tolist(), found.ity.tolist()
    ([1.0], [1.0])
    """
    scale = lookup("estimator", estimator, _ESTIMATORS)
    require(activations.ndim in (2, 3), f"activations must have 2 or 3 axes, got shape {list(activations.shape)}")
    samples = activations.shape[-2]
    check_labels(labels, samples, "labels")
    inputs = _inputs(x_ids, samples)
    distinct = len(np.unique(inputs))
    if scale is not None:
        require(x_ids is None or distinct == samples, "x_ids must not repeat for the estimators with noise")
        ixt, ity = noisy_information(activations, labels, noise=noise, scale=scale)
        return LayerInformation(ixt, ity, 2.0**ixt, samples)
    numbers = numbered(discretize(activations, bins, range=range).reshape(-1, samples).numpy())
    ixt = count_entropies(counts_of(numbers))
    if distinct < samples:
        apart = count_entropies(np.bincount(inputs).astype(np.float64)[None])
        ixt = np.maximum(ixt + apart - joint_entropies(numbers, inputs), 0.0)
    occupied = numbers.max(1).astype(np.float64) + 1
    return LayerInformation(ixt, label_information(numbers, labels), occupied, distinct)


def _inputs(x_ids: Tensor | None, samples: int) -> NDArray[Any]:
    if x_ids is None:
        return np.arange(samples)
    require(not x_ids.is_floating_point() and x_ids.shape == (samples,), f"x_ids must be {samples} whole numbers")
    return torch.unique(x_ids.cpu(), return_inverse=True)[1].numpy()
