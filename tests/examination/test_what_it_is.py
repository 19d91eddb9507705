"""The instruments of the first chapter against sums done by hand and by scikit-learn."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score
from torch import nn
from torch.utils.data import TensorDataset

from netopsy.core.calibration import bins_of, calibration_error
from netopsy.core.capture import layer_activations
from netopsy.core.errors import InputError
from netopsy.core.operations import layers_of
from netopsy.data import Dataset, Normalisation
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import _calibration, accuracy, architecture, calibration, confusions
from netopsy.examination.intake import as_dataset
from netopsy.models import mlp, resnet18

FIRST = ("architecture", "accuracy", "calibration", "confusions")


def images_of(count, channels, size, classes, *, names=(), seed=0):
    random = torch.Generator().manual_seed(seed)
    return Dataset(
        torch.rand(count, channels, size, size, generator=random),
        torch.randint(classes, (count,), generator=random),
        tuple(names),
    )


# Architecture


def test_layers_parameters_and_operations_are_those_counted_by_hand():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5)
    )
    layers = layers_of(model, torch.rand(1, 3, 6, 6))
    convolution, dense = 2 * 36 * 4 * 27, 2 * 144 * 5
    assert [(x.name, x.kind, x.shape, x.parameters, x.flops) for x in layers] == [
        ("0", "Conv2d", "4×6×6", 108, convolution),
        ("1", "BatchNorm2d", "4×6×6", 8, 0),
        ("2", "ReLU", "4×6×6", 0, 0),
        ("3", "Flatten", "144", 0, 0),
        ("4", "Linear", "5", 725, dense),
    ]
    finding = architecture.examine(Subject(model, images_of(3, 3, 6, 5)))
    assert finding.figures["parameters"] == 108 + 8 + 725
    assert finding.figures["FLOPs for one sample"] == convolution + dense
    assert "86 % of them in layer 4" in finding.sentence
    assert f"{convolution + dense:,} floating-point operations, 84 % of them in layer 0" in finding.sentence


def test_shared_weights_count_once_and_unused_ones_are_named():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(6, 6, bias=False)
            self.again = nn.Linear(6, 6, bias=False)
            self.again.weight = self.first.weight
            self.spare = nn.Linear(6, 2)
            self.token = nn.Parameter(torch.zeros(6))

        def forward(self, x):
            return (self.again(self.first(x.flatten(1))) + self.token) @ self.first.weight

    model = Odd()
    layers = {x.name: x for x in layers_of(model, torch.rand(1, 6))}
    assert sum(x.parameters for x in layers.values()) == sum(p.numel() for p in model.parameters()) == 36 + 14 + 6
    assert (layers["again"].parameters, layers["again"].flops) == (0, 72)
    assert layers["spare"].shape == "not used"
    assert layers["(itself)"].parameters == 6
    assert layers["(itself)"].flops == 72


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_layers_are_counted(kind, gates):
    class Reading(nn.Module):
        def __init__(self):
            super().__init__()
            self.read = kind(8, 16, batch_first=True)
            self.head = nn.Linear(16, 3)

        def forward(self, x):
            return self.head(self.read(x)[0][:, -1])

    before = torch._C._get_mkldnn_enabled()
    layers = {x.name: x for x in layers_of(Reading(), torch.rand(1, 24, 8))}
    assert layers["read"].flops == 24 * 2 * gates * 16 * (8 + 16)
    assert layers["head"].flops == 2 * 16 * 3
    assert torch._C._get_mkldnn_enabled() == before


def test_a_convolution_with_a_module_inside_has_its_own_operations():
    class Padded(nn.Conv2d):
        def __init__(self):
            super().__init__(3, 4, 3, bias=False)
            self.pad = nn.ZeroPad2d(1)

        def forward(self, x):
            return super().forward(self.pad(x))

    layers = layers_of(nn.Sequential(Padded(), nn.Flatten(), nn.Linear(144, 2)), torch.rand(1, 3, 6, 6))
    assert {x.name: x.flops for x in layers} == {"0.pad": 0, "0": 2 * 36 * 4 * 27, "1": 0, "2": 2 * 144 * 2}


class Attending(nn.Module):
    """Tokens, one layer of attention, class scores."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(30, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens):
        return self.head(self.block(self.words(tokens)).mean(1))


