"""A classifier that is only asked for its answers, in batches, and how many images it was asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.batches import check_batch, check_finite
from netopsy.core.errors import InputError, require
from netopsy.core.modes import device_of, evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.scores import scores_of
from netopsy.core.shapes import Images, Logits

Classifier = nn.Module | Callable[[Tensor], Any]
"""A network, or any function from images ``[batch, channels, height, width]`` to scores or probabilities ``[batch,
classes]``, a tensor or an array: what it is inside is not looked at."""


class Queries:
    """A black box: images in, class scores out; ``count`` is the number of images that it was asked about.

    A network runs in evaluation mode without gradients, where it is; what comes back is on the CPU, in float32 or
    float64.

    Args:
        model: a network or a function.
        batch_size: images a call at most.

    Raises:
        InputError: neither a network nor a function, or an output that is not one row of finite numbers an image.

    >>> asked = Queries(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), batch_size=2)
    >>> asked(torch.zeros(5, 1, 2, 2)).shape, asked.count
    (torch.Size([5, 3]), 5)
    """

    def __init__(self, model: Classifier, *, batch_size: int = 1024) -> None:
        require(
            callable(model) and not isinstance(model, type),
            f"model must be a network or a function from images to class scores, got {type(model).__name__}",
        )
        require(
            isinstance(batch_size, int) and batch_size >= 1, f"batch_size must be an int from 1 up, got {batch_size!r}"
        )
        self.model = model
        self.batch_size = batch_size
        self.count = 0
        self._classes: int | None = None
        self._runs = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inside the block a network stays in evaluation mode, which otherwise every call sets and sets back."""
        with evaluating(self.model) if isinstance(self.model, nn.Module) else nullcontext():
            before, self._runs = self._runs, True
            try:
                yield
            finally:
                self._runs = before

    def __call__(self, images: Images) -> Logits:
        """Class scores, whose softmax is what the classifier says."""
        check_batch(images, "images")
        batches = images.split(self.batch_size)
        with torch.no_grad():
            if isinstance(self.model, nn.Module):
                device = device_of(self.model)
                mode = nullcontext() if self._runs else evaluating(self.model)
                with mode, running_on(images[:1], self.model):
                    parts = [self.model(some.to(device)) for some in batches]
            else:
                parts = [self.model(some) for some in batches]
        rows = [_rows(part, len(some)) for part, some in zip(parts, batches, strict=True)]
        counts = {part.shape[1] for part in rows} | {self._classes or rows[0].shape[1]}
        require(len(counts) == 1, f"the classifier must always return as many classes, but returns {sorted(counts)}")
        self._classes = counts.pop()
        found = torch.cat(rows)
        self.count += len(images)
        return scores_of(found)

    def probabilities(self, images: Images) -> Float[Tensor, "batch classes"]:
        """The softmax of the scores."""
        return self(images).softmax(1)


def _rows(output: object, count: int) -> Tensor:
    if not isinstance(output, Tensor):
        try:
            output = torch.as_tensor(output)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"the classifier must return scores [batch, classes], but returns {type(output).__name__}"
            ) from error
    rows = single_output(output).detach().cpu()
    require(
        rows.ndim == 2 and len(rows) == count and rows.shape[1] >= 2,
        f"the classifier must return scores [batch, classes] of two classes or more, but returns {tuple(rows.shape)} "
        f"for {count} images",
    )
    check_finite(rows, "the classifier's scores")
    return rows if rows.dtype in (torch.float32, torch.float64) else rows.float()
