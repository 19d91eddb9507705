"""Data as people have them: loaders, torch data sets, folders of pictures, tables of the field's data library."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from netopsy import InputError
from netopsy.examination import intake
from netopsy.examination.intake import as_dataset

INPUTS, LABELS = torch.rand(6, 3, 4, 4), torch.tensor([0, 1, 0, 1, 0, 1])


class Image:
    """What the data library calls the kind of a column of pictures."""


class ClassLabel:
    """And the kind of a column of classes."""

    names = ("cat", "dog")


class Table:
    """Rows with described columns, as that library has them."""

    features: ClassVar = {"photo": Image(), "kind": ClassLabel(), "note": None}

    def __init__(self, pictures):
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[dict]:
        for row, picture in enumerate(self.pictures):
            yield {"note": "x", "photo": picture, "kind": row % 2}


class Folder(TorchDataset):
    """Pictures of a folder, without a transform, in the manner of the field's image folders."""

    classes: ClassVar = ["cat", "dog"]
    samples: ClassVar = [(f"cat/{number}.png", 0) for number in range(3)] + [
        (f"dog/{number}.png", 1) for number in range(3)
    ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int):
        return Picture.new("RGB", (5, 4), (51 * (index % 6), 0, 255)), self.samples[index][1]


def test_a_table_of_pictures_is_read_by_the_kinds_of_its_columns():
    table = Table([Picture.new("L", (4, 4), 51 * level) for level in range(6)])
    read = as_dataset(table, "data")
    assert read.inputs.shape == (6, 1, 4, 4)
    assert read.classes == ("cat", "dog")
    torch.testing.assert_close(read.inputs[:, 0, 0, 0], torch.arange(6) / 5)
    assert read.targets.tolist() == [0, 1, 0, 1, 0, 1]
    as_levels = Table([torch.full((1, 4, 4), 51 * level, dtype=torch.uint8) for level in range(6)])
    torch.testing.assert_close(as_dataset(as_levels, "data").inputs, read.inputs)


def test_a_table_may_hold_tensors_under_the_names_that_networks_use():
    class Transformed(Table):
        def __iter__(self):
            for row in range(6):
                yield {"pixel_values": INPUTS[row], "label": int(LABELS[row])}

    torch.testing.assert_close(as_dataset(Transformed(INPUTS), "data").inputs, INPUTS)


def test_pictures_of_a_torch_data_set_keep_their_classes_and_files():
    read = as_dataset(Subset(Folder(), [4, 0]), "data")
    assert read.inputs.shape == (2, 3, 4, 5)
    assert read.inputs[0, :, 0, 0].tolist() == pytest.approx([0.8, 0.0, 1.0])
    assert read.files == ("dog/1.png", "cat/0.png")
    assert read.classes == ("cat", "dog")


def test_a_loader_in_order_knows_its_files_and_a_shuffled_one_does_not():
    def collate(samples):
        return torch.stack([torch.tensor(np.asarray(p)).float() for p, _ in samples]), torch.tensor(
            [y for _, y in samples]
        )

    in_order = as_dataset(DataLoader(Folder(), batch_size=4, collate_fn=collate), "data")
    assert in_order.files[3] == "dog/0.png"
    assert in_order.classes == ("cat", "dog")
    shuffled = as_dataset(DataLoader(Folder(), batch_size=4, collate_fn=collate, shuffle=True), "data")
    assert shuffled.files == ()
    assert shuffled.classes == ("cat", "dog")


def test_batches_by_name_and_streams_are_read():
    class Rows(TorchDataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return {"img": INPUTS[index], "label": LABELS[index], "id": index}

    class Stream(IterableDataset):
        def __iter__(self):
            yield from zip(INPUTS, LABELS, strict=True)

    for data in (Rows(), DataLoader(Rows(), batch_size=4), Stream(), DataLoader(Stream(), batch_size=4)):
        read = as_dataset(data, "data")
        torch.testing.assert_close(read.inputs, INPUTS)
        assert read.targets.tolist() == LABELS.tolist()


def test_more_than_the_memory_may_hold_is_sampled_and_said(monkeypatch):
    monkeypatch.setenv("NETOPSY_MAX_BYTES", str(4 * 48 * 4 * 2))
    read = as_dataset(DataLoader(TensorDataset(INPUTS, LABELS), batch_size=2), "data")
    assert len(read) == 4
    assert read.name == "4 of 6 given samples"
    monkeypatch.delenv("NETOPSY_MAX_BYTES")
    monkeypatch.setattr(intake, "MOST", 2)
    assert len(as_dataset(DataLoader(TensorDataset(INPUTS, LABELS), batch_size=2), "data")) == 2


class Named(Table):
    """A table whose label is a word."""

    def __iter__(self) -> Iterator[dict]:
        yield {"image": INPUTS[0], "label": "cat"}


def collating(make) -> DataLoader:
    """A loader of one batch that ``make`` returns."""
    return DataLoader([0, 1], collate_fn=make)


@pytest.mark.parametrize(
    ("words", "data"),
    [
        ("several shapes", Table([Picture.new("L", (4, 4)), Picture.new("L", (5, 4))])),
        ("no column for an input", DataLoader([{"text": 1, "label": 0}] * 2)),
        ("has parts train, test", {"train": Table([]), "test": Table([])}),
        ("is empty", Table([])),
        ("one class number a sample, got str", Named([])),
        ("as many labels as inputs", collating(lambda some: (INPUTS, LABELS[:2]))),
        ("must give pairs", collating(lambda some: INPUTS)),
        ("do not fit together", DataLoader([0, 1], collate_fn=lambda some: (INPUTS[..., : 3 + some[0]], LABELS))),
    ],
)
def test_data_that_cannot_be_used_is_refused(words, data):
    with pytest.raises(InputError, match=words):
        as_dataset(data, "data")
