import os
import pickle
import shutil
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy import sparse

from netopsy import InputError
from netopsy.data.planetoid import local_planetoid, planetoid, without_fetching


def write(folder, classes=3, words=5):
    """A graph like Cora's files hold, made up: 520 nodes; the last 5 are test nodes, listed out of order."""
    raw = folder / "planetoid" / "cora" / "raw"
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    features = (random.random((520, words)) < 0.4).astype(np.float32)
    labels = random.integers(0, classes, 520)
    test = np.array([517, 515, 519, 516, 518])
    graph = defaultdict(list, {node: [(node + 1) % 520, (node - 1) % 520] for node in range(520)})
    graph[0] += [0, 1]  # a loop and a double edge
    one_hot = np.eye(classes, dtype=np.int32)[labels]
    parts = {
        "x": sparse.csr_matrix(features[:6]),
        "y": one_hot[:6],
        "allx": sparse.csr_matrix(features[:515]),
        "ally": one_hot[:515],
        "tx": sparse.csr_matrix(features[test]),
        "ty": one_hot[test],
        "graph": graph,
    }
    for name, part in parts.items():
        (raw / f"ind.cora.{name}").write_bytes(pickle.dumps(part))
    (raw / "ind.cora.test.index").write_text("\n".join(map(str, test)) + "\n")
    return features, labels


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("NETOPSY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_files_become_the_graph_and_the_copy_is_left_alone(folders, capfd):
    features, labels = write(folders / "data")
    before = sorted(os.walk(folders / "data"))
    found = planetoid("cora")
    assert torch.equal(found.x, torch.from_numpy(features))
    assert torch.equal(found.y, torch.from_numpy(labels))
    ring = {(a, (a + step) % 520) for a in range(520) for step in (1, -1)}
    assert set(map(tuple, found.edge_index.T.tolist())) == ring
    assert found.edge_index.shape == (2, 1040)
    assert found.train_mask.nonzero().flatten().tolist() == list(range(6))
    assert found.val_mask.nonzero().flatten().tolist() == list(range(6, 506))
    assert found.test_mask.nonzero().flatten().tolist() == list(range(515, 520))
    assert sorted(os.walk(folders / "data")) == before
    assert not (folders / "cache").exists()
    assert capfd.readouterr() == ("", "")


def test_what_was_fetched_serves_from_the_cache(folders, monkeypatch):
    write(folders / "cache")
    monkeypatch.delenv("NETOPSY_DATA")
    assert local_planetoid() == ("cora",)
    assert planetoid("cora").edge_index.shape == (2, 1040)


def test_fetching_leaves_the_files_as_they_are_published(folders, monkeypatch):
    from torch_geometric import data

    write(folders / "published")

    def download(url, folder, log):
        name = url.rpartition("/")[2]
        shutil.copy(folders / "published" / "planetoid" / "cora" / "raw" / name, folder)

    monkeypatch.setattr(data, "download_url", download)
    assert planetoid("cora").num_nodes == 520
    assert [path.name for path in (folders / "cache" / "planetoid").rglob("*") if path.is_dir()] == ["cora", "raw"]
    monkeypatch.setattr(data, "download_url", lambda *_, **__: pytest.fail("fetched again"))
    assert planetoid("cora").num_nodes == 520


class Planted:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (Planted.place,)


def test_nothing_in_the_files_or_the_cache_is_run(folders):
    Planted.place = str(folders / "planted")
    write(folders / "data")
    processed = folders / "cache" / "planetoid" / "cora" / "processed"
    processed.mkdir(parents=True)
    torch.save(Planted(), processed / "data.pt")
    assert planetoid("cora").num_nodes == 520
    (folders / "data" / "planetoid" / "cora" / "raw" / "ind.cora.graph").write_bytes(pickle.dumps(Planted()))
    with pytest.raises(InputError, match="'ind.cora.graph' is refused: it names 'posix.mkdir', and only arrays"):
        planetoid("cora")
    assert not (folders / "planted").exists()


def test_an_edge_to_no_node_is_told(folders):
    write(folders / "data")
    graph = folders / "data" / "planetoid" / "cora" / "raw" / "ind.cora.graph"
    graph.write_bytes(pickle.dumps({0: [520]}))
    with pytest.raises(InputError, match="its edges lead to others than its 520 nodes"):
        planetoid("cora")


def test_several_at_a_time_agree(folders):
    write(folders / "data")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(planetoid, ["cora"] * 4))
    assert all(torch.equal(each.x, found[0].x) for each in found)


def test_broken_files_leave_nothing_behind(folders):
    write(folders / "data")
    (folders / "data" / "planetoid" / "cora" / "raw" / "ind.cora.x").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="'cora' cannot be read from"):
        planetoid("cora")
    assert not (folders / "cache").exists()


def test_graphs_that_would_be_fetched_are_left_out(folders):
    assert without_fetching(("digits", "cora", "pubmed")) == ("digits",)
    write(folders / "data")
    assert without_fetching(("digits", "cora", "pubmed")) == ("digits", "cora")


def test_unknown_names_are_told():
    with pytest.raises(InputError, match="unknown Planetoid graph 'kora': did you mean 'cora'"):
        planetoid("kora")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "nodes", "words", "edges", "classes"),
    [("cora", 2708, 1433, 5278, 7), ("citeseer", 3327, 3703, 4552, 6)],
)
def test_the_published_graphs(real_data, tmp_path, monkeypatch, name, nodes, words, edges, classes):
    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path))
    monkeypatch.setenv("NETOPSY_DATA", str(real_data))
    found = planetoid(name)
    assert tuple(found.x.shape) == (nodes, words)
    assert found.edge_index.shape == (2, 2 * edges)
    assert found.y.unique().tolist() == list(range(classes))
    assert [int(mask.sum()) for mask in (found.train_mask, found.val_mask, found.test_mask)] == [
        20 * classes,
        500,
        1000,
    ]
