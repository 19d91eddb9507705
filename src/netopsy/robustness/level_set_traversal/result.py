"""Where the walks ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.drawing import figure_grid, label, style
from netopsy.core.errors import require
from netopsy.core.image_drawing import show_image
from netopsy.core.shapes import Images, Labels
from netopsy.robustness.level_set_traversal.distances import rmse

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class TraversalResult:
    """End points of walks through level sets, and the network's confidence there; one entry a pair.

    The images are of the type and on the device of the sources.
    """

    source: Images
    label: Labels
    target: Images
    final: Images
    """Where the walk ended; the source itself where ``kept`` is false."""
    kept: Bool[Tensor, "batch"]
    """Whether the network recognises the source; the others did not walk."""
    source_conf: Float[Tensor, "batch"]
    """Confidence in the label at the source."""
    final_conf: Float[Tensor, "batch"]
    """The same at the end: within the tolerance wherever a step was accepted."""
    accepted: Int[Tensor, "batch"]
    """Steps that were accepted."""
    recorded: tuple[int, ...] = ()
    """The steps whose images were kept, 0 for the start."""
    images: Float[Tensor, "batch moments channels height width"] | None = None
    confidences: Float[Tensor, "batch moments"] | None = None

    @property
    def remaining(self) -> Float[Tensor, "batch"]:
        """Distance from end to target as a share of that from source to target (RMSE).

        It is no number, or infinite, where source and target agree.
        """
        return rmse(self.final, self.target) / rmse(self.source, self.target)

    @style()
    def plot(
        self, most: int = 6, *, straight: TraversalResult | None = None, class_names: Sequence[str] = ()
    ) -> Figure:
        """A column a pair: source, end point and target, with the confidence in the source's class under each.

        Args:
            most: pairs that are drawn, of those that walked.
            straight: the ends of `straight_line` for the same pairs, in a row of their own.
            class_names: of the classes, otherwise their numbers.
        """
        require(most >= 1, f"most must be at least 1, got {most}")
        require(straight is None or len(straight.final) == len(self.final), "straight must hold the same pairs")
        shown = self.kept.nonzero()[:, 0][:most].tolist()
        rows: list[tuple[str, Images, Tensor | None]] = [("source", self.source, self.source_conf)]
        rows.append(("end of\nthe walk", self.final, self.final_conf))
        if straight is not None:
            rows.append(("end of the\nstraight line", straight.final, straight.final_conf))
        rows.append(("target", self.target, None))
        drawn, axes = figure_grid(len(rows), len(shown), 1.05 * len(shown) + 0.9, 1.25 * len(rows) + 0.2)
        for line, (name, images, confidence) in zip(axes, rows, strict=True):
            line[0].text(-0.1, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=8)
            for ax, pair in zip(line, shown, strict=True):
                show_image(ax, images[pair], largest=96, interpolation="none")
                number = int(self.label[pair])
                named = number < len(class_names)
                called = label(class_names[number], 12, number=number) if named else f"class {number}"
                words = "" if confidence is None else f"{called}: {float(confidence[pair]):.2f}"
                ax.set_xlabel(words, fontsize=7)
        return drawn
