"""Where the saliency methods are pointed that the instruments compare."""

from __future__ import annotations

from netopsy.core.layers import INPUT
from netopsy.examination.subject import Subject


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
