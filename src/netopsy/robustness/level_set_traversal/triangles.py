"""Confidence over triangles of a source and two end points: how thick a level set is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_tensor
from netopsy.core.drawing import INK, panel, style
from netopsy.core.errors import require
from netopsy.core.shapes import Images, Labels
from netopsy.robustness.checks import Bounds
from netopsy.robustness.level_set_traversal.checks import check_count, check_like, check_number, check_pairs, inward
from netopsy.robustness.level_set_traversal.points import confidence_at
from netopsy.robustness.queries import Classifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DROPS = (0.0, 0.1, 0.2, 0.3)
Weights = Float[Tensor, "points 3"]


@dataclass(frozen=True, eq=False)
class TriangleConfidence:
    """Confidence at the points of triangles; one row a triangle."""

    weights: Weights
    """Barycentric: of the source, the first and the second end point."""
    confidence: Float[Tensor, "batch points"]

    @style()
    def plot(self, which: int = 0, ax: Axes | None = None, *, bar: bool = True) -> Axes:
        """One triangle, the source on top, coloured by the confidence in its class; ``bar`` adds the colours' scale."""
        require(0 <= which < len(self.confidence), f"which must be below {len(self.confidence)}, got {which}")
        ax = panel(ax, 3.6, 3.0)
        corners = torch.tensor([[0.0, 1.0], [-0.6, 0.0], [0.6, 0.0]])
        across, down = (self.weights.cpu().float() @ corners).T.numpy()
        values = self.confidence[which].detach().cpu().float().numpy()
        drawn = ax.tripcolor(across, down, values, shading="gouraud", vmin=0, vmax=1)
        for name, (x, y), at in zip(
            ("source", "end 1", "end 2"), corners.tolist(), ("bottom", "top", "top"), strict=True
        ):
            ax.text(x, y + (0.03 if at == "bottom" else -0.03), name, ha="center", va=at, fontsize=8, color=INK)
        ax.set(xlim=(-0.75, 0.75), ylim=(-0.15, 1.15), aspect="equal", xticks=[], yticks=[])
        ax.grid(visible=False)
        for side in ax.spines.values():
            side.set_visible(False)
        if bar:
            ax.figure.colorbar(drawn, ax=ax, fraction=0.05).set_label("confidence", color=INK)
        return ax


@checked
def triangle_weights(n: int = 10) -> Weights:
    """Barycentric coordinates of a triangle's points with spacing 1 / n, (n + 1)(n + 2) / 2 of them; the source first.

    Raises:
        InputError: n below 1.

    >>> triangle_weights(1).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    check_count(n, "n")
    # In whole numbers: of fractions, rounding loses those whose sum is 1.
    whole = [(n - i - j, i, j) for i in range(n + 1) for j in range(n + 1 - i)]
    ordered = [*(each for each in whole if each[0] == n), *(each for each in whole if each[0] < n)]
    return torch.tensor(ordered, dtype=torch.float64).div(n).float()


@checked
def triangle_confidence(
    model: Classifier,
    source: Images,
    first: Images,
    second: Images,
    label: Labels,
    *,
    n: int = 10,
    push: float | int = 1.0,
    bounds: Bounds | None = (0, 1),
    batch_size: int = 1024,
) -> TriangleConfidence:
    """Confidence in each source's label over the triangle that it makes with two end points of its walks.

    Args:
        model: a network, or any function from images to scores.
        source, first, second: images ``[batch, channels, height, width]``, a triangle each.
        n: steps of a side: 10 for 66 points.
        push: points lie so many times as far from the source, and are brought back within ``bounds``.
        batch_size: images that go through the network at a time.

    Raises:
        InputError: images of different shapes, outside ``bounds`` or not finite, a label that is no class, n below 1.

    Source: Balasubramanian et al. 2023 (its hull measurements; place unconfirmed).

    >>> from torch import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> source, first, second = torch.rand(3, 2, 1, 2, 2)
    >>> triangle_confidence(net, source, first, second, torch.tensor([0, 1])).confidence.shape
    torch.Size([2, 66])
    """
    check_pairs(source, label, first, bounds, "first")
    check_like(second, source, bounds, "second")
    check_number(push, "push", least=0, above=True)
    weights = triangle_weights(n).to(source.device)

    def points(rows: slice) -> Tensor:
        share = push * weights.to(source.dtype)[:, 1:, None, None, None]
        ways = torch.stack([first[rows] - source[rows], second[rows] - source[rows]], 1)
        return inward(source[rows, None] + (share[None] * ways[:, None]).sum(2), bounds)

    return TriangleConfidence(weights, confidence_at(model, label, len(weights), points, batch_size=batch_size))


@checked
def hull_metrics(
    triangles: TriangleConfidence,
    source_conf: Float[Tensor, "batch"],
    *,
    drops: Sequence[float | int] = DROPS,
) -> dict[str, Float[Tensor, "batch"]]:
    """What triangles say of a level set, one number a triangle each.

    Returns:
        "source": confidence at the source; "mean" over the triangle; "within d" for each of ``drops``: the share of
        points above the source's confidence minus d; "edges": the mean over the two sides at the source; "lowest": the
        least of their confidence minus the source's.

    Raises:
        InputError: source_conf with another number of entries than there are triangles, drops that are no numbers.

    Source: Balasubramanian et al. 2023 (its hull table; unconfirmed).

    >>> found = hull_metrics(TriangleConfidence(triangle_weights(2), torch.full((1, 6), 0.9)), torch.tensor([0.9]))
    >>> {name: round(float(value), 2) for name, value in found.items() if name != "within 0.3"}
    {'source': 0.9, 'mean': 0.9, 'within 0': 0.0, 'within 0.1': 1.0, 'within 0.2': 1.0, 'edges': 0.9, 'lowest': 0.0}
    """
    check_tensor(source_conf, "source_conf")
    values = triangles.confidence
    require(
        source_conf.shape == values.shape[:1],
        f"source_conf must have one entry a triangle, {len(values)}, got {tuple(source_conf.shape)}",
    )
    for drop in drops:
        check_number(drop, "every entry of drops", least=0)
    own = source_conf.to(values)[:, None]
    at_source = (triangles.weights[:, 1:] == 0).any(1)
    edges = values[:, at_source]
    return {
        "source": own[:, 0],
        "mean": values.mean(1),
        **{f"within {drop:g}": (values > own - drop).to(values.dtype).mean(1) for drop in drops},
        "edges": edges.mean(1),
        "lowest": (edges - own).amin(1),
    }


@checked
def hull_summary(
    metrics: dict[str, Float[Tensor, "batch"]], source: Int[Tensor, "batch"]
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over sources of `hull_metrics`, of each source the mean over its triangles.

    Of "lowest" it is the least. ``source`` says which source each triangle belongs to.

    Raises:
        InputError: not one entry of ``source`` a triangle.

    >>> hull_summary({"mean": torch.tensor([1.0, 3.0, 2.0])}, torch.tensor([0, 0, 1]))
    {'mean': (2.0, 0.0)}
    """
    check_tensor(source, "source")
    found = {}
    for name, values in metrics.items():
        require(source.shape == values.shape, f"source must have one entry a triangle, {len(values)}")
        reduce = torch.min if name == "lowest" else torch.mean
        each = torch.stack([reduce(values[source == number]) for number in source.unique()])
        found[name] = (float(each.mean()), float(each.std()) if len(each) > 1 else 0.0)
    return found
