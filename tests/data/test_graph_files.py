import networkx as nx
import numpy as np
import pytest
from scipy import io, sparse

from netopsy import InputError
from netopsy.data.graph_files import local_networks, read_graph

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


NAMES = ("a", "b", "c")


@pytest.mark.parametrize(
    ("ending", "text", "nodes", "weight"),
    [
        ("csv", ",source,target\n0,b,a\n1,c,b\n", NAMES, 1),  # pandas with its index
        ("csv", ",source,target,weight\n0,b,a,2.5\n1,c,b,1\n", NAMES, 2.5),
        ("csv", ",person,friend\n0,b,a\n1,c,b\n", NAMES, 1),
        ("csv", "weight,Target,Source,since\n2.5,b,a,1999\n1,c,b,2001\n", NAMES, 2.5),
        ("csv", "source,target,score\na,b,17\nb,c,3\n", NAMES, 1),  # a score is no weight
        ("csv", "node_1,node_2\na,b\nb,c\n", NAMES, 1),
        ("csv", 'source,target\n"Smith, John",b\nb,c\n', ("Smith, John", "b", "c"), 1),
        ("csv", '"Smith, John", "the ""boss""", 2.5\n"the ""boss""",c,1\n', ("Smith, John", 'the "boss"', "c"), 2.5),
        ("csv", "source,target\nsource,target\ntarget,c\n", ("source", "target", "c"), 1),
        ("csv", "C#,b\nb,100%  # a comment\n% another\n", ("C#", "b", "100%"), 1),
        ("csv", '"a # b",b\nb,c\n', ("a # b", "b", "c"), 1),
        ("tsv", "source\ttarget\nNew York\tRome, Italy\nRome, Italy\tc\n", ("New York", "Rome, Italy", "c"), 1),
        ("txt", '"New York" b 2.5\nb "say ""x""" 1\n', ("New York", "b", 'say "x"'), 2.5),
        ("txt", "a ; b ; 2.5\nb,c,1\n", NAMES, 2.5),
        ("edges", "a b {'weight': 2.5}\nb c {}\n".replace("{}", "{'weight': 1}"), NAMES, 2.5),
        ("edges", "a b {}\nb c {}\n", NAMES, 1),  # networkx's own form
        ("csv", "a,b,\nb,c,\n", NAMES, 1),
        ("csv", "u,v\n1,2\n2,3\n", ("1", "2", "3"), 1),
    ],
)
def test_edge_lists_mean_what_they_say(tmp_path, ending, text, nodes, weight):
    file = tmp_path / f"list.{ending}"
    file.write_text(text)
    found = read_graph(file)
    middle, (one, other) = nodes[1], (nodes[0], nodes[2])
    place = {name: number for number, name in enumerate(found.nodes)}
    assert set(found.nodes) == set(nodes)
    assert found.edge_count == 2
    assert found.adjacency[place[one], place[middle]] == weight
    assert found.adjacency[place[middle], place[other]] == 1


@pytest.mark.parametrize(
    ("ending", "text", "said"),
    [
        ("csv", "Person A,Person B\nann,bob\nbob,cid\n", "may begin with names of its columns or with an edge"),
        ("csv", "id,name\n1,ann\n2,bob\n", "may begin with names of its columns or with an edge"),
        ("csv", "a,b\nb,\n", "does not name two nodes: 'b,', line 2"),
        ("csv", "a,b\n,b\n", "does not name two nodes: ',b', line 2"),
        ("csv", "source,target\na,b\n ,b\n", "does not name two nodes"),
        ("csv", "a,b\n,,\nb,c\n", "does not name two nodes: line 2"),
        ("csv", "a,b,1\nb,c,two\n", "a weight in line 2 that is no number: 'two'"),
        ("csv", "a,b,1\nb,c\n", "a weight in line 2 that is no number: ''"),
        ("csv", "a,b,nan\n", "a weight in line 1 that is no number"),
        ("csv", "0,ann,bob\n1,bob,cid\n", "a weight in line 1 that is no number: 'bob'"),
        ("csv", "x,y,score\n1,2,3\n", "no number: 'score'"),
        ("csv", "a,b,1,2\n", "4 fields in line 1"),
        ("csv", "source,target\nSmith, John,b\n", "more fields in line 2 than columns"),
        ("csv", "source,target,from,to\na,b,c,d\n", "more than once"),
        ("csv", 'a,"b\nb,c\n', "quotation mark that is not closed"),
        ("csv", 'a,b\nb,"c\nc,d"\n', "over more than one line, up to line 3"),
        ("csv", 'a,"b"c\nb,c\n', "cannot be read at line 1"),
        ("csv", "u,v\nv,w\n", "begins with u and v, which are nodes below"),
        ("txt", 'a"b c\n', "quotation mark inside a name in line 1"),
        ("txt", "a,,b\nb,c\n", "does not name two nodes"),
        ("txt", "New York Rome\n", "no number: 'Rome'"),
        ("txt", "a b {oops}\n", "attributes in line 1"),
        ("csv", "a,b,1\nb,c,-2\n", "negative weights, down to -2"),
    ],
)
def test_what_may_mean_something_else_is_refused(tmp_path, ending, text, said):
    file = tmp_path / f"list.{ending}"
    file.write_text(text)
    with pytest.raises(InputError, match=said) as raised:
        read_graph(file)
    assert "\n" not in str(raised.value)
    assert "list." in str(raised.value)


def test_negative_and_complex_weights_are_refused_and_zeros_are_no_edges_in_all_formats(tmp_path):
    matrix = np.array([[0.0, -1, 2], [-1, 0, 0], [2, 0, 0]])
    for values, said in ((matrix, "negative weights, down to -1"), (matrix * 1j, "complex")):
        io.mmwrite(tmp_path / "a.mtx", sparse.coo_matrix(values))
        io.savemat(tmp_path / "a.mat", {"net": sparse.csc_matrix(values)})
        sparse.save_npz(tmp_path / "a.npz", sparse.csr_matrix(values))
        for ending in ("mtx", "mat", "npz"):
            with pytest.raises(InputError, match=said):
                read_graph(tmp_path / f"a.{ending}")
    (tmp_path / "a.csv").write_text("a,b,0\na,c,2\n")
    held = sparse.csr_matrix((np.array([0.0, 2, 2]), np.array([1, 2, 0]), np.array([0, 2, 2, 3])), (3, 3))
    sparse.save_npz(tmp_path / "a.npz", held)
    for ending in ("csv", "npz"):
        found = read_graph(tmp_path / f"a.{ending}")
        assert (len(found), found.edge_count) == (3, 1)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.xyz", "graph", "unknown graph file ending"),
        ("a.gml", "graph", "cannot be read"),
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


def test_local_networks_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.delenv("NETOPSY_DATA", raising=False)
    assert local_networks() == {}
    monkeypatch.setenv("NETOPSY_DATA", str(tmp_path))
    assert local_networks() == {}
    (tmp_path / "networks").mkdir()
    for name in ("b.mat", "a.mat", "a.txt"):
        (tmp_path / "networks" / name).touch()
    assert list(local_networks()) == ["a", "b"]
