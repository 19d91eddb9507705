"""What a recipe is called with: a network with images to look at it with, and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor, nn

    from netopsy.data import Dataset
    from netopsy.training import Recipe


@dataclass(frozen=True, eq=False)
class Network:
    """A network, and images with labels to look at it with."""

    model: nn.Module
    data: Dataset
    """Held out, where it is the sample."""
    name: str
    train: Dataset | None = None
    recipe: Recipe | None = None
    initialisation: str | None = None
    code: str = ""
    """Lines of Python that make ``model`` and ``data``."""

    def as_subject(self) -> dict[str, Any]:
        """As `netopsy.examination.examine` takes it."""
        return {name: value for name, value in vars(self).items() if name != "code"}


@dataclass(frozen=True, eq=False)
class Image:
    """A picture of somebody's, or a sample."""

    pixels: Float[Tensor, "3 rows columns"]
    """From 0 to 1, upright."""
    called: str = "your picture"
    shows: str = ""
    """The class of what is to be seen on it, where that is known."""
    code: str = ""
    """Lines of Python that make ``picture``, its pixels."""
