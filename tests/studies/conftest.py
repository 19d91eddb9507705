"""A set of the Hub small enough for the presets of a paper's own scale."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

TOYS = str(Path(__file__).parent / "toys")
if TOYS not in sys.path:
    sys.path.insert(0, TOYS)


@pytest.fixture(scope="module", autouse=True)
def _without_shape_checks(at_own_speed) -> None:
    """Studies run at their own speed: the tests of their methods have the shape checks."""


@pytest.fixture
def make_hub(tmp_path, monkeypatch) -> Callable[..., str]:
    """Writes a set of plain colour images, a colour a class, for training and for testing; returns its name."""

    def make(classes: int = 3, each: int = 8, side: int = 8, more: int = 0, name: str = "colours") -> str:
        """``more`` images of each class are there for training alone."""
        monkeypatch.setenv("NETOPSY_DATA", str(tmp_path))
        step = 240 // classes
        folder = tmp_path / "hub" / "owner" / name / "plain"
        folder.mkdir(parents=True)
        for split, count in (("train", each + more), ("test", each)):
            labels = [label for label in range(classes) for _ in range(count)]
            encoded = []
            for number, label in enumerate(labels):
                stream = io.BytesIO()
                color = step * label, 255 - step * label, 3 * number % 256
                Image.new("RGB", (side, side), color).save(stream, "PNG")
                encoded.append({"bytes": stream.getvalue(), "path": None})
            table = pa.table({"image": encoded, "label": labels})
            pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")
        return f"owner/{name}"

    return make
