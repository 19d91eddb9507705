"""Images that come in batches and are never all held: their statistics, and a decoder trained on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from netopsy.core.errors import require
from netopsy.core.outputs import first_of
from netopsy.core.progress import Task
from netopsy.data.normalisation import Normalisation
from netopsy.interpretability.layer_maps import check_images
from netopsy.training import Recipe
from netopsy.training.plan import set_lr

Decoder = TypeVar("Decoder", bound=nn.Module)


class Batches:
    """Batches of images, or of images and what belongs to them, gone through once for shapes and statistics.

    Args:
        batches: what can be gone through again and again.
        encode: from images to codes.

    Raises:
        InputError: something to be gone through once only, no batch, or batches that are no images of one shape.
    """

    def __init__(self, batches: Iterable[Any], encode: Callable[[Tensor], Tensor]) -> None:
        again = isinstance(batches, Iterable) and iter(batches) is not batches
        require(again, "images must be a tensor, or batches that can be gone through again, such as a DataLoader")
        self.batches, self.encode, self.count = batches, encode, 0
        sums: list[_Sums] = [_Sums(), _Sums()]
        for images, codes in self:
            self.count += 1
            for each, values in zip(sums, (codes, images), strict=True):
                each.add(values)
        require(self.count > 0, "images must hold at least one batch")
        self.codes, self.images = (each.normalisation() for each in sums)
        self.code_shape = tuple(codes.shape[1:])
        channels, height, width = images.shape[1:]
        self.image_shape = (int(channels), int(height), int(width))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.batches:
            images = first_of(batch)
            check_images(images)
            codes = self.encode(images)
            yield images.detach().float().to(codes.device), codes

    def train(self, decoder: Decoder, epochs: int, lr: float) -> Decoder:
        """Adam on the mean squared error, the rate falling to 0 along a cosine over all steps."""
        recipe = Recipe(steps=epochs * self.count, lr=lr, schedule="cosine", loss="mse")
        optimiser, step = recipe.make_optimizer(decoder.parameters()), 0
        with torch.enable_grad(), Task("training", recipe.steps) as task:
            for _ in range(epochs):
                for images, codes in self:
                    set_lr(optimiser, recipe.lr_at(min(step, recipe.steps - 1)))
                    optimiser.zero_grad()
                    mse_loss(decoder(codes), images).backward()
                    optimiser.step()
                    step += 1
                    task.advance()
        return decoder.eval()


class _Sums:
    """Mean and deviation of every channel, batch by batch."""

    def __init__(self) -> None:
        self.count = 0
        self.shape: tuple[int, ...] = ()

    def add(self, values: Tensor) -> None:
        flat = values.detach().double().transpose(0, 1).flatten(1)
        if not self.count:
            self.shape = tuple(values.shape[1:])
            self.total, self.squares = torch.zeros(2, len(flat), dtype=torch.double, device=flat.device)
        got = tuple(values.shape[1:])
        require(got == self.shape, f"images and codes must have one shape in all batches, got {got} and {self.shape}")
        self.count += flat.shape[1]
        self.total += flat.sum(1)
        self.squares += flat.square().sum(1)

    def normalisation(self) -> Normalisation:
        mean = self.total / self.count
        deviation = (self.squares / self.count - mean.square()).clamp(min=0).sqrt()
        still = deviation <= 1e-7 * (1 + mean.abs())
        return Normalisation(mean.float(), deviation.where(~still, 1.0).float())