@pytest.mark.parametrize("frozen", [False, True])
def test_attention_is_counted_product_by_product_and_is_one_layer(frozen, capsys):
    model = Attending().eval().requires_grad_(not frozen)
    tokens = torch.randint(0, 30, (12, 5), generator=torch.Generator().manual_seed(0))
    before = torch.backends.mha.get_fastpath_enabled()
    result = examine(model, (tokens, torch.arange(12) % 3), instruments=["architecture"])
    assert torch.backends.mha.get_fastpath_enabled() == before
    finding = result.findings["architecture"]
    attention = 2 * 5 * 8 * 24 + 2 * (2 * 5 * 5 * 8) + 2 * 5 * 8 * 8  # in, scores and their use, out
    feedforward, head = 2 * (2 * 5 * 8 * 12), 2 * 8 * 3
    assert finding.figures["FLOPs for one sample"] == attention + feedforward + head
    rows = {row[0]: row[1:] for row in finding.table[1:]}
    assert rows["block.self_attn"][0] == "MultiheadAttention"
    assert rows["block.self_attn"][2:] == (str(8 * 24 + 24 + 8 * 8 + 8), f"{attention:,}")
    assert not any(name.startswith("block.self_attn.") for name in rows)
    assert sum(int(row[3].replace(",", "")) for row in finding.table[1:]) == finding.figures["parameters"]
    if not frozen:  # without gradients torch would take its fused path again
        exec(finding.code, {"model": model, "data": as_dataset((tokens, torch.arange(12) % 3), "data")})
        assert capsys.readouterr().out.split()[1] == str(attention + feedforward + head)


def test_a_deep_network_is_drawn_by_its_blocks():
    layers = layers_of(resnet18(classes=10), torch.rand(1, 3, 32, 32))
    rows = architecture._blocks([x for x in layers if x.parameters or x.flops])
    assert len(rows) <= architecture.MOST
    assert sum(row[1] for row in rows) == sum(x.parameters for x in layers)
    assert sum(row[2] for row in rows) == sum(x.flops for x in layers)
    flat = nn.Sequential(*(nn.Linear(4, 4) for _ in range(50)))
    rows = architecture._blocks(layers_of(flat, torch.rand(1, 4)))
    assert (len(rows), rows[-1][0], rows[-1][1]) == (architecture.MOST, "31 others", 31 * 20)


def test_a_network_without_parameters_has_an_architecture(answering):
    finding = architecture.examine(answering([[1.0, 0.0]], [0]))
    assert finding.sentence.startswith("It has no parameters")


def test_the_architecture_leaves_no_hook_and_no_mode_behind(trained):
    model, _, test = trained
    model.train()
    architecture.examine(Subject(model, test[:2]))
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert layer_activations(model, test.inputs[:1], "output")["output"].shape == (1, 10)


# Accuracy


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_accuracy_and_f1_are_scikit_learns(answers):
    true, given_ = (np.array(column) for column in zip(*answers, strict=True))
    subject = Subject(nn.Identity(), Dataset(torch.eye(5)[given_], torch.tensor(true)))
    finding = accuracy.examine(subject)
    assert finding.figures["accuracy"] == pytest.approx((true == given_).mean(), abs=1e-4)
    assert finding.figures["macro F1"] == pytest.approx(
        f1_score(true, given_, average="macro", labels=sorted({*true, *given_})), abs=1e-4
    )
    found = {row[0]: row[2] for row in finding.table[1:]}
    for number in set(true.tolist()):
        assert found[str(number)] == f"{100 * (given_[true == number] == number).mean():.1f} %"


def test_the_wilson_interval_is_the_one_in_the_books(answering):
    scores = torch.eye(2)[torch.tensor([0] * 9 + [1])]
    finding = accuracy.examine(answering(scores, [0] * 10))
    assert finding.figures["accuracy"] == 0.9
    centre, half = (0.9 + 1.96**2 / 20) / (1 + 1.96**2 / 10), 1.96 / (1 + 1.96**2 / 10)
    half *= math.sqrt(0.09 / 10 + 1.96**2 / 400)
    assert finding.figures["interval, low"] == pytest.approx(centre - half, abs=2e-4)
    assert finding.figures["interval, high"] == pytest.approx(centre + half, abs=2e-4)


def test_guessing_is_called_guessing(answering):
    scores = torch.eye(3)[torch.tensor([0, 0, 0, 0, 1, 2])]
    assert "no better than always" in accuracy.examine(answering(scores, [0, 0, 0, 1, 0, 1])).sentence
    labels = [0, 1] * 30
    assert "no better" not in accuracy.examine(answering(torch.eye(2)[[*labels[:-1], 0]], labels)).sentence


