import io
import zipfile
import zlib

import pytest

from netopsy import InputError
from netopsy.core.archives import check_zip, inflated


@pytest.fixture(autouse=True)
def little(monkeypatch):
    monkeypatch.setenv("NETOPSY_MAX_BYTES", "1000000")


def packed(*sizes):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, size in enumerate(sizes):
            archive.writestr(str(number), bytes(size))
    return stream


def test_entries_are_weighed_together():
    check_zip(packed(500_000, 500_000), "the file")
    with pytest.raises(InputError, match="the file would take"):
        check_zip(packed(500_000, 500_001), "the file")
    check_zip(io.BytesIO(b"no archive"), "the file")


def test_a_stream_is_stopped_where_it_is_too_much():
    assert inflated(zlib.compress(bytes(1_000_000)), "the file") == 1_000_000
    with pytest.raises(InputError, match="the file would take 0.00105 GB"):
        inflated(zlib.compress(bytes(2**26)), "the file")
