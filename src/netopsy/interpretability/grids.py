"""Grids where a layer's output is none: tokens and channels-last layers as ``[batch, channels, rows, columns]``.

A layout is believed only where moving the input moves it: a corner of an image is changed, and the change must show
most in that corner of the grid, for all four. So the attention matrix of a transformer, which has four axes too, is no
grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from netopsy.core.errors import InputError, require
from netopsy.core.layers import layer_names
from netopsy.core.modes import device_of, evaluating, running_on
from netopsy.core.outputs import first_of, with_first
from netopsy.core.shapes import Activations, Images

VIEW = "grid"
"""The name of the module that shows a layer's output as a grid: ``blocks.5`` has ``blocks.5.grid``."""
_OTHERS = (1, 0, 2, 5, 4, 3, 8)
"""How many tokens may stand for no position: a class token, a second one for distillation, registers."""


@dataclass(frozen=True)
class Layout:
    """How a layer's output is a grid."""

    kind: Literal["channels first", "channels last", "tokens"]
    rows: int
    columns: int
    skip: int = 0
    """Tokens before those of the grid."""

    def grid(self, values: Tensor) -> Activations:
        """The output as ``[batch, channels, rows, columns]``."""
        if self.kind == "channels first":
            return values
        if self.kind == "channels last":
            return values.movedim(-1, 1)
        tokens = values[:, self.skip :].transpose(1, 2)
        return tokens.reshape(*tokens.shape[:2], self.rows, self.columns)

    def restored(self, grid: Activations, values: Tensor) -> Tensor:
        """The grid in the layout of the output ``values`` that it came from, whose other tokens stay as they were."""
        if self.kind == "channels first":
            return grid
        if self.kind == "channels last":
            return grid.movedim(1, -1)
        tokens = grid.flatten(2).transpose(1, 2)
        return torch.cat([values[:, : self.skip], tokens], 1) if self.skip else tokens


def layouts(model: nn.Module, image: Images) -> dict[str, Layout]:
    """The layers whose output is a grid that moves with the image, in the order in which they ran first.

    Args:
        image: one of the caller's, ``[1, channels, height, width]``.

    Source: ours.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Flatten(2))
    >>> layouts(net, torch.rand(1, 3, 9, 9))["0"]
    Layout(kind='channels first', rows=8, columns=8, skip=0)
    """
    require(
        image.ndim == 4 and len(image) == 1, f"image must be [1, channels, height, width], got {tuple(image.shape)}"
    )
    probes = _with_changed_corners(image).to(device_of(model))
    found: dict[str, Layout] = {}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            values = first_of(output)
            if name in found or not isinstance(values, Tensor) or len(values) != len(probes):
                return
            layout = _layout_of(values.detach().float(), image.shape[2] / image.shape[3])
            if layout is not None:
                found[name] = layout

        return hook

    handles = [module.register_forward_hook(watch(name)) for name, module in model.named_modules() if name]
    try:
        with torch.no_grad(), evaluating(model), running_on(probes, model):
            model(probes)
    finally:
        for handle in handles:
            handle.remove()
    return found


@dataclass
class GridViews:
    """Modules that show layers as grids; the network computes what it did."""

    names: tuple[str, ...]
    """The views, by name: give one as ``layer=`` to any method."""
    _layers: tuple[nn.Module, ...]
    _handles: tuple[RemovableHandle, ...]

    def remove(self) -> None:
        """Take the views away again."""
        for handle in self._handles:
            handle.remove()
        for layer in self._layers:
            delattr(layer, VIEW)

    def __enter__(self) -> GridViews:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def show_grids(
    model: nn.Module, images: Images, layers: Sequence[str] = (), *, size: tuple[int, int] | None = None, most: int = 4
) -> GridViews:
    """Add to layers that return tokens, or have their channels last, a view as a grid, which every method can look at.

    Gradients, edits and hooks at the view reach the network, as those at a convolution would.

    Args:
        images: the caller's own; the first one is looked at.
        layers: by default up to ``most`` blocks, spread over the depth, the last one included.
        size: rows and columns of the tokens, where they cannot be found out.

    Raises:
        InputError: there is no such layer, or its output cannot be laid out.

    Source: ours.

    >>> class Patches(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.embed, self.block = nn.Conv2d(3, 8, 4, 4), nn.Sequential(nn.Linear(8, 8), nn.GELU())
    ...     def forward(self, x):
    ...         return self.block(self.embed(x).flatten(2).transpose(1, 2)).mean(1)
    >>> model = Patches()
    >>> with show_grids(model, torch.rand(1, 3, 16, 16), ["block"]) as views:
    ...     print(views.names, model.block[1].grid)
    ('block.1.grid',) Identity()
    """
    known = layouts(model, images[:1])
    chosen = layer_names(model, list(layers), runs=False) if layers else token_blocks(model, known, most)
    require(chosen, "no layer of this network returns tokens or has its channels last")
    modules = dict(model.named_modules())
    names, shown, handles = [], [], []
    for name in chosen:
        layout = known.get(name) if size is None else _given(size, model, name, images[:1])
        if layout is None:
            raise InputError(
                f"the output of layer {name!r} is no grid that moves with the image; say how many rows and columns its "
                "tokens have with size= (--reshape HxW)"
            )
        holder, module = _holder(name, modules[name])
        module.add_module(VIEW, nn.Identity())
        names.append(f"{holder}.{VIEW}")
        shown.append(module)
        handles.append(module.register_forward_hook(_shown(layout)))
    return GridViews(tuple(names), tuple(shown), tuple(handles))


