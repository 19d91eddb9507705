import functools
import operator
import pickle
import struct
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from netopsy import InputError
from netopsy.data.plain_pickles import read_pickle


@pytest.fixture
def read(tmp_path):
    def read(content):
        (tmp_path / "file").write_bytes(content)
        return read_pickle(tmp_path / "file")

    return read


MATRIX = sparse.random_array((7, 5), density=0.4, format="csr", rng=0)
ARRAYS = [
    np.arange(12, dtype=np.int32).reshape(3, 4),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(3, dtype=">i8"),
    np.array([True, False]),
    np.zeros((0, 3), dtype=np.float32),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_comes_back(read, protocol):
    for array in ARRAYS:
        found = read(pickle.dumps(array, protocol))
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    found = read(pickle.dumps(sparse.csr_matrix(MATRIX), protocol))
    np.testing.assert_array_equal(found.toarray(), MATRIX.toarray())
    assert read(pickle.dumps(defaultdict(list, {0: [1, 2]}), protocol)) == {0: [1, 2]}


def test_a_pickle_of_python_2(read):
    """As Planetoid's files are: names of the time, bytes as strings."""
    content = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02i4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x08\x07\x00\x00\x00\xff\xff\xff\xfftb."
    )
    np.testing.assert_array_equal(read(content), np.array([7, -1], dtype=np.int32))


class Calls:
    """Asks for a call when it is read."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        print,
        Calls(exec, ("raise SystemExit",)),
        Calls(operator.attrgetter, ("x",)),
        functools.partial(print, 1),
        OrderedDict(a=1),
        sparse.coo_matrix(MATRIX),
        np.array([print, 1], dtype=object),
        np.array(["text"]),
        np.zeros(2, dtype=[("a", "i4")]),
        np.ma.array([1], mask=[True]),
        defaultdict(dict),
        defaultdict(list, {0: [print]}),
        {0: ["text"]},
        {"a": [1]},
        [1],
        7,
        "text",
        np.dtype("i4"),
        np.ndarray,
    ],
)
def test_everything_else_is_refused(read, value, protocol):
    with pytest.raises(InputError, match="'file' (is refused|cannot be read)"):
        read(pickle.dumps(value, protocol))


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02]r" + struct.pack("<I", 2**31) + b".",
        b"\x80\x05\x96" + struct.pack("<Q", 2**45) + b".",
        b"\x80\x04\x95" + struct.pack("<Q", 2**45) + b".",
        b"\x80\x02cnumpy\ndtype\n}(U\x01aK\x01ub.",
        b"\x80\x02c_codecs\nencode\nN}(U\x0c__defaults__(K\x01tu\x86b.",
        b"\x80\x02c__builtin__\nlist\n}U\x01aK\x01sb.",
        b"",
    ],
)
def test_what_would_take_memory_or_change_a_name_is_refused(read, content):
    with pytest.raises(InputError, match="'file' (is refused|cannot be read)"):
        read(content)


def test_shared_lists_are_weighed(read, monkeypatch):
    monkeypatch.setenv("NETOPSY_MAX_BYTES", "100000")
    shared = [0] * 1000
    with pytest.raises(InputError, match="would take"):
        read(pickle.dumps(dict.fromkeys(range(1000), shared)))


WHOLE = pickle.dumps(sparse.csr_matrix(MATRIX), 2)


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_a_damaged_file_is_told_or_read(read, place, noise):
    try:
        found = read(WHOLE[:place] + noise + WHOLE[place + len(noise) :])
    except InputError:
        return
    assert isinstance(found, np.ndarray | sparse.csr_array | dict)