# Calibration


def test_the_calibration_error_is_the_sum_done_by_hand():
    confidence = np.array([0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([1.0, 1.0, 0.0, 1.0, 0.0])
    by_hand = 3 / 5 * abs(2 / 3 - 0.95) + 2 / 5 * abs(1 / 2 - 0.55)
    assert calibration_error(confidence, right) == pytest.approx(by_hand)
    assert bins_of(np.array([0.0, 1 / 15, 0.0667, 1.0])).tolist() == [0, 0, 1, 14]


def test_a_calibrated_network_is_not_accused_and_an_overconfident_one_is(answering):
    random = np.random.default_rng(0)
    share = random.uniform(0.55, 0.99, 4000)
    labels = (random.random(4000) > share).astype(int)
    logits = np.log(share / (1 - share))
    fair = answering(np.stack([logits, np.zeros(4000)], 1), labels)
    loud = answering(3 * np.stack([logits, np.zeros(4000)], 1), labels)
    assert "no more than a perfectly calibrated network" in calibration.examine(fair).sentence
    assert calibration.examine(fair).verdict == "good"
    few = calibration.examine(answering(np.stack([logits, np.zeros(4000)], 1)[:60], labels[:60]))
    assert few.verdict == "plain"
    assert "too few to vouch for them" in few.advice
    finding = calibration.examine(loud)
    assert "overconfident" in finding.sentence
    assert finding.figures["best temperature"] == pytest.approx(3, rel=0.06)
    assert finding.figures["calibration error when scaled"] < 0.4 * finding.figures["expected calibration error"]
    quiet = calibration.examine(answering(0.3 * np.stack([logits, np.zeros(4000)], 1), labels))
    assert "underconfident" in quiet.sentence


def test_the_best_temperature_is_the_best_of_a_grid():
    random = torch.Generator().manual_seed(1)
    scores = 4 * torch.randn(300, 5, generator=random)
    labels = torch.where(torch.rand(300, generator=random) < 0.5, scores.argmax(1), scores.argsort(1)[:, 0])
    found = _calibration.best_temperature(scores, labels)
    grid = torch.logspace(-1, 1.2, 500).double()
    losses = [float(nn.functional.cross_entropy(scores.double() / t, labels)) for t in grid]
    assert float(nn.functional.cross_entropy(scores.double() / found, labels)) <= min(losses) + 1e-6


def test_where_no_temperature_helps_none_is_named(answering):
    assert (
        "best temperature" not in calibration.examine(answering(torch.eye(3)[[0, 1, 2] * 10], [0, 1, 2] * 10)).figures
    )
    wrong = calibration.examine(answering(5 * torch.eye(3)[[1, 2, 0] * 10], [0, 1, 2] * 9 + [1, 2, 0]))
    assert "best temperature" not in wrong.figures


# Confusions


def test_pairs_are_those_off_the_diagonal_of_scikit_learns_matrix(trained):
    model, _, test = trained
    subject = Subject(model, test)
    matrix = confusion_matrix(subject.labels, subject.predictions, labels=range(10))
    pairs = confusions.pairs_of(subject)
    assert {(true, taken): times for true, taken, times in pairs} == {
        (a, b): matrix[a, b] for a in range(10) for b in range(10) if a != b and matrix[a, b]
    }
    assert [times for *_, times in pairs] == sorted((times for *_, times in pairs), reverse=True)


def test_the_surest_mistakes_come_first(trained):
    model, _, test = trained
    subject = Subject(model, test)
    rows = confusions.examine(subject).table[1:]
    wrong = [i for i in range(len(test)) if subject.predictions[i] != subject.labels[i]]
    best = sorted(wrong, key=lambda i: -float(subject.probabilities[i].max()))[: confusions.SHOWN]
    assert [int(row[0]) for row in rows] == best
    assert all(row[1] != row[2] for row in rows)


def test_images_are_shown_as_they_were_before_they_were_standardised(trained, monkeypatch):
    model, _, test = trained
    shown = []
    monkeypatch.setattr(confusions, "show_image", lambda axes, image: shown.append(image))
    confusions.examine(Subject(model, test.standardise(Normalisation(torch.tensor(0.3), torch.tensor(0.4)))))
    assert shown
    assert all(any(torch.allclose(image, one, atol=1e-6) for one in test.inputs) for image in shown)


def test_perfect_and_hopeless_networks_have_something_to_show(answering):
    right = confusions.examine(answering([[2.0, 0.0], [0.0, 1.0]], [0, 1], ("cat", "dog")))
    assert right.sentence == "It makes no mistake on 2 samples; it is least sure of a dog, at 73 %."
    once = confusions.examine(answering([[2.0, 0.0], [0.0, 1.0]], [0, 0], ("cat", "dog")))
    assert once.sentence == "It makes one mistake on 2 samples, taking cat for dog, and was 73 % sure of it."
    never = confusions.examine(answering(torch.eye(3)[[1, 2, 0]], [0, 1, 2]))
    assert never.figures["mistakes"] == 3
    assert "no two of them are alike" in never.sentence


# All of them


@pytest.mark.parametrize(("channels", "count", "classes"), [(1, 1, 2), (3, 3, 10), (2, 40, 25), (4, 30, 1000)])
def test_every_size_of_data_and_number_of_classes_is_handled(channels, count, classes, rendered):
    names = [f"a rather long name for the class that is number {number} of all" for number in range(classes)]
    data = images_of(count, channels, 9, classes, names=names)
    model = nn.Sequential(nn.Conv2d(channels, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(147, classes))
    result = examine(model, data, instruments=FIRST)
    assert not result.absences
    assert list(result.findings) == list(FIRST)
    assert len(result.to_html()) < 1_500_000


@pytest.mark.parametrize("names", [("$\\frac", "100 %"), ("", " "), ("ロケット", "猫 cat"), ("a\nb", "<b>")])
def test_every_class_name_can_be_drawn(names, recwarn, rendered):
    data = images_of(6, 1, 8, 2, names=names)
    result = examine(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), data, instruments=FIRST)
    assert not result.absences
    assert not [w for w in recwarn if "Glyph" in str(w.message)]


def test_names_for_drawings_are_short_and_in_one_line(answering):
    subject = answering([[1.0, 0.0, 0.0]], [0], ("x" * 40, "ロケット", "猫 cat"))
    assert [subject.class_label(number, 10) for number in range(3)] == ["xxxxx…xxxx", "class 1", "2: cat"]


def test_arrays_are_taken_as_tensors_are():
    inputs, labels = np.random.default_rng(0).normal(size=(30, 6)), np.arange(30, dtype=np.int32) % 3
    model = mlp([6, 3])
    of_arrays = examine(model, (inputs, labels), instruments=["accuracy"]).findings["accuracy"]
    of_tensors = examine(
        model, (torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels)), instruments=["accuracy"]
    ).findings["accuracy"]
    assert of_arrays.figures == of_tensors.figures
    with pytest.raises(InputError, match="data must hold numbers, got an array of"):
        as_dataset((np.array(["a", "b"]), np.array([0, 1])), "data")


def test_whole_numbers_of_64_bits_stay_and_pixels_of_8_become_float():
    labels = torch.tensor([0, 1])
    assert as_dataset((torch.tensor([[3, 4], [1, 2]]), labels), "data").inputs.dtype == torch.int64
    assert as_dataset((torch.tensor([[3], [255]], dtype=torch.uint8), labels), "data").inputs.tolist() == [[3], [255]]


def test_values_to_predict_are_not_taken_for_classes():
    values = TensorDataset(torch.rand(6, 4), torch.rand(6))
    with pytest.raises(InputError, match="one class number a sample"):
        examine(mlp([4, 2]), values)


@pytest.mark.parametrize("size", [8, 300])
def test_tables_and_vectors_can_be_examined(size):
    data = Dataset(torch.rand(12, size), torch.arange(12) % 3)
    result = examine(mlp([size, 3]), data, instruments=FIRST)
    assert list(result.findings) == list(FIRST)


def test_the_code_gives_the_numbers_of_the_findings(trained, capsys):
    model, _, test = trained
    found = examine(model, test, instruments=FIRST).findings
    for name in FIRST:
        exec(compile(found[name].code, name, "exec"), {"model": model, "data": test})
    printed = capsys.readouterr().out.splitlines()
    parameters, flops = map(int, printed[0].split())
    assert (parameters, flops) == (
        found["architecture"].figures["parameters"],
        found["architecture"].figures["FLOPs for one sample"],
    )
    assert printed[1].startswith(f"{found['accuracy'].figures['accuracy']:.1%}")
    error = float(printed[2].removeprefix("tensor(").split(",")[0].rstrip(")"))
    assert error == pytest.approx(found["calibration"].figures["expected calibration error"], abs=1e-4)
    assert [line.split()[0] for line in printed[3:]] == [row[0] for row in found["confusions"].table[1:]]
