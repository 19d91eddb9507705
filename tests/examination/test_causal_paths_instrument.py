import pytest
import torch
from torch import nn

from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import causal_paths
from netopsy.interpretability.causal_paths import discover_causal_graph, restricted_model
from netopsy.models import mlp, resnet18


def test_numbers_are_those_of_the_method_on_the_other_half(trained):
    model, _, test = trained
    subject = Subject(model, test, classes_wanted=(3,))
    finding = causal_paths.examine(subject)
    own = ((subject.labels == 3) & (subject.predictions == 3)).nonzero().flatten()
    graph = discover_causal_graph(model, test.inputs[own[::2]], 3)
    with torch.no_grad():
        alone = restricted_model(model, graph).eval()(test.inputs[own[1::2]]).softmax(1)[:, 3].mean()
    assert finding.figures["probability with the paths alone"] == pytest.approx(float(alone), abs=1e-4)
    assert finding.figures["classes"] == 1
    causes = sum(len(layer.causes) for layer in graph.layers[:-1])
    assert f"For class 3, {causes} of" in finding.sentence
    assert len(finding.pictures) == 3
    assert len(finding.table) == 2


def test_the_code_of_the_finding_runs(trained):
    model, _, test = trained
    finding = causal_paths.examine(Subject(model, test, classes_wanted=(3,)))
    given = {"model": model, "data": test}
    exec(finding.code, given)
    assert given["graph"].target == 3
    alone = given["alone"](given["images"][1::2]).softmax(1)[:, 3].mean()
    assert finding.figures["probability with the paths alone"] == pytest.approx(float(alone), abs=1e-4)


def test_the_chain_is_found_once_and_without_looking_for_causes(trained, monkeypatch):
    model, _, test = trained
    subject, looked = Subject(model, test), []
    monkeypatch.setattr(causal_paths, "discover_causal_graph", lambda *_, **__: looked.append("causes"))
    whole = causal_paths.weight_layers
    monkeypatch.setattr(causal_paths, "weight_layers", lambda *given: looked.append("chain") or whole(*given))
    assert causal_paths.why_not(subject) is None
    assert causal_paths.chain_of(subject) == causal_paths.chain_of(subject)
    assert looked == ["chain"]


def test_a_network_with_shortcuts_gives_the_last_layer(trained):
    data = Dataset(torch.rand(60, 3, 12, 12), torch.zeros(60, dtype=torch.long))
    model = resnet18(channels=3, classes=2, widths=(4, 4, 6, 6), seed=0).eval()
    model.output.bias.data = torch.tensor([2.0, -2.0])
    finding = causal_paths.examine(Subject(model, data))
    assert "layers=[" in finding.code
    given = {"model": model, "data": data}
    exec(finding.code, given)


def test_vectors_and_a_single_layer():
    data = Dataset(torch.rand(80, 64), torch.zeros(80, dtype=torch.long))
    model = mlp([64, 8, 2])
    with torch.no_grad():
        list(model.modules())[-1].bias.copy_(torch.tensor([9.0, -9.0]))
    report = examine(model, data, instruments=["causal-paths"])
    assert len(report.findings["causal-paths"].pictures) == 2
    (absence,) = examine(nn.Sequential(nn.Linear(64, 2)), data, instruments=["causal-paths"]).absences
    assert "fewer than two layers" in absence.reason


def test_classes_with_too_few_right_images_are_said_to_be_missing(trained):
    model, _, test = trained
    few = Dataset(test.inputs[:12], test.targets[:12], test.classes)
    (absence,) = examine(model, few, instruments=["causal-paths"]).absences
    assert "no class has 8 images" in absence.reason