def token_blocks(model: nn.Module, known: dict[str, Layout], most: int) -> list[str]:
    """Blocks of a transformer whose outputs are grids but for their layout, at most ``most`` of them."""
    modules = dict(model.named_modules())
    odd = [name for name, layout in known.items() if layout.kind != "channels first"]
    blocks = [name for name in odd if any(modules[name].children()) and name.rpartition(".")[2].isdigit()] or odd
    outer = [name for name in blocks if not any(name.startswith(f"{other}.") for other in blocks)]
    if len(outer) >= 2:
        blocks = outer
    if len(blocks) <= most:
        return blocks
    return [blocks[number] for number in torch.linspace(0, len(blocks) - 1, most).round().int().tolist()]


def _holder(name: str, module: nn.Module) -> tuple[str, nn.Module]:
    """The layer, or the last one inside where it is a sequence, which would run whatever is added to it."""
    while isinstance(module, nn.Sequential) and len(module):
        last, module = list(module.named_children())[-1]
        name = f"{name}.{last}"
    return name, module


def _shown(layout: Layout) -> Any:
    def hook(module: nn.Module, arguments: Any, output: Any) -> Any:
        values = first_of(output)
        seen = getattr(module, VIEW)(layout.grid(values))
        return with_first(output, layout.restored(seen, values))

    return hook


def _given(size: tuple[int, int], model: nn.Module, name: str, image: Images) -> Layout:
    from netopsy.core.capture import layer_activations

    values = layer_activations(model, image.to(device_of(model)), name)[name]
    skip = values.shape[1] - size[0] * size[1] if values.ndim == 3 else -1
    require(skip >= 0, f"layer {name!r} gives {tuple(values.shape)}, which holds no {size[0]}x{size[1]} tokens")
    return Layout("tokens", *size, skip)


def _with_changed_corners(image: Images) -> Tensor:
    """The image, and with each of its quarters turned round and inverted about its mean."""
    rows, columns = (side // 2 for side in image.shape[2:])
    turned = 2 * image.mean() - image.flip(2, 3)
    noise = torch.rand(image.shape, generator=torch.Generator().manual_seed(0)).to(image)
    turned = turned + image.std() * (noise - 0.5)
    made = [image]
    for down, across in _corners(rows, columns, image.shape[2], image.shape[3]):
        one = image.clone()
        one[..., down, across] = turned[..., down, across]
        made.append(one)
    return torch.cat(made)


def _corners(rows: int, columns: int, height: int, width: int) -> Iterator[tuple[slice, slice]]:
    for down in (slice(0, rows), slice(height - rows, height)):
        for across in (slice(0, columns), slice(width - columns, width)):
            yield down, across


def _layout_of(values: Tensor, aspect: float) -> Layout | None:
    return next((layout for layout in _candidates(values, aspect) if _moves(layout.grid(values))), None)


def _candidates(values: Tensor, aspect: float) -> Iterator[Layout]:
    if values.ndim == 4:
        yield Layout("channels first", values.shape[2], values.shape[3])
        yield Layout("channels last", values.shape[1], values.shape[2])
    elif values.ndim == 3:
        for skip in _OTHERS:
            count = values.shape[1] - skip
            rows = round(math.sqrt(max(count, 0) * aspect))
            if (
                rows > 1
                and count % rows == 0
                and count // rows > 1
                and abs(rows * rows / count - aspect) < 0.3 * aspect
            ):
                yield Layout("tokens", rows, count // rows, skip)


def _moves(grid: Tensor) -> bool:
    """Whether each changed corner of the image changes the same corner of the grid most."""
    height, width = grid.shape[2:]
    if height < 2 or width < 2:
        return False
    change = (grid[1:] - grid[:1]).abs().mean(1)
    corners = _corners(height // 2, width // 2, height, width)
    by_corner = torch.stack([change[:, down, across].mean((1, 2)) for down, across in corners], 1)
    return bool((by_corner.argmax(1) == torch.arange(4, device=grid.device)).all() and (by_corner.diagonal() > 0).all())
