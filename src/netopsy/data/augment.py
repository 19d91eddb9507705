"""Random changes to a batch of images that leave their class alone."""

from __future__ import annotations

import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images


@checked
def crop_and_flip(images: Images, seed: int | torch.Generator, *, padding: int = 4, flip: bool = True) -> Images:
    """Every image padded with zeros, cut back to its size at a random place, and mirrored with probability one half.

    The augmentation of the CIFAR experiments of He et al. 2016, section 4.2, for a whole batch at once.

    Args:
        images: ``[batch, channels, height, width]``, already standardised: padding with zeros means padding with the
            mean.
        seed: a seed, or a generator that goes on from call to call.
        padding: pixels on every side.

    >>> crop_and_flip(torch.ones(2, 1, 4, 4), 0, padding=0).sum().item()
    32.0
    """
    require(images.ndim == 4, f"images must be [batch, channels, height, width], got shape {tuple(images.shape)}")
    require(isinstance(padding, int) and padding >= 0, f"padding must be a non-negative int, got {padding!r}")
    random = generator(seed)
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    device = random.device
    shifts = torch.randint(2 * padding + 1, (2, n, 1), generator=random, device=device)
    rows = shifts[0] + torch.arange(height, device=device)
    columns = shifts[1] + torch.arange(width, device=device)
    if flip:
        mirrored = torch.rand(n, 1, generator=random, device=device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    rows, columns = rows.to(images.device), columns.to(images.device)
    samples = torch.arange(n, device=images.device)[:, None, None]
    cut: Tensor = padded.movedim(1, -1)[samples, rows[:, :, None], columns[:, None, :]]
    return cut.movedim(-1, 1).contiguous()
