"""Outputs of every kind become class scores, and classes of the data are found among them by their names."""

import copy

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.gate import why_not
from netopsy.examination.instrument import instruments
from netopsy.examination.labels import by_output, read_labels
from netopsy.examination.planning import planned
from netopsy.examination.preprocessing import Preprocessing, preprocessing_of
from netopsy.models import small_conv_net

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Reading(nn.Module):
    """Names the class that stands in the first pixel: always right on ``numbered``."""

    def __init__(self, classes=10):
        super().__init__()
        self.grid = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.grid.weight)
        self.classes = classes

    def forward(self, x):
        return nn.functional.one_hot(self.grid(x)[:, 0, 0, 0].round().long(), self.classes).float() * 9


def numbered(numbers, classes=()):
    """Images that name their true output in the first pixel; targets count the classes in order."""
    images = torch.rand(len(numbers), 1, 6, 6, generator=torch.Generator().manual_seed(0)) / 9
    images[:, 0, 0, 0] = torch.tensor(numbers).float()
    order = sorted(set(numbers))
    return Dataset(images, torch.tensor([order.index(number) for number in numbers]), classes)


def test_fewer_classes_than_outputs_are_found_by_name():
    data = numbered([7, 9] * 10, ("seven", "nine"))
    result = examine(Reading(), data, labels=DIGITS, instruments=["accuracy", "confusions"])
    assert result.findings["accuracy"].figures["accuracy"] == 1
    assert "seven" in str(result.findings["accuracy"].table)
    with pytest.raises(InputError, match="2 classes .'seven', 'nine', .* and the network 10 outputs"):
        examine(Reading(), data)


def test_names_come_from_the_network_itself_or_from_folders_that_are_numbers():
    model = Reading()
    model.pretrained_cfg = {"label_names": DIGITS}
    named = Subject(model, numbered([7, 9] * 10, ("Seven", "NINE")))
    assert named.labels[:2].tolist() == [7, 9]
    assert named.class_name(7) == "seven"
    by_number = Subject(Reading(), numbered([7, 9] * 10, ("7", "9")))
    assert by_number.labels[:2].tolist() == [7, 9]
    assert by_number.class_name(3) == "3"


def test_synonyms_underscores_and_case_do_not_matter():
    names = ["tabby, tabby cat", "espresso", "missile"]
    data = Dataset(torch.rand(3, 1), torch.arange(3), ("Espresso", "missile", "tabby_cat"))
    assert by_output(data, 3, names).targets.tolist() == [1, 2, 0]
    with pytest.raises(InputError, match="class 'lion' of the data is none of the network's 3"):
        by_output(Dataset(torch.rand(2, 1), torch.arange(2), ("espresso", "lion")), 3, names)
    with pytest.raises(InputError, match="one and the same output"):
        by_output(Dataset(torch.rand(2, 1), torch.arange(2), ("tabby", "tabby cat")), 3, names)


@pytest.mark.parametrize("text", ["cat\ndog\n", '["cat", "dog"]', '{"1": "dog", "0": "cat"}'])
def test_files_of_labels(text, tmp_path):
    file = tmp_path / "labels"
    file.write_text(text)
    assert read_labels(file) == ["cat", "dog"]


@pytest.mark.parametrize("text", ["", "[1", '{"0": "a", "2": "b"}', "[]", "{}"])
def test_files_of_no_labels_are_refused(text, tmp_path):
    file = tmp_path / "labels"
    file.write_text(text)
    with pytest.raises(InputError, match=r"labels|JSON"):
        read_labels(file)


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1), nn.Identity()])
def test_probabilities_are_not_put_through_softmax_again(last):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Flatten(), nn.Linear(16, 4))
    data = Dataset(torch.randn(60, 1, 4, 4), torch.arange(60) % 4)
    expected = body(data.inputs).softmax(1)
    torch.testing.assert_close(Subject(nn.Sequential(body, last), data).probabilities, expected.detach())


@pytest.mark.parametrize(("last", "shape"), [(nn.Sigmoid(), (-1, 1)), (nn.Identity(), (-1, 1)), (nn.Sigmoid(), (-1,))])
def test_one_output_is_two_classes(last, shape):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 1))

    class Binary(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.last = body, last

        def forward(self, x):
            return self.last(self.body(x)).reshape(shape)

    data = Dataset(torch.randn(80, 1, 4, 4), torch.arange(80) % 2, ("no", "yes"))
    model = Binary()
    state = copy.deepcopy(model.state_dict())
    subject = Subject(model, data)
    expected = body(data.inputs).sigmoid()[:, 0].detach()
    torch.testing.assert_close(subject.probabilities[:, 1], expected)
    assert [name for name, _ in subject.model.named_modules()] == [name for name, _ in model.named_modules()]
    result = examine(model, data, instruments=["accuracy", "saliency", "eigen-cam", "class-sensitivity"])
    assert not any(absence.failed for absence in result.absences)
    assert {"accuracy", "saliency"} <= set(result.findings)
    assert type(model) is Binary
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_at_chance_only_what_makes_sense_is_run():
    model = small_conv_net((4, 5), (1, 2), classes=3, seed=0)
    data = Dataset(torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 3)
    subject = Subject(model, data)
    reasons = planned(instruments(), subject, 1e6, why_not(subject))
    assert {"saliency", "patterns", "pruning", "causal-paths"} <= set(reasons)
    assert "no better than chance" in reasons["saliency"].reason
    assert not {"accuracy", "architecture", "confusions"} & set(reasons)
    short = Subject(model, data[:9])
    few = planned(instruments(), short, 1e6, why_not(short))
    assert "9 samples are too few" in few["saliency"].reason
    same = Subject(model, data[data.targets == 1])
    alike = planned(instruments(), same, 1e6, why_not(same))
    assert "all samples are of one class" in alike["saliency"].reason
    assert planned(instruments(["saliency"]), subject, 1e6) == {}


def test_the_networks_own_preprocessing_and_the_callers():
    model = nn.Flatten()
    assert preprocessing_of(model) == Preprocessing()
    model.pretrained_cfg = {
        "input_size": (3, 224, 224), "crop_pct": 0.9, "interpolation": "bicubic", "mean": (0.1, 0.2, 0.3), "std": None
    }  # fmt: skip
    own = preprocessing_of(model)
    assert own == Preprocessing(224, 248, "bicubic", 3, (0.1, 0.2, 0.3), None)
    assert Preprocessing(size=64).otherwise(own) == Preprocessing(64, None, "bicubic", 3, (0.1, 0.2, 0.3), None)
    assert Preprocessing().otherwise(own) == own
