"""DeconvNet: one activation sent back down to the pixels, through the positions that the pooling layers chose."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.layers import INPUT, Layer, layer_names
from netopsy.core.shapes import Images
from netopsy.core.split import run_to
from netopsy.core.targets import is_index
from netopsy.interpretability.layer_maps import check_images
from netopsy.interpretability.receptive_field import ReceptiveField, receptive_field
from netopsy.interpretability.rectifiers import RectifierRule, rectified

Position = str | tuple[int, int] | None
Units = int | Sequence[int] | Int[Tensor, "batch"] | None
Projections = Float[Tensor, "batch channels y x"] | Float[Tensor, "batch units channels y x"]
"""As large as the images, or as the receptive field."""

_AT_ONCE = 2**25
"""Numbers of signal that go back together, at the layer and at the image."""


@checked
def deconvnet(
    model: nn.Module,
    images: Images,
    layer: Layer,
    units: Units = None,
    *,
    position: Position = "max",
    guided: bool = False,
    crop: bool = False,
    batch_size: int = 64,
) -> Projections:
    """What in each image made a unit as high as it is: the unit's activation projected back to the pixels.

    Of the layer only that activation is kept. On the way down it goes through the transposed convolutions, without
    biases; max-pooling sends it to the pixel that was the maximum, where windows overlap the shares add up; at every
    rectifier only the positive signal passes, whatever the sign was on the way up. Average pooling, strides, linear
    layers, batch normalisation (as it is in evaluation) and shortcuts are transposed like any linear operation. This is
    back-propagation with another rule for rectifiers, times the activation.

    In a network without max-pooling nothing on the way down depends on the image but the size of the activation and
    its position: use ``guided`` there, which was made for such networks.

    Args:
        layer: a convolution, a rectifier, a block or a dense layer; the network is run as far as that.
        units: one for all images, an int64 tensor of one an image, a sequence of several, or all: ``None``.
        position: of the activation in the layer's grid: where the unit is highest, ``(row, column)``, or ``None`` to
            keep its whole map. Dense layers have no grid and take no ``(row, column)``.
        guided: guided back-propagation: what was not positive on the way up passes nothing on the way down, either.
        crop: give only the window of the receptive field, moved into the image where it would reach over the border.
        batch_size: images that go through the network at a time.

    Returns:
        ``[batch, channels, height, width]`` for one unit or one an image, else ``[batch, units, channels, height,
        width]``; signed, in the units of the activation.

    Raises:
        InputError: an unknown layer, units or a position out of range, an output with neither units nor a grid.

    Source: Qin et al. 2018, section 5; Zeiler and Fergus 2014 (arXiv 1311.2901), section 2.1; guided: Springenberg et
    al. 2015 (arXiv 1412.6806). Both papers know ReLU alone; its relatives are treated alike here.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3), nn.ReLU())
    >>> images = torch.rand(2, 3, 16, 16)
    >>> deconvnet(net, images, "4", 5).shape, deconvnet(net, images, "4").shape
    (torch.Size([2, 3, 16, 16]), torch.Size([2, 6, 3, 16, 16]))
    """
    check_images(images)
    [name] = layer_names(model, [layer])
    require(name != INPUT, "layer must be a layer of the network, got the input")
    require(batch_size > 0, f"batch_size must be at least 1, got {batch_size}")
    require(not crop or position is not None, "crop=True needs one position: give a position, or crop=False")
    field = receptive_field(model, name, images[:1]) if crop else None
    parts = []
    for start in range(0, len(images), batch_size):
        some = images[start : start + batch_size]
        own = units[start : start + batch_size] if isinstance(units, Tensor) and len(units) == len(images) else units
        parts.append(_project(model, some, name, own, position, guided, field))
    return torch.cat(parts)


def crop_to_field(
    pictures: Images, field: ReceptiveField, rows: Int[Tensor, "batch"], columns: Int[Tensor, "batch"]
) -> Float[Tensor, "batch channels y x"]:
    """Of each picture the window that one place of a layer sees, all of one size.

    Where the field reaches over the border the window is moved inside; where it is larger than the picture, the picture
    is the window.

    >>> field = ReceptiveField((2, 2), (2, 2), (0, 0), (4, 4))
    >>> crop_to_field(torch.arange(16.0).reshape(1, 1, 4, 4), field, torch.tensor([1]), torch.tensor([0]))
    tensor([[[[ 8.,  9.],
              [12., 13.]]]])
    """
    lines = []
    for axis, positions in enumerate((rows, columns)):
        side = pictures.shape[2 + axis]
        length = min(field.size[axis], side)
        first = (field.offset[axis] + field.stride[axis] * positions).clamp(0, side - length).to(pictures.device)
        lines.append(first[:, None] + torch.arange(length, device=pictures.device))
    each = torch.arange(len(pictures), device=pictures.device)[:, None, None]
    # Indexed axes come before the channels that are sliced.
    return pictures[each, :, lines[0][:, :, None], lines[1][:, None]].permute(0, 3, 1, 2)


def _project(
    model: nn.Module,
    images: Images,
    layer: str,
    units: Units,
    position: Position,
    guided: bool,
    field: ReceptiveField | None,
) -> Tensor:
    rule: RectifierRule = "guided" if guided else "deconv"
    with torch.inference_mode(False), torch.enable_grad(), rectified(model, rule):
        start = images.detach().clone().requires_grad_()
        reached = run_to(model, layer, start)
        require(
            reached.ndim in (2, 4) and reached.numel() > 0,
            f"layer {layer!r} gives {tuple(reached.shape)}, wanted [batch, units, rows, columns] or [batch, units]",
        )
        require(bool(reached.isfinite().all()), f"layer {layer!r} gives NaN or infinite activations; check weights")
        require(reached.requires_grad, f"layer {layer!r} does not depend on the image in a differentiable way")
        flat = reached.detach().flatten(2) if reached.ndim == 4 else reached.detach()[:, :, None]
        chosen = _units(units, len(images), flat.shape[1]).to(flat.device)
        positions = _positions(position, flat, tuple(reached.shape[2:]))
        pieces = []
        step = max(1, _AT_ONCE // (reached.numel() + images.numel()))
        for column in chosen.split(step, dim=1):
            signal = _signals(flat, column, positions).reshape(column.shape[1], *reached.shape)
            (back,) = torch.autograd.grad(
                reached,
                start,
                signal,
                retain_graph=True,
                is_grads_batched=True,
                materialize_grads=True,
                allow_unused=True,
            )
            pieces.append(back.transpose(0, 1))
    found = torch.cat(pieces, 1)
    if field is not None and positions is not None:
        at = positions.gather(1, chosen).flatten()
        columns = reached.shape[3] if reached.ndim == 4 else 1
        cut = crop_to_field(found.flatten(0, 1), field, at // columns, at % columns)
        found = cut.unflatten(0, found.shape[:2])
    return found[:, 0] if is_index(units) or isinstance(units, Tensor) else found


def _signals(
    flat: Float[Tensor, "batch units positions"], chosen: Int[Tensor, "batch some"], positions: Tensor | None
) -> Float[Tensor, "some batch units positions"]:
    """For each chosen unit the layer's activations with everything else set to 0."""
    some = chosen.T
    kept = torch.zeros(*some.shape, *flat.shape[1:], dtype=flat.dtype, device=flat.device)
    each, image = torch.meshgrid(*(torch.arange(n, device=flat.device) for n in some.shape), indexing="ij")
    if positions is None:
        kept[each, image, some] = flat[image, some]
    else:
        at = positions[image, some]
        kept[each, image, some, at] = flat[image, some, at]
    return kept


