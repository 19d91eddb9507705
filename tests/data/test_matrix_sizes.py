import contextlib
import io
import multiprocessing
import random
import signal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.io import mmwrite, savemat

from netopsy import InputError
from netopsy.data.feature_files import read_features
from netopsy.data.graph_files import read_graph
from netopsy.data.matrix_sizes import weigh


@pytest.fixture
def little(monkeypatch):
    monkeypatch.setenv("NETOPSY_MAX_BYTES", "1000000")


def bombs(folder):
    """Small files of much content."""
    zeros = np.zeros((1000, 1000))
    parts = {"data": np.zeros(10**6), "indices": np.zeros(10**6, np.int32), "indptr": np.array([0, 0])}
    np.savez_compressed(folder / "parts.npz", format=b"csr", shape=(1, 1), **parts)
    savemat(folder / "packed.mat", {"net": zeros}, do_compression=True)
    (folder / "nodes.mtx").write_text("%%MatrixMarket matrix coordinate real general\n2147483647 2147483647 1\n1 2 1\n")
    (folder / "entries.mtx").write_text("%%MatrixMarket matrix coordinate real general\n2 2 99999999999\n1 2 1\n")
    (folder / "dense.mtx").write_text("%%MatrixMarket matrix array real general\n99999 99999\n1\n")
    wide = {"row": np.array([0]), "col": np.array([1]), "data": np.array([1.0])}
    np.savez(folder / "wide.npz", format=b"coo", shape=np.array([2**40, 2**40]), **wide)
    return sorted(folder.iterdir())


def test_what_would_take_too_much_is_told_before(tmp_path, little):
    for file in bombs(tmp_path):
        assert file.stat().st_size < 20_000
        with pytest.raises(InputError, match="would take .* than the 0.001 GB that one file|names 2,147,483,647 nodes"):
            read_graph(file)


def test_features_are_weighed(tmp_path, little):
    pd.DataFrame({"a": np.zeros(2 * 10**6)}).to_parquet(tmp_path / "long.parquet")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)})
    (tmp_path / "wide.npy").write_bytes(header.getvalue())
    for file in tmp_path.iterdir():
        assert file.stat().st_size < 20_000
        with pytest.raises(InputError, match=f"feature file '{file.name}' would take"):
            read_features(file, ["a"])


RING = sparse.csr_array(np.roll(np.eye(6), 1, axis=1))


def test_what_fits_is_read(tmp_path, little):
    mmwrite(tmp_path / "ring.mtx", RING)
    savemat(tmp_path / "ring.mat", {"net": sparse.csc_matrix(RING)}, do_compression=True)
    sparse.save_npz(tmp_path / "ring.npz", RING)
    for ending in ("mtx", "mat", "npz"):
        assert read_graph(tmp_path / f"ring.{ending}").edge_count == 6
        with (tmp_path / f"ring.{ending}").open("rb") as file:
            weigh(file, f".{ending}", "the file")
            assert file.tell() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"indptr": [0, 5, 2, 3, 4, 5, 6]},
        {"indptr": [0, 1, 2, 3, 4, 5, 2**30]},
        {"indptr": [-(2**30), 1, 2, 3, 4, 5, 6]},
        {"indices": [0, 1, 2, 3, 4, 2**30]},
        {"indices": [0, 1, 2, 3, 4, -7]},
    ],
)
@pytest.mark.parametrize("kind", ["csr", "csc", "bsr"])
def test_pointers_out_of_order_are_told(tmp_path, changes, kind):
    data = np.ones((6, 1, 1)) if kind == "bsr" else np.ones(6)
    parts = {"data": data, "indices": RING.indices, "indptr": RING.indptr, "shape": [6, 6], "format": kind.encode()}
    changed = {name: np.array(value, dtype=np.int32) for name, value in changes.items()}
    np.savez(tmp_path / "bad.npz", **{name: np.array(value) for name, value in (parts | changed).items()})
    with pytest.raises(InputError, match=r"bad\.npz"):
        read_graph(tmp_path / "bad.npz")


def _read_damaged(whole, ending, folder, seeds):
    for seed in seeds:
        chance = random.Random(seed)
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 2, 5])):
            damaged[chance.randrange(len(damaged))] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
        file = folder / f"{seed}.{ending}"
        file.write_bytes(damaged)
        with contextlib.suppress(InputError):
            read_graph(file)
        file.unlink()


@pytest.mark.parametrize(
    ("name", "packed", "seeds"),  # of the first, scipy crashes with 19; with the others one is refused and one is read
    [
        ("plain.mat", False, (17, 19)),
        ("packed.mat", True, (0, 1)),
        ("4.mat", None, (0, 1)),
        ("n.npz", 0, range(200)),
    ],
)
def test_damaged_files_never_end_the_process(tmp_path, name, packed, seeds):
    graph = sparse.csc_matrix(RING)
    if name.endswith("mat"):
        savemat(tmp_path / name, {"net": graph}, do_compression=bool(packed), format="4" if packed is None else "5")
    else:
        sparse.save_npz(tmp_path / name, graph, compressed=False)
    whole = (tmp_path / name).read_bytes()
    context = multiprocessing.get_context("fork")
    arguments = (whole, name.rpartition(".")[2], tmp_path, seeds)
    child = context.Process(target=_read_damaged, args=arguments)
    child.start()
    child.join(120)
    left = [file.name for file in tmp_path.iterdir() if file.name != name]
    assert child.exitcode == 0, (signal.Signals(-(child.exitcode or 0)) if child.exitcode else "stuck", left)
