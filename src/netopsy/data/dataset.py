"""A data set that lives in memory: inputs, targets, the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import SupportsIndex, overload

import torch
from jaxtyping import Shaped
from torch import Tensor

from netopsy.core.arguments import checked_class
from netopsy.core.batches import check_tensor
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.data.choice import interleaved
from netopsy.data.normalisation import Axes, Normalisation


@checked_class
@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples held in memory as two tensors.

    Indexed by an int it gives one ``(input, target)``, so that it also serves a ``torch.utils.data.DataLoader``;
    indexed by a slice, a tensor of indices or a boolean mask it gives the `Dataset` of those samples.

    Raises `InputError` on lengths that differ, no sample, values that are not finite, targets that are neither int64
    nor float, and classes out of range.

    >>> data = Dataset(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 1, 0]), classes=("cat", "dog"))
    >>> len(data), len(data[:3]), len(data[data.targets == 1]), data.class_count
    (4, 3, 2, 2)
    """

    inputs: Shaped[Tensor, "n *shape"]
    """One sample a row: float features or images, or int64 tokens."""
    targets: Shaped[Tensor, "n *outputs"]
    """int64 class numbers ``[n]``, or floats: regression values, or ``[n, classes]`` for several labels a sample."""
    classes: tuple[str, ...] = ()
    """What the classes are called, by number; empty when nobody said or there are none."""
    name: str = ""
    normalisation: Normalisation | None = None
    """How ``inputs`` were standardised; `images` undoes it."""
    files: tuple[str, ...] = ()
    """Where each sample comes from, a path or a row; empty where nobody said."""

    def __post_init__(self) -> None:
        inputs, targets = self.inputs, self.targets
        check_tensor(inputs, "inputs")
        check_tensor(targets, "targets")
        require(inputs.ndim > 0 and len(inputs) > 0, f"inputs must hold at least one sample, got {_shape(inputs)}")
        require(
            targets.ndim > 0 and len(targets) == len(inputs),
            f"targets must have one entry a sample, {len(inputs)}, got {_shape(targets)}",
        )
        require(
            inputs.is_floating_point() or inputs.dtype == torch.int64,
            f"inputs must be float, or int64 for tokens, got {inputs.dtype}",
        )
        require(
            targets.is_floating_point() or targets.dtype == torch.int64,
            f"targets must be int64 class numbers or floats, got {targets.dtype}",
        )
        require(
            len(self.files) in (0, len(inputs)),
            f"files must be as many as samples, {len(inputs)}, or none, got {len(self.files)}",
        )
        require(_finite(inputs), "inputs must be finite, got NaN or infinity")
        require(_finite(targets), "targets must be finite, got NaN or infinity")
        if self.is_classification:
            low, high = int(targets.min()), int(targets.max())
            require(low >= 0, f"targets must be class numbers from 0 up, got {low}")
            require(
                not self.classes or high < len(self.classes),
                f"targets must be below the number of classes, {len(self.classes)}, got {high}",
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        shape, classes = list(self.inputs.shape), f", {self.class_count} classes" * self.is_classification
        return f"Dataset({self.name or 'unnamed'}: inputs {shape} of {self.inputs.dtype}{classes})"

    @overload
    def __getitem__(self, which: int) -> tuple[Tensor, Tensor]: ...
    @overload
    def __getitem__(self, which: slice | Tensor | Sequence[int]) -> Dataset: ...
    def __getitem__(self, which: SupportsIndex | slice | Tensor | Sequence[int]) -> Dataset | tuple[Tensor, Tensor]:
        if isinstance(which, SupportsIndex) and not isinstance(which, Tensor):
            return self.inputs[which], self.targets[which]
        if isinstance(which, slice):
            require(len(range(*which.indices(len(self)))), f"{which} selects no sample of {len(self)}")
            files = self.files[which]
        else:
            which = _index(which, self)
            files = tuple(self.files[number] for number in which.tolist()) if self.files else ()
        return replace(self, inputs=self.inputs[which], targets=self.targets[which], files=files)

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.inputs.device

    @property
    def is_classification(self) -> bool:
        """Whether ``targets`` are class numbers."""
        return self.targets.dtype == torch.int64

    @property
    def class_count(self) -> int:
        """How many classes there are: as many as have a name, or as the targets show; 0 for regression."""
        if self.classes or not self.is_classification:
            return len(self.classes)
        return int(self.targets.max()) + 1

    @property
    def images(self) -> Shaped[Tensor, "n *shape"]:
        """The inputs as they were before they were standardised, for looking at."""
        return self.normalisation.undo(self.inputs) if self.normalisation else self.inputs

    def to(self, device: torch.device | str) -> Dataset:
        """The same samples on ``device``; the same object when they are there already."""
        inputs, targets = self.inputs.to(device), self.targets.to(device)
        same = inputs is self.inputs and targets is self.targets
        return self if same else replace(self, inputs=inputs, targets=targets)

    def split(self, *sizes: int | float, seed: int = 0, stratify: bool = True) -> tuple[Dataset, ...]:
        """Disjoint random parts of the given sizes, as counts or as fractions of the whole.

        What the sizes leave over is left out. With ``stratify`` every part has the classes in the proportions of the
        whole, to within rounding; this means nothing for float targets and is then ignored.

        >>> data = Dataset(torch.rand(10, 2), torch.tensor([0, 1] * 5))
        >>> [part.targets.bincount().tolist() for part in data.split(4, 0.2)]
        [[2, 2], [1, 1]]
        """
        counts = [_count(size, len(self)) for size in sizes]
        require(counts, "sizes must name at least one part")
        require(sum(counts) <= len(self), f"sizes must add up to at most {len(self)} samples, got {sum(counts)}")
        random = generator(seed)
        order = torch.randperm(len(self), generator=random)
        if stratify and self.is_classification:
            order = interleaved(order, self.targets.cpu())
        parts = torch.split(order[: sum(counts)], counts)
        return tuple(self[part[torch.randperm(len(part), generator=random)]] for part in parts)

    def standardise(self, like: Dataset | Normalisation | None = None, *, per: Axes = "channel") -> Dataset:
        """The samples with mean 0 and standard deviation 1 per channel (axis 1), per feature, or over all.

        ``like`` takes the numbers from another, already standardised data set: the training set's for the test set.

        >>> train = Dataset(torch.rand(8, 3, 4, 4) + 5, torch.zeros(8)).standardise()
        >>> bool(train.inputs.mean().abs() < 1e-5), bool(train.images.mean() > 5)
        (True, True)
        """
        require(self.inputs.is_floating_point(), f"only float inputs can be standardised, got {self.inputs.dtype}")
        require(self.inputs.ndim > 1 or per != "channel", "per='channel' needs inputs with a channel axis")
        require(self.normalisation is None, "the data set is standardised already")
        normalisation = like.normalisation if isinstance(like, Dataset) else like
        require(like is None or normalisation is not None, "like must be a data set that was standardised")
        normalisation = normalisation or Normalisation.of(self.inputs, per)
        return replace(self, inputs=normalisation.apply(self.inputs), normalisation=normalisation)


def _index(which: Tensor | Sequence[int], data: Dataset) -> Tensor:
    """Samples given by number or by a mask as a tensor of numbers on the data's device, or an `InputError`."""
    index = torch.as_tensor(which, device=data.device)
    if index.dtype == torch.bool:
        require(index.shape == (len(data),), f"a mask must have shape ({len(data)},), got {tuple(index.shape)}")
        index = index.nonzero().flatten()
    require(
        index.ndim == 1 and len(index) > 0,
        f"the index must be one-dimensional and select at least one sample, got {_shape(index)}",
    )
    require(not index.is_floating_point(), f"the index must be of ints or a mask, got {index.dtype}")
    low, high = int(index.min()), int(index.max())
    require(
        -len(data) <= low and high < len(data),
        f"the index must lie within the {len(data)} samples, got {low if low < -len(data) else high}",
    )
    return index


def _finite(tensor: Tensor) -> bool:
    # The sum of finite numbers is finite unless it overflows: one pass that stores nothing settles nearly every case.
    return not tensor.is_floating_point() or bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def _count(size: int | float, total: int) -> int:
    fraction = isinstance(size, float)
    require(
        isinstance(size, int | float) and (0 < size <= 1 if fraction else size > 0),
        f"sizes must be counts from 1 up or fractions between 0 and 1, got {size!r}",
    )
    count = round(size * total) if fraction else int(size)
    require(count > 0, f"sizes must leave no part empty, but {size} of {total} samples is none")
    return count


def _shape(tensor: Tensor) -> str:
    return f"a tensor of shape {tuple(tensor.shape)}"
