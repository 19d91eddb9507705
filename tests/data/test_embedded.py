"""Photographs, graphs, generated sets and canvases."""

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import sparse

from netopsy.core.errors import InputError, UnknownNameError
from netopsy.data import (
    PHOTOGRAPHS,
    TEXTURES,
    canvases,
    digits,
    gaussian_blobs,
    photograph,
    photographs,
    swiss_roll,
    two_circles,
    two_moons,
)
from netopsy.data.graphs import GRAPHS, Graph, graph


def test_every_photograph_is_there_without_a_network(monkeypatch):
    import socket

    def refuse(*arguments, **options):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    seen = dict(photographs())
    assert set(seen) == set(PHOTOGRAPHS)
    for name, image in seen.items():
        assert len(image) in (1, 3), name
        assert image.min() >= 0, name
        assert 0.5 < image.max() <= 1, name
        assert image.std() > 0.02, name
    assert all(seen[name].shape == (1, 512, 512) for name in TEXTURES)


def test_grey_agrees_with_pillow():
    from PIL import Image

    colours = photograph("coffee")
    pillow = Image.fromarray((colours * 255).round().byte().permute(1, 2, 0).numpy()).convert("L")
    assert np.abs(photograph("coffee", grey=True)[0].numpy() * 255 - np.asarray(pillow)).max() < 1.01


def test_unknown_photograph_names_the_near_ones():
    with pytest.raises(UnknownNameError, match="'coffee'"):
        photograph("cofee")


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_are_those_of_networkx(name):
    functions = {
        "karate": nx.karate_club_graph,
        "les_miserables": nx.les_miserables_graph,
        "florentine": nx.florentine_families_graph,
        "davis": nx.davis_southern_women_graph,
    }
    source, ours = functions[name](), graph(name)
    assert (len(ours), ours.edge_count) == (source.number_of_nodes(), source.number_of_edges())
    assert ours.nodes == tuple(map(str, source))
    assert np.array_equal(ours.adjacency.toarray(), nx.to_numpy_array(source, weight=None))
    assert np.array_equal(graph(name, weighted=True).adjacency.toarray(), nx.to_numpy_array(source))


def test_graph_labels():
    karate = graph("karate")
    assert np.bincount(karate.labels).tolist() == [17, 17]
    davis = graph("davis")
    # Bipartite: no edge within a side.
    same = davis.labels[:, None] == davis.labels[None]
    assert davis.adjacency.toarray()[same].sum() == 0


def test_loops_count_once():
    assert Graph(sparse.csr_array(np.array([[1.0, 1.0], [1.0, 0.0]]))).edge_count == 2


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Graph(sparse.csr_array(np.ones((2, 3)))), "square, got 2x3"),
        (lambda: Graph(sparse.csr_array(np.array([[0.0, 1.0], [0.0, 0.0]]))), "symmetric"),
        (lambda: Graph(sparse.csr_array(np.full((2, 2), np.nan))), "finite"),
        (lambda: Graph(sparse.csr_array(np.ones((2, 2))), nodes=("a",)), "name all 2 nodes"),
        (lambda: Graph(sparse.csr_array(np.ones((2, 2))), labels=np.zeros(3)), "one entry a node, 2"),
        (lambda: graph("karat"), "did you mean 'karate'"),
        (lambda: two_moons(1), "n must be an int of at least 2"),
        (lambda: two_moons(noise=-1.0), "noise must not be negative"),
        (lambda: two_circles(factor=1.0), "factor must be"),
        (lambda: gaussian_blobs(classes=0), "classes must be at least 1"),
        (lambda: gaussian_blobs(spread=-0.5), "spread must not be negative"),
        (lambda: swiss_roll(seed=-1), "seed must be"),
        (lambda: canvases(0), "n must be an int of at least 1"),
        (lambda: canvases(3, split="validation"), "split must be 'train' or 'test'"),
        (lambda: canvases(3, size=15), "size must be an int from 16"),
        (lambda: canvases(3, scale=2.0), "scale must be from 0 to 1"),
    ],
)
def test_bad_input_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize("build", [two_moons, two_circles, gaussian_blobs, swiss_roll])
def test_generated_sets_follow_from_their_seed(build):
    one, same, other = build(50, seed=1), build(50, seed=1), build(50, seed=2)
    assert torch.equal(one.inputs, same.inputs)
    assert torch.equal(one.targets, same.targets)
    assert not torch.equal(one.inputs, other.inputs)


def test_generated_sets_obey_their_law():
    circles = two_circles(200, noise=0.0, factor=0.3)
    radius = circles.inputs.norm(dim=1)
    torch.testing.assert_close(radius, torch.where(circles.targets == 0, 1.0, 0.3), atol=1e-5, rtol=0)
    roll = swiss_roll(200)
    torch.testing.assert_close(roll.inputs[:, [0, 2]].norm(dim=1), roll.targets, atol=1e-4, rtol=0)
    blobs = gaussian_blobs(3000, classes=2, dimension=3, spread=0.5)
    for label in (0, 1):
        assert abs(blobs[blobs.targets == label].inputs.std(0).mean().item() - 0.5) < 0.03


@pytest.fixture(scope="module")
def drawn():
    return canvases(300, seed=5)


def test_boxes_are_disjoint_squares(drawn):
    assert not (drawn.boxes[:, 0] & drawn.boxes[:, 1]).any()
    rows, columns = drawn.boxes.any(3), drawn.boxes.any(2)
    assert (rows.sum(2) == 8).all()
    assert (columns.sum(2) == 8).all()
    assert (drawn.boxes.sum((2, 3)) == 64).all()
    # Every place is used, the corners of the canvas too.
    assert drawn.boxes.any(0).any(0).all()


@pytest.mark.parametrize(("split", "start"), [("train", 0), ("test", 1)])
def test_digits_are_real_and_of_their_own_part(split, start):
    parts = digits().split(1200, 597, seed=0)
    known = [{tuple(image.flatten().tolist()): label for image, label in part} for part in parts]
    black = canvases(40, split=split, scale=0.0, seed=1)
    for number in range(40):
        for which in (0, 1):
            cut = tuple(black.images[number, 0][black.boxes[number, which]].tolist())
            assert known[start][cut] == black.classes[number, which]
            assert cut not in known[1 - start]


def test_ink_wins_over_texture_and_texture_shows_elsewhere(drawn):
    elsewhere = ~drawn.boxes.any(1)
    outside = drawn.images[:, 0][elsewhere]
    assert outside.max() <= 0.35
    assert outside.std() > 0.02
    assert (drawn.strokes & ~drawn.boxes).sum() == 0
    ink = drawn.images[:, 0][drawn.strokes.any(1)]
    assert ink.max() == 1
    assert ink.mean() > 2 * outside.mean()


def test_labels_name_two_different_classes(drawn):
    assert (drawn.classes[:, 0] != drawn.classes[:, 1]).all()
    assert (drawn.labels.sum(1) == 2).all()
    assert (drawn.labels.gather(1, drawn.classes) == 1).all()
    assert len(drawn.classes.unique()) == 10


def test_canvases_follow_from_their_seed(drawn):
    assert torch.equal(canvases(300, seed=5).images, drawn.images)
    assert not torch.equal(canvases(300, seed=6).images, drawn.images)
    data = drawn.dataset()
    assert not data.is_classification
    assert data.class_count == 10
