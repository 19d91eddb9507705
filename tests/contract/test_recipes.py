"""What every paper's recipe keeps: whoever opens its page can run it, on samples and on whatever they bring."""

import csv
import inspect
import re
from dataclasses import replace

import networkx as nx
import pytest
import torch
from scipy import sparse

from netopsy import InputError
from netopsy.catalogue import papers
from netopsy.core import finding
from netopsy.core.finding import Finding
from netopsy.data import digits_split
from netopsy.data.graph_weights import is_weighted, unweighted
from netopsy.data.graphs import Graph, graph
from netopsy.examination.instrument import instruments
from netopsy.lab.given import Image, Network
from netopsy.lab.recipes import Option
from netopsy.lab.sample_pictures import sample_picture
from netopsy.models import mlp, small_conv_net
from netopsy.studies import load_recipe, recipes
from netopsy.studies.graphs import dagnn_recipe, noisy_label_clustering_recipe
from netopsy.studies.interpretability import gan_dissection_recipe
from netopsy.studies.landscape import linear_mode_connectivity_recipe
from netopsy.training import Recipe, fit, stack

READY = sorted(each.slug for each in papers() if each.status == "ready")
RUN = [slug for slug in recipes() if load_recipe(slug).run]
ON_GRAPHS = [slug for slug in RUN if load_recipe(slug).takes and load_recipe(slug).takes[0].kind == "graph"]
ON_PICTURES = [slug for slug in RUN if any(each.kind == "image" for each in load_recipe(slug).takes)]
INSTRUMENTS = [slug for slug in recipes() if load_recipe(slug).instruments]
QUICKLY = {
    "neural-common-neighbor": {"epochs": "1"},
    "dagnn": {"hops": "2"},
    "feature-guided-attack": {"queries": "40"},
    "cnn-visualization": {"steps": "10"},
}
"""Options with which training is short; all others are as they stand."""
WITHOUT = [slug for slug in RUN if not load_recipe(slug).takes]


@pytest.fixture(autouse=True)
def briefly(tmp_path, monkeypatch, unchecked):
    """Networks that recipes train are trained for a moment only, and kept where nobody finds them."""
    from netopsy.lab.subjects.scene_generators import SceneSetting, Segmenter

    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(stack, "traced", lambda function, *_: function)  # a recording takes longer than a few steps
    monkeypatch.setattr(dagnn_recipe, "EPOCHS", 2)
    monkeypatch.setattr(dagnn_recipe, "SPLITS", 2)
    monkeypatch.setattr(noisy_label_clustering_recipe, "DRAWS", 2)
    monkeypatch.setattr(linear_mode_connectivity_recipe, "EPOCHS", 1)
    monkeypatch.setattr(gan_dissection_recipe, "DISSECTED", 60)
    monkeypatch.setattr(gan_dissection_recipe, "COUNTED", 20)
    small = SceneSetting(images=100, steps=2, segmenter=Segmenter(50, steps=40))
    monkeypatch.setattr(gan_dissection_recipe, "SETTING", small)


def _graph(network):
    adjacency = sparse.csr_array(nx.to_scipy_sparse_array(network, dtype=float))
    return Graph(adjacency, "own", tuple(map(str, network)))


def _weighted():
    network = nx.gnp_random_graph(20, 0.3, seed=0)
    for number, (_, _, data) in enumerate(network.edges(data=True)):
        data["weight"] = 0.25 + number % 5
    return _graph(network)


ODD = {
    "one node": _graph(nx.empty_graph(1)),
    "no edge": _graph(nx.empty_graph(5)),
    "one edge": _graph(nx.path_graph(2)),
    "a star": _graph(nx.star_graph(40)),
    "all joined": _graph(nx.complete_graph(12)),
    "two parts and a lone node": _graph(nx.disjoint_union_all([nx.cycle_graph(20), nx.cycle_graph(20), nx.Graph([])])),
    "a lone node": _graph(nx.disjoint_union(nx.path_graph(3), nx.empty_graph(1))),
    "weighted": _weighted(),
}


def _run(slug, *inputs, **options):
    recipe = load_recipe(slug)
    return recipe.run(*inputs, **recipe.values(QUICKLY.get(slug, {}) | options), seed=0)


@pytest.fixture(scope="module")
def on_digits():
    """A network that knows digits a little."""
    train, _, test = digits_split()
    model = small_conv_net((4, 8), (1, 2))
    fit(model, train, Recipe(steps=60, lr=2e-2))
    return Network(model.eval(), test, "own")