def _units(units: Units, images: int, count: int) -> Int[Tensor, "batch some"]:
    if units is None:
        found = torch.arange(count).expand(images, -1)
    elif isinstance(units, Tensor):
        require(
            units.shape == (images,) and not units.is_floating_point() and units.dtype != torch.bool,
            f"units must be an int, a sequence of ints or an int64 tensor of one for each image, got "
            f"{tuple(units.shape)} of {units.dtype}",
        )
        found = units.long()[:, None]
    else:
        several = [units] if is_index(units) else units
        if isinstance(several, str) or not isinstance(several, Sequence) or not several:
            raise InputError(f"units must be an int, a sequence of ints, one for each image or None, got {units!r}")
        require(
            all(is_index(one) for one in several),
            f"units must be ints, got {units!r}",
        )
        found = torch.tensor([int(one) for one in several]).expand(images, -1)
    low, high = int(found.min()), int(found.max())
    require(
        low >= 0 and high < count,
        f"unit {low if low < 0 else high} is out of range: this layer has units 0 to {count - 1}",
    )
    return found


def _positions(
    position: Position, flat: Float[Tensor, "batch units positions"], grid: tuple[int, ...]
) -> Tensor | None:
    """Of each image and unit the number of the position whose activation is kept; ``None`` for all positions."""
    if position is None:
        return None
    if position == "max":
        return flat.argmax(2)
    pair = isinstance(position, tuple) and len(position) == 2 and all(is_index(one) for one in position)
    require(pair, f"position must be 'max', (row, column) or None, got {position!r}")
    require(grid, f"position must be 'max' or None for a dense layer, which has no grid, got {position!r}")
    assert isinstance(position, tuple)
    row, column = position
    rows, columns = grid
    require(
        0 <= row < rows and 0 <= column < columns,
        f"position must lie in the layer's grid of {rows}x{columns}, got {position!r}",
    )
    return torch.full(flat.shape[:2], row * columns + column, device=flat.device)
