import bz2
import gzip
import lzma
import sys
import zipfile
from io import BytesIO
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from netopsy import InputError
from netopsy.data import graph_files, matrix_sizes
from netopsy.data.graph_files import local_networks, read_graph


@pytest.fixture
def in_this_process(monkeypatch):
    """MATLAB files that are known to be sound need no process of their own, which takes half a second."""

    def rewritten(content, called):
        made = BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", SimpleNamespace(buffer=BytesIO(content)))
            patch.setattr(sys, "stdout", SimpleNamespace(buffer=made))
            exec(matrix_sizes._REWRITING, {})
        return made.getvalue()

    monkeypatch.setattr(graph_files, "rewritten", rewritten)


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


def test_the_networks_of_the_link_prediction_literature(real_data, in_this_process):
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


@pytest.mark.usefixtures("in_this_process")
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


PATH = nx.path_graph(5)


def named_path(first):
    return nx.relabel_nodes(PATH, {node: str(node + first) for node in PATH})


@pytest.mark.parametrize(("ending", "first"), [("mtx", 1), ("mat", 1), ("npz", 0)])
@pytest.mark.usefixtures("in_this_process")
def test_nodes_of_matrices_are_called_as_the_format_counts_them(tmp_path, ending, first):
    matrix = sparse.csc_matrix(nx.to_scipy_sparse_array(PATH, dtype=float))
    file = tmp_path / f"path.{ending}"
    {"mtx": lambda: io.mmwrite(file, matrix), "mat": lambda: io.savemat(file, {"net": matrix})}.get(
        ending, lambda: sparse.save_npz(file, matrix)
    )()
    assert read_graph(file).names == tuple(str(node + first) for node in range(5))


def written(folder, kind):
    """The path 1-2-3-4-5 and a node 6 beside it where the format can say so."""
    import json

    graph = named_path(1)
    file = folder / f"path.{kind}"
    if kind in ("graphml", "gml", "gexf", "net", "json"):
        graph.add_node("6")
    if kind == "graphml":
        nx.write_graphml(graph, file)
    elif kind == "gml":
        nx.write_gml(graph, file)
    elif kind == "gexf":
        nx.write_gexf(graph, file)
    elif kind == "net":
        nx.write_pajek(graph, file)
    elif kind == "json":
        file.write_text(json.dumps(nx.node_link_data(graph, edges="links")))
    elif kind == "edgelist":
        nx.write_edgelist(graph, file)
    elif kind == "parquet":
        pd.DataFrame(list(graph.edges), columns=["source", "target"]).to_parquet(file)
    return file


@pytest.mark.parametrize("kind", ["graphml", "gml", "gexf", "net", "json", "edgelist", "parquet"])
@pytest.mark.parametrize("packed", ["", ".gz", ".bz2", ".xz", ".zip"])
def test_what_networkx_and_pandas_write_is_read_packed_or_not(tmp_path, kind, packed):
    file = written(tmp_path, kind)
    if packed == ".zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(file, file.name)
        file = tmp_path / "a.zip"
    elif packed:
        opened = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}[packed]
        with opened(f"{file}{packed}", "wb") as stream:
            stream.write(file.read_bytes())
        file = file.with_name(file.name + packed)
    found = read_graph(file)
    assert found.names == tuple("123456"[: len(found)])
    assert len(found) == (5 if kind in ("edgelist", "parquet") else 6)
    assert found.edge_count == 4
    assert found.notes == ()
    assert found.name == "path"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_letters_in_any_encoding(tmp_path, encoding):
    file = tmp_path / "a.csv"
    file.write_bytes("source;target;weight\nZoë;José;1,5\nJosé;b;2\n".encode(encoding))
    found = read_graph(file)
    assert set(found.nodes) == {"Zoë", "José", "b"}
    assert sorted(found.adjacency.data) == [1.5, 1.5, 2, 2]
    assert bool(found.notes) == (encoding == "latin-1")


@pytest.mark.usefixtures("in_this_process")
def test_konect_suitesparse_and_links_by_place(tmp_path):
    (tmp_path / "out.net").write_text("% asym positive\n% 3 3 3\n1 2 2 1082040961\n2 3 1 1082040962\n")
    found = read_graph(tmp_path / "out.net")
    assert found.adjacency.toarray().tolist() == [[0, 2, 0], [2, 0, 1], [0, 1, 0]]
    assert found.notes == ("the directions of its edges are left aside",)
    (tmp_path / "out.two").write_text("% bip unweighted\n1 1\n2 1\n")
    assert read_graph(tmp_path / "out.two").names == ("1:1", "1:2", "2:1")
    matrix = sparse.csc_matrix(np.array([[0.0, 1], [1, 0]]))
    io.savemat(tmp_path / "a.mat", {"Problem": {"A": matrix, "title": "two nodes", "id": 1.0}})
    assert read_graph(tmp_path / "a.mat").names == ("1", "2")
    (tmp_path / "a.json").write_text('{"nodes": [{"name": "a"}, {"name": "b"}], "links": [{"source": 0, "target": 1}]}')
    assert read_graph(tmp_path / "a.json").names == ("a", "b")


def test_what_is_left_aside_is_noted_and_time_stamps_are_no_weights(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("# Directed graph\n1 1 1082040961\n1 2 1082040962\n2 1 1082040963\n1 2 1082040999\n")
    found = read_graph(file)
    assert found.adjacency.toarray().tolist() == [[0, 1], [1, 0]]
    told = " ".join(found.notes)
    for said in ("directions", "time stamps", "1 edge from a node to itself", "1 edge listed again"):
        assert said in told


def test_isolated_nodes_can_be_said_and_nodes_that_are_not_listed_are_refused(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("1,2\n")
    found = read_graph(file, nodes=["1", "2", "3"])
    assert (found.names, found.edge_count) == (("1", "2", "3"), 1)
    with pytest.raises(InputError, match="names 2, which is not among nodes|names '2'"):
        read_graph(file, nodes=["1", "3"])


@pytest.mark.parametrize(
    "text", ["01 2\n1 2\n", "2000000000 2\n2 3\n", "1 2\n2 3 # told\n", "1,2,0.5\n2,3,1.5\n", "a b\nb 10\n", "-3 -2\n"]
)
def test_the_fast_way_and_the_careful_one_say_the_same(tmp_path, text, monkeypatch):
    file = tmp_path / "a.txt"
    file.write_text(text)
    fast = read_graph(file)
    monkeypatch.setattr("netopsy.data.edge_lists._plain_numbers", lambda *given: None)
    slow = read_graph(file)
    assert fast.names == slow.names
    assert np.array_equal(fast.adjacency.toarray(), slow.adjacency.toarray())


def test_sizes_that_cannot_be_meant_are_refused_before_anything_is_allocated(tmp_path):
    (tmp_path / "a.mtx").write_text(
        "%%MatrixMarket matrix coordinate pattern symmetric\n2147483647 2147483647 1\n2 1\n"
    )
    with pytest.raises(InputError, match="2,147,483,647 nodes but only 1 edges"):
        read_graph(tmp_path / "a.mtx")