@pytest.fixture
def unrendered(monkeypatch):
    """Pictures are drawn and not turned into SVG, which takes most of the time."""
    monkeypatch.setattr(finding, "render", lambda drawn, ending: b"<svg/>")


def _check(found):
    assert isinstance(found, Finding)
    assert found.pictures
    assert all(picture.svg.lstrip().startswith("<") and picture.description for picture in found.pictures)
    assert found.figures
    assert found.reading.endswith(".")
    assert len({len(row) for row in found.table}) == 1
    assert "nan" not in f"{found.sentence} {found.figures} {found.table}".lower().replace("'nan", "")


def test_every_ready_paper_has_a_recipe_and_no_other():
    without = sorted(set(READY) - set(recipes()))
    assert not without, f"papers without a recipe: {', '.join(without)}"
    assert set(recipes()) == set(READY)


@pytest.mark.parametrize("slug", recipes())
def test_its_words_are_for_a_visitor(slug):
    recipe = load_recipe(slug)
    assert recipe.paper == slug
    assert re.fullmatch(r"[A-Z][^.]{9,69}", recipe.title), recipe.title
    assert re.fullmatch(r"[A-Z].{39,}[^.]\.", recipe.shows), recipe.shows
    assert len({option.name for option in recipe.options}) == len(recipe.options)
    for option in recipe.options:
        assert option.label[0].isupper()
        assert option.value(str(option.default)) == option.default
        if not option.choices and not option.is_text:
            assert abs(option.low) < float("inf"), f"{option.name} has no least value"
            assert abs(option.high) < float("inf"), f"{option.name} has no largest value"


@pytest.mark.parametrize("slug", RUN)
def test_what_does_it_takes_its_inputs_and_options_and_a_seed(slug):
    recipe = load_recipe(slug)
    parameters = list(inspect.signature(recipe.run).parameters.values())
    positional = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    named = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    assert len(positional) == len(recipe.takes)
    assert named == [*(option.name for option in recipe.options), "seed"]


@pytest.mark.parametrize("slug", INSTRUMENTS)
def test_its_instruments_are_there_and_are_of_the_paper(slug):
    named = instruments(load_recipe(slug).instruments)
    assert all(slug in each.papers for each in named)
    every = {each.name for each in instruments() if slug in each.papers}
    assert {each.name for each in named} == every, "an instrument of the paper is left out"


@pytest.mark.parametrize("slug", ON_GRAPHS)
def test_it_runs_on_its_samples_and_its_lines_of_code_run(slug, tmp_path, monkeypatch):
    takes = load_recipe(slug).takes
    monkeypatch.chdir(tmp_path)
    for number in range(max(len(each.samples) for each in takes)):
        names = [each.samples[min(number, len(each.samples) - 1)] for each in takes]
        found = _run(slug, *map(graph, names))
        _check(found)
        files = set(re.findall(r"\w+\.csv", found.code))
        for file, name in zip(sorted(files), names, strict=True):
            _write(graph(name), tmp_path / file)
        exec(compile(found.code, slug, "exec"), {})


def _write(network, file):
    ends = sparse.coo_array(sparse.triu(network.adjacency))
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["source", "target"])
        writer.writerows((network.names[one], network.names[other]) for one, other in zip(*ends.coords, strict=True))


@pytest.mark.parametrize("slug", ON_PICTURES)
def test_it_runs_on_a_picture_and_its_lines_of_code_run(slug, on_digits):
    found = _run(slug, on_digits, sample_picture("a seven"), shows="7")
    _check(found)
    assert re.match(r"The network answers \d with a confidence of [01]\.\d\d, which is (right|wrong)", found.sentence)
    assert "read as a digit" in found.reading
    assert found.pictures[0].description.startswith("The picture, the 8 by 8 pixels")
    exec(compile(found.code, slug, "exec"), {"model": on_digits.model, "data": on_digits.data})


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("slug", ON_PICTURES)
def test_it_says_that_an_answer_is_wrong_or_unsure_and_refuses_a_picture_of_nothing(slug, on_digits):
    noise = Image(torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0)))
    found = _run(slug, on_digits, noise)
    _check(found)
    assert "was not checked" in found.reading
    wrong = next(each for each in "0123456789" if each != found.figures["answer"])
    checked = _run(slug, on_digits, noise, shows=wrong)
    assert f"which is wrong: the picture shows {wrong}" in checked.sentence
    assert checked.verdict == "doubtful"
    refused = _answer(slug, on_digits, Image(torch.ones(3, 9, 9)))
    assert re.fullmatch(r"the picture must show a digit[^\n]{20,200}", str(refused))


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("slug", ON_PICTURES)
def test_it_takes_other_networks_or_says_in_a_sentence_why_not(slug, on_digits):
    colours = digits_split()[-1]
    colours = replace(colours, inputs=colours.inputs.expand(-1, 3, -1, -1))
    for model, data in ((mlp([64, 12, 10]), on_digits.data), (small_conv_net((4, 4), (1, 2), channels=3), colours)):
        found = _answer(slug, Network(model.eval(), data, "own"), sample_picture("cat"))
        if isinstance(found, InputError):
            assert re.fullmatch(r"[^\n]{20,300}", str(found))
        else:
            _check(found)


