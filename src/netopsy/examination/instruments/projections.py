"""The images that excite a unit most, and what in each of them did: DeconvNet's projections."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import figure_grid, style
from netopsy.core.finding import Finding, Picture
from netopsy.core.image_drawing import tiled
from netopsy.core.shapes import Images
from netopsy.examination.drawing import show_image
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject
from netopsy.interpretability.cnn_visualization.deconvolution import crop_to_field, deconvnet
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.interpretability.top_images import TopImages, top_images

TOP, UNITS, MOST, LARGE = 9, 6, 512, 32
"""Images a unit, units in the picture, images searched, and pixels a side from which nothing is cropped."""
# Without switches DeconvNet's signal is the same for every image: nothing on the way down depends on what went up.
_REMEMBERING = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)


def _count(subject: Subject) -> int:
    return subject.affordable(1, MOST, fewest=TOP)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes: the search, and a way down for each image that is shown."""
    return min(_count(subject), len(subject.data)) + 4.0 * TOP * UNITS


def why_not(subject: Subject) -> str | None:
    """The reason why nothing can be projected, if there is one."""
    if not subject.is_image_model:
        return "it projects activations back to pixels, and this network reads no images"
    if not subject.spatial_layers:
        return "no layer of this network keeps a grid of positions"
    if any(isinstance(part, torch.jit.ScriptModule) for part in subject.model.modules()):
        return "the rectifiers of compiled TorchScript cannot be seen, and the projections depend on them"
    return None if len(subject.data) >= TOP else f"it takes at least {TOP} images"


def examine(subject: Subject) -> Finding:
    """Whether the top images of a unit are of one class, and the projections of the strongest units."""
    count = _count(subject)
    layer, indices = subject.spatial_layers[-1], subject.sample(count)
    if len(indices) < TOP:
        indices = torch.arange(len(subject.data))[:count]
    found = top_images(subject.model, layer, subject.data.inputs[indices], k=TOP, batch_size=subject.batch_size)
    found = TopImages(found.values, indices[found.indices.cpu()], found.rows.cpu(), found.columns.cpu())
    labels = subject.labels[found.indices]
    counts = torch.stack([torch.bincount(line, minlength=subject.class_count) for line in labels])
    purity = counts.amax(1).float()
    chance = _chance(subject.labels[indices], subject.class_count, subject.seed)
    order = found.values.mean(1).cpu().argsort(descending=True)
    guided = not any(isinstance(part, _REMEMBERING) for part in subject.model.modules())
    units = order[:UNITS].tolist()
    purest = int(purity.argmax())
    return Finding(
        sentence=(
            f"Of the {TOP} images in which a unit of {layer} is highest, {float(purity.mean()):.1f} are of one class "
            f"on average, where chance gives {chance:.1f}; unit {purest} has {int(purity[purest])} of "
            f"{subject.class_name(int(counts[purest].argmax()))}."
        ),
        glance=f"{float(purity.mean()):.1f} of {TOP} top images share a class (chance {chance:.1f})",
        advice="Look for units that answer to a background or a watermark rather than to a part of the class.",
        reading=(
            "For each unit, on the left the images in which it is highest, on the right what in them it answers to: "
            "its activation sent back through the network to the pixels (DeconvNet"
            + (", guided by the signs on the way up, since no max-pooling remembers positions" if guided else "")
            + "). Bright and dark positions raised it, grey ones did not take part. Projections that look alike show "
            "one pattern, whatever the images have around it; they are no picture of what excites the unit most. "
            "Units whose images are of one class come close to naming it; others stand for parts that classes share."
        ),
        pictures=(
            Picture.of(
                _rows(subject, layer, found, units, guided),
                f"The {TOP} top images of {len(units)} units of {layer}, beside their projections",
                f"The units of {layer} with the highest activations.",
            ),
        ),
        figures={
            "images": len(indices),
            "units": len(purity),
            f"of {TOP} top images in one class": round(float(purity.mean()), 4),
            "by chance": round(chance, 4),
            "units with all of one class": int((purity == TOP).sum()),
        },
        code=(
            "from netopsy.interpretability.top_images import top_images\n"
            "from netopsy.interpretability.cnn_visualization import deconvnet\n\n"
            f"top = top_images(model, {layer!r}, data.inputs, k={TOP})\n"
            f"deconvnet(model, data.inputs[top.indices[{units[0]}]], {layer!r}, {units[0]}, guided={guided})"
        ),
    )


def _chance(labels: Tensor, classes: int, seed: int) -> float:
    """How many of as many images drawn at random are of one class."""
    random = torch.Generator().manual_seed(seed)
    drawn = labels[torch.rand(300, len(labels), generator=random).argsort(1)[:, :TOP]]
    return float((drawn[:, :, None] == torch.arange(classes)).sum(1).amax(1).float().mean())


def _rows(subject: Subject, layer: str, found: TopImages, units: list[int], guided: bool) -> Figure:
    chosen = found.indices[units].flatten()
    rows, columns = found.rows[units].flatten(), found.columns[units].flatten()
    of_image = torch.tensor(units).repeat_interleave(TOP)
    inputs = subject.data.inputs[chosen].to(subject.device)
    way: dict[str, Any] = {"guided": guided, "batch_size": subject.batch_size}
    sent: Images = deconvnet(subject.model, inputs, layer, of_image.to(subject.device), **way).cpu().float()
    images = subject.data.images[chosen].cpu().float()
    # On large images the receptive field takes long to find, and a crop of them shows less.
    if max(images.shape[2:]) < LARGE:
        field = receptive_field(subject.model, layer, inputs[:1])
        images, sent = (crop_to_field(each, field, rows, columns) for each in (images, sent))
    across = min(2, len(units))
    drawn, axes = figure_grid(-(-len(units) // across), 2 * across, 3.9 * across, 2.15 * -(-len(units) // across))
    pairs = axes.reshape(-1, 2)
    for spare in pairs[len(units) :].flatten():
        spare.remove()
    for line, unit, patches, back in zip(pairs, units, images.split(TOP), sent.split(TOP), strict=False):
        scale = back.abs().flatten(1).amax(1).clamp(min=torch.finfo(back.dtype).tiny)[:, None, None, None]
        for ax, tiles in zip(line, (patches, 0.5 + 0.5 * back / scale), strict=True):
            show_image(ax, tiled(tiles))
        with style():
            line[0].set_title(f"unit {unit}: images")
            line[1].set_title("projections")
    return drawn


INSTRUMENT = Instrument(
    name="projections",
    title="What in an image excites a unit",
    term="DeconvNet",
    chapter="what its units mean",
    examine=examine,
    applies=why_not,
    papers=("cnn-visualization",),
    order=25,
    passes=passes,
    worth=55,
)
