"""Small image files and parquet sets made on the spot."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image


@pytest.fixture
def encode():
    """Turns a picture into the bytes of a PNG file."""

    def encode(image):
        stream = io.BytesIO()
        image.save(stream, "PNG")
        return stream.getvalue()

    return encode


@pytest.fixture
def folder(tmp_path):
    """Classes "ant" (3 images) and "bee" (2), each image of a brightness of its own."""
    root = tmp_path / "insects"
    for name, values in (("bee", (200, 150)), ("ant", (10, 20, 30))):
        (root / name).mkdir(parents=True)
        for value in values:
            Image.new("L", (8, 8), value).save(root / name / f"{value:03}.png")
    return root


@pytest.fixture
def write_parquet(tmp_path, monkeypatch):
    """Writes parquet files as on the Hub under a data folder that NETOPSY_DATA points at."""
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setenv("NETOPSY_DATA", str(root))
    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path / "cache"))

    def write(place, images, labels, *, image="image", label="label", metadata=None):
        column = pa.array(
            [{"bytes": content, "path": None} for content in images],
            pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        )
        table = pa.table({image: column, label: pa.array(labels)})
        if metadata is not None:
            table = table.replace_schema_metadata({"huggingface": metadata})
        file = root / "hub" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, file)
        return file

    return write


@pytest.fixture
def grey_images(encode):
    """Twelve encoded 6x5 pictures, number n of brightness 10 n, and their labels 0, 1, 2, 0, ..."""
    images = [encode(Image.fromarray(np.full((5, 6), 10 * number, np.uint8))) for number in range(12)]
    return images, [number % 3 for number in range(12)]
