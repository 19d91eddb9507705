"""What was found out about a region, in which sense, and under which assumptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from netopsy.core.layers import INPUT
from netopsy.robustness.safety_verification.region import Region

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Status = Literal["safe", "grid-safe", "unsafe", "layer-unsafe", "unknown"]
Method = Literal["grid", "grid+cells", "bounds", "milp", "smt"]
SHOWN: dict[Status, str] = {
    "unsafe": "the counterexample lies in the region and was run through the network itself",
    "layer-unsafe": "the activations lie in the region and were run through the rest of the network; no image need "
    "have them",
}
"""What a counterexample shows."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """The answer to whether one decision is stable in a region.

    ``safe``: nothing in the whole region has another class. ``grid-safe``: no point of its grid has. ``unsafe``: an
    input has, and here it is. ``layer-unsafe``: activations of a layer have, which may belong to no input. ``unknown``:
    neither was shown. Equal scores count as another class.
    """

    status: Status
    method: str
    predicted: int
    region: Region
    image: Tensor
    """``[channels, height, width]``."""
    assumptions: str
    """What was shown, and what it rests on."""
    counterexample: Tensor | None = None
    """An image, or activations of ``region.layer`` where the status is ``layer-unsafe``."""
    found: int | None = None
    """The counterexample's class, or the one that ties with the image's."""
    margin: float = 0.0
    """By how much every other class had to stay behind, at least."""
    evaluated: int = 0
    """Points that the network was asked about."""
    proved: int = 0
    """Points of the grid that bounds proved without asking."""
    seconds: float = 0.0
    reason: str = ""
    """Why the answer is not ``safe`` and not ``unsafe``, where it is neither."""

    @property
    def layer(self) -> str:
        """Where the region is; empty for the input."""
        return self.region.layer

    @property
    def broken(self) -> bool:
        """Whether something of another class was found."""
        return self.status in ("unsafe", "layer-unsafe")

    def distance(self, order: float | int = torch.inf) -> float | None:
        """Of a counterexample image from the image, in the norm of that order."""
        if self.status != "unsafe" or self.counterexample is None:
            return None
        return float(torch.linalg.vector_norm((self.counterexample - self.image).double().flatten(), ord=order))

    def plot(self, ax: Axes | None = None) -> Axes:
        """The image with the pixels that may change, and beside it the counterexample where there is one."""
        from netopsy.core.drawing import PALETTE, panel, style, title
        from netopsy.core.image_drawing import show_image, tiled

        ax = panel(ax, 5.0, 2.8)
        shown = [self.image.cpu()]
        if self.status == "unsafe" and self.counterexample is not None:
            shown += [self.counterexample.cpu(), (self.counterexample.cpu() - self.image.cpu()).abs()]
        with style():
            show_image(ax, tiled(torch.stack(shown).float(), len(shown)))
            height, width = self.image.shape[1:]
            places = {each % (height * width) for each in self.region.dims} if self.layer == INPUT else set()
            if len(places) < height * width:
                rows, columns = [each // width for each in places], [each % width for each in places]
                ax.plot(columns, rows, "s", markerfacecolor="none", markeredgecolor=PALETTE[1], markersize=5)
            other = f", class {self.found} found" if self.broken else ""
            ax.set_title(title(f"{self.status}: class {self.predicted}{other}\n{self.method}"))
            if len(shown) > 1:
                ax.set_xlabel("image, counterexample, change")
        return ax