@pytest.mark.parametrize("slug", WITHOUT)
def test_it_runs_without_an_input_and_its_lines_of_code_run(slug):
    found = _run(slug)
    _check(found)
    short = re.sub(r"steps=\d+", "steps=2", found.code)
    exec(compile(short, slug, "exec"), {})


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("slug", ON_GRAPHS)
def test_it_takes_odd_graphs_or_says_in_a_sentence_why_not(slug, odd):
    found = _answer(slug, *[ODD[odd] for _ in load_recipe(slug).takes])
    if isinstance(found, InputError):
        assert re.fullmatch(r"[^\n]{20,300}", str(found))
    else:
        _check(found)
        assert odd not in ("one node", "no edge")


def _answer(slug, *inputs):
    try:
        return _run(slug, *inputs)
    except InputError as error:
        return error


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("slug", [slug for slug in ON_GRAPHS if slug != "graph-valuation"])
def test_weights_change_nothing_where_they_are_said_to_be_left_aside(slug):
    weighted = ODD["weighted"]
    found, plain = _run(slug, weighted), _run(slug, unweighted(weighted))
    assert found.sentence == plain.sentence
    assert "weights of the edges are left aside" in found.reading
    assert "left aside" not in plain.reading


@pytest.mark.parametrize("slug", ["dagnn", "graph-valuation", "neural-common-neighbor"])
def test_a_graph_that_would_take_too_long_is_told_its_size(slug):
    large, recipe = _graph(nx.path_graph(20_000)), load_recipe(slug)
    with pytest.raises(InputError, match=r"at most [\d,]+ (nodes|edges).*(20,000|19,999)"):
        recipe.run(*[large for _ in recipe.takes], **recipe.values({}), seed=0)


def test_a_node_is_named_as_in_the_graph():
    recipe = load_recipe("noisy-label-clustering")
    options = recipe.values({"node": " Cosette "})
    found = recipe.run(graph("les_miserables"), **options, seed=0)
    assert found.sentence.startswith("Around Cosette ")
    assert ("Cosette",) in found.table
    with pytest.raises(InputError, match="Cosett.*Cosette"):
        recipe.run(graph("les_miserables"), **options | {"node": "Cosett"}, seed=0)


def test_a_text_is_taken_as_it_is_and_not_without_end():
    option = Option("node", "The node", "")
    assert option.is_text
    assert option.value(" 12 ") == "12"
    with pytest.raises(InputError, match="node must be at most 200 characters long, got 300"):
        option.value("x" * 300)


@pytest.mark.parametrize("text", ["9" * 400, f"-{'9' * 4000}", "9" * 5000, "1e3", "nan", ""])
def test_a_whole_number_of_any_length_is_refused_in_a_sentence(text):
    with pytest.raises(InputError, match="^rank must be a whole number from 1 to 5, got .{0,42}$"):
        Option("rank", "How many", 2, low=1, high=5).value(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_a_number_without_bounds_is_finite_all_the_same(text):
    with pytest.raises(InputError, match="^share must be a number"):
        Option("share", "How much", 0.5).value(text)


def test_the_unweighted_graph_keeps_its_edges_and_names():
    weighted = graph("les_miserables", weighted=True)
    assert is_weighted(weighted)
    plain = unweighted(weighted)
    assert not is_weighted(plain)
    assert (plain.nodes, plain.edge_count) == (weighted.nodes, weighted.edge_count)
    assert is_weighted(weighted)
