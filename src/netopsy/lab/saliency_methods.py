"""The saliency methods that recipes and instruments compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from netopsy.interpretability.norm_grad import (
    backprop_saliency,
    grad_cam,
    linear_approx,
    norm_grad,
    selective_norm_grad,
)

NORM_GRAD, GRADIENT = "NormGrad", "gradient"

METHODS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        NORM_GRAD: norm_grad,
        "selective NormGrad": selective_norm_grad,
        "linear approximation": linear_approx,
        "Grad-CAM": grad_cam,
        GRADIENT: partial(backprop_saliency, extract="bias", aggregate="max_abs"),
    }
)
"""Name to method; all are called with model, images, target and ``layer=``."""
