import networkx as nx
import numpy as np
import pytest
from scipy import io, sparse

from netopsy import InputError
from netopsy.data.graph_files import read_graph

MATRIX = nx.to_scipy_sparse_array(nx.karate_club_graph(), weight=None, dtype=float)


@pytest.mark.parametrize("ending", ["csv", "tsv", "txt", "edges", "mtx", "mat", "npz"])
def test_every_kind_of_file_gives_the_graph(tmp_path, ending):
    file = tmp_path / f"karate.{ending}"
    separator = {"csv": ",", "tsv": "\t"}.get(ending, " ")
    if ending == "mtx":
        io.mmwrite(file, sparse.coo_matrix(MATRIX))
    elif ending == "mat":
        io.savemat(file, {"net": sparse.csc_matrix(MATRIX), "info": np.ones((2, 2))})
    elif ending == "npz":
        sparse.save_npz(file, sparse.csr_matrix(MATRIX))
    else:
        file.write_text("\n".join(f"{a}{separator}{b}" for a, b in nx.karate_club_graph().edges))
    found = read_graph(file)
    assert np.array_equal(found.adjacency.toarray(), MATRIX.toarray())
    assert found.name == "karate"


@pytest.mark.parametrize(
    "text",
    ["source,target\nb,a\nc,b\n", "from,to,weight\nb,a,1\nc,b,1\n", "# made by hand\nb,a\n\nc,b\nb,c\nb,b % loop\n"],
)
def test_names_headers_comments_and_doubles(tmp_path, text):
    file = tmp_path / "list.csv"
    file.write_text(text)
    found = read_graph(file)
    assert found.nodes == ("a", "b", "c")
    assert found.adjacency.toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


def test_numbers_are_ordered_as_numbers_under_any_header(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("person,friend,weight\n10,9,2.5\n9,2,0.5\n2,9,3\n")
    found = read_graph(file)
    assert found.nodes == ("2", "9", "10")
    assert found.adjacency.toarray().tolist() == [[0, 3, 0], [3, 0, 2.5], [0, 2.5, 0]]


def test_the_networks_of_the_link_prediction_literature(real_data):
    sizes = {file.stem: len(read_graph(file)) for file in sorted((real_data / "networks").glob("*.mat"))}
    assert sizes["USAir"] == 332
    assert len(sizes) == 9


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.gml", "graph", "unknown graph file ending"),
        ("a.csv", "", "holds no edge"),
        ("a.csv", "1\n2\n", "does not name two nodes: '1'"),
        ("a.csv", "source,target\n", "no edge below"),
        ("a.mtx", "nonsense", "cannot be read"),
        ("a.mat", "nonsense", "cannot be read"),
        ("a.npz", "nonsense", "cannot be read"),
        ("a.csv", "1,2,inf\n", "no finite numbers"),
    ],
)
def test_bad_files_are_named(tmp_path, name, text, said):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        read_graph(file)


def test_missing_files_several_matrices_and_code_in_arrays_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_graph(tmp_path / "none.csv")
    io.savemat(tmp_path / "two.mat", {"a": np.eye(3), "b": np.eye(3)})
    with pytest.raises(InputError, match="several matrices: choose among a, b"):
        read_graph(tmp_path / "two.mat")
    assert len(read_graph(tmp_path / "two.mat", variable="a")) == 3
    np.savez(tmp_path / "objects.npz", data=np.array([object()], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        read_graph(tmp_path / "objects.npz")
