"""Does taking away what an explanation calls important take the class away?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.drawing import INK, panel, style
from netopsy.core.errors import require
from netopsy.core.modes import evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.scores import scores_of
from netopsy.core.shapes import Images, Labels, Maps
from netopsy.core.targets import class_indices
from netopsy.interpretability.layer_maps import check_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Class probability while segments are removed, the most important first."""

    curve: Float[Tensor, "batch removed"]
    """Probability over that of the whole image, after 0, 1, ... segments; constant once an image has no more."""
    area: Float[Tensor, "batch"]
    """Mean of the curve by the trapezoid rule, over as many segments as the image has: the lower the more faithful."""

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """The curve of every image, thin, and their mean."""
        ax = panel(ax)
        steps = range(self.curve.shape[1])
        ax.plot(steps, self.curve.T.cpu(), color=INK, linewidth=0.5, alpha=0.4)
        ax.plot(steps, self.curve.mean(0).cpu(), label=f"mean of {len(self.curve)} images, area {self.area.mean():.2f}")
        ax.set(xlabel="segments removed", ylabel="class probability, of the whole image's", ylim=(0, None))
        ax.legend()
        return ax


@checked
def irof(
    model: nn.Module,
    images: Images,
    attributions: Maps,
    target: int | Labels,
    *,
    n_segments: int = 40,
    baseline: Literal["mean", "zero"] = "mean",
    batch_size: int = 256,
) -> Faithfulness:
    """Iterative removal of features: SLIC segments ranked by mean attribution are replaced, the highest first.

    Args:
        attributions: ``[batch, height, width]``, as large as the images.
        target: the class, or one for each image.
        n_segments: about how many segments an image is cut into.
        baseline: what replaces a segment: the image's mean in each channel, or zero.

    Raises:
        InputError: shapes that do not fit, a class out of range, or an option that is none.

    Source: Rieger and Hansen 2020, as Ahmad et al. 2024 use it.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    >>> found = irof(net, torch.rand(2, 3, 8, 8), torch.rand(2, 8, 8), 1, n_segments=4)
    >>> len(found.area)
    2
    """
    check_images(images)
    require(
        attributions.shape == (len(images), *images.shape[2:]),
        f"attributions must be [{len(images)}, {images.shape[2]}, {images.shape[3]}], got {tuple(attributions.shape)}",
    )
    require(attributions.isfinite().all(), "attributions must be finite, got NaN or infinite values")
    require(baseline in ("mean", "zero"), f"baseline must be 'mean' or 'zero', got {baseline!r}")
    require(n_segments > 1, f"n_segments must be at least 2, got {n_segments}")
    segments = _segments(images, n_segments)
    count = segments.flatten(1).amax(1) + 1
    most = int(count.max())
    members = torch.nn.functional.one_hot(segments.flatten(1), most).to(attributions)
    size = members.sum(1)
    mean = (attributions.flatten(1)[:, :, None] * members).sum(1) / size.clamp(min=1)
    order = mean.masked_fill(size == 0, -torch.inf).argsort(dim=1, descending=True, stable=True)
    position = order.argsort(1).gather(1, segments.flatten(1)).reshape(segments.shape)
    fill = images.mean((2, 3), keepdim=True) if baseline == "mean" else images.new_zeros(1)
    steps = torch.arange(most + 1, device=images.device)
    probabilities = []
    for which in torch.arange(len(images)).split(max(1, batch_size // (most + 1))):
        gone = position[which][:, None] < steps[None, :, None, None]
        here = torch.where(gone[:, :, None], (fill if fill.ndim == 1 else fill[which][:, None]), images[which][:, None])
        with torch.no_grad(), evaluating(model), running_on(images, model):
            outputs = single_output(model(here.flatten(0, 1)))
        wanted = class_indices(target, len(images), outputs.shape[1]).to(outputs.device)[which]
        of_class = scores_of(outputs).softmax(1).reshape(len(which), most + 1, -1)
        probabilities.append(of_class[torch.arange(len(which)), :, wanted])
    seen = torch.cat(probabilities)
    curve = seen / seen[:, :1].clamp(min=torch.finfo(seen.dtype).tiny)
    middle = (curve[:, 1:] + curve[:, :-1]) / 2
    there = steps[1:] <= count[:, None].to(steps.device)
    return Faithfulness(curve, (middle * there).sum(1) / count.to(middle))


def _segments(images: Images, n_segments: int) -> Int[Tensor, "batch height width"]:
    """SLIC segments of every image, numbered from 0 without gaps."""
    from skimage.segmentation import slic

    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    shown = ((images - low) / (high - low).clamp(min=1e-12)).permute(0, 2, 3, 1).cpu().double().numpy()
    cut = [slic(one, n_segments=n_segments, start_label=0, channel_axis=-1) for one in shown]
    dense = [np.unique(one, return_inverse=True)[1].reshape(one.shape) for one in cut]
    return torch.from_numpy(np.stack(dense)).long().to(images.device)
