"""Names for the tensors that travel between methods."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor

Images = Float[Tensor, "batch channels height width"]
"""Float images, in whatever range the network was trained on."""

Activations = Float[Tensor, "batch channels rows columns"]
"""Output of a layer with a spatial grid."""

Maps = Float[Tensor, "batch height width"]
"""One number a location, for every image."""

Logits = Float[Tensor, "batch classes"]
Labels = Int[Tensor, "batch"]
PixelMasks = Bool[Tensor, "batch height width"]
"""True on the pixels of an object."""
