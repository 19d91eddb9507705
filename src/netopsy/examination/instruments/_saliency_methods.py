"""The saliency methods that the instruments compare, and where they are pointed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from netopsy.core.layers import INPUT
from netopsy.examination.subject import Subject
from netopsy.interpretability.norm_grad import (
    backprop_saliency,
    grad_cam,
    linear_approx,
    norm_grad,
    selective_norm_grad,
)

GRADIENT = "gradient"

METHODS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "NormGrad": norm_grad,
        "selective NormGrad": selective_norm_grad,
        "linear approximation": linear_approx,
        "Grad-CAM": grad_cam,
        GRADIENT: partial(backprop_saliency, extract="bias", aggregate="max_abs"),
    }
)
"""Name to method; all are called with model, images, target and ``layer=``."""


def why_not(subject: Subject) -> str | None:
    """The reason why no saliency map can be made, if there is one."""
    return (
        None if subject.is_image_model else "it shows where in an image a network looks, and this one reads no images"
    )


def layers(subject: Subject) -> tuple[str, ...]:
    """The layers to take maps at; the input itself for a network that keeps no grid."""
    return subject.spatial_layers or (INPUT,)


def layer_label(name: str) -> str:
    """A layer's name for people."""
    return name or "the input"
