"""The instruments of the chapters what it looks at, and how small it could be."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from netopsy.core.masks import prunable_parameters
from netopsy.data import Dataset, digits_split
from netopsy.examination import examine
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import class_sensitivity, pruning, tickets
from netopsy.examination.instruments._covering import Covered
from netopsy.examination.subject import Subject
from netopsy.lab.covering import covered, from_neighbours
from netopsy.lab.saliency_methods import METHODS
from netopsy.lab.statistics import Estimate
from netopsy.models import mlp, small_conv_net
from netopsy.training import Recipe, evaluate, fit

TRAIN, _, TEST = digits_split()
RECIPE = Recipe(steps=60, lr=1e-2, schedule="onecycle")


@pytest.fixture(scope="module")
def trained():
    model = small_conv_net((8, 16), (1, 2))
    fit(model, TRAIN, RECIPE)
    return model


def corner_data(n=64):
    """Images of noise with squares top left and bottom right; class 0 has the first one brighter, class 1 the other."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    images = 0.1 * torch.rand(n, 1, 12, 12, generator=random)
    images[:, :, :4, :4] += 0.6
    images[:, :, 8:, 8:] += 0.6
    images[labels == 0, :, :4, :4] += 1
    images[labels == 1, :, 8:, 8:] += 1
    return Dataset(images, labels, classes=("top left", "bottom right"))


def corner_net():
    """Class scores: the mean over the image, each class seeing only its own corner."""
    model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2, bias=False))
    weights = torch.zeros(2, 12, 12)
    weights[0, :4, :4] = weights[1, 8:, 8:] = 1
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[3].weight.copy_(weights.flatten(1))
    return model


def test_covering_the_place_that_decides_takes_the_answer_away():
    finding = examine(corner_net(), corner_data(), instruments=["saliency"]).findings["saliency"]
    assert finding.figures["accuracy on whole images"] == 1
    assert finding.figures["right after covering by linear approximation"] == 0
    assert "leaves 0 % of predictions correct" in finding.sentence
    assert finding.verdict == "good"


def test_exactly_the_highest_pixels_are_covered_and_ties_are_not_taken_from_the_first():
    images = torch.rand(2, 1, 10, 10, generator=torch.Generator().manual_seed(0))
    maps = torch.stack([torch.arange(100.0).view(10, 10), torch.zeros(10, 10)])
    changed = (covered(images, maps) != images)[:, 0]
    assert changed.flatten(1).sum(1).tolist() == [20, 20]
    assert changed[0].flatten().nonzero()[:, 0].tolist() == list(range(80, 100))
    assert changed[1].flatten().nonzero()[:, 0].tolist() != list(range(20))


def test_a_masked_pixel_is_the_mean_of_its_unmasked_neighbours():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    mask[..., 0, 0] = mask[..., 0, 1] = True
    filled = from_neighbours(image, mask)
    assert float(filled[0, 0, 0, 0]) == pytest.approx((4 + 5) / 2)
    assert float(filled[0, 0, 0, 1]) == pytest.approx((2 + 4 + 5 + 6) / 4)


def test_two_classes_recommend_no_map():
    (absence,) = examine(corner_net(), corner_data(), instruments=["class-sensitivity"]).absences
    assert "what speaks for one speaks against the other" in absence.reason


def test_no_map_is_recommended_that_does_not_point_at_what_matters(trained, monkeypatch):
    nothing = Covered(torch.ones(9, dtype=torch.bool), torch.ones(9, dtype=torch.bool))
    monkeypatch.setattr(class_sensitivity, "covering", lambda subject: dict.fromkeys(METHODS, nothing))
    finding = examine(trained, TEST, instruments=["class-sensitivity"]).findings["class-sensitivity"]
    assert finding.verdict == "doubtful"
    assert "masking what such maps point at does not take the answer away" in finding.sentence


def test_no_interval_of_a_correlation_goes_beyond_one():
    assert class_sensitivity._within(Estimate(-0.99, -1.01, -0.97, 3)).low == -1


def test_a_network_with_global_pooling_last_makes_norm_grad_blind_there(trained):
    result = examine(trained, TEST, instruments=["class-sensitivity"], layers=["features.conv1", "features.act2"])
    finding = result.findings["class-sensitivity"]
    assert finding.figures["NormGrad at features.act2"] == pytest.approx(1, abs=1e-3)
    assert "hardly depend" in finding.sentence
    assert "at features.act2 depends most on the class among the maps that point at what matters" in finding.sentence


def test_where_every_map_is_blind_none_is_recommended(trained, monkeypatch):
    monkeypatch.setattr(class_sensitivity, "METHODS", {"NormGrad": METHODS["NormGrad"]})
    result = examine(trained, TEST, instruments=["class-sensitivity"], layers=["features.act2"])
    finding = result.findings["class-sensitivity"]
    assert finding.sentence.startswith("No map depends on the class: even those of ")
    assert finding.verdict == "doubtful"


def test_an_mlp_on_images_is_looked_at_by_its_input():
    model = mlp([64, 16, 10])
    fit(model, TRAIN, RECIPE)
    result = examine(model, TEST, instruments=["saliency", "class-sensitivity"])
    assert set(result.findings) == {"saliency", "class-sensitivity"}
    assert "the input" in result.findings["class-sensitivity"].sentence


def test_tables_of_features_are_not_looked_at_and_the_report_says_why():
    data = Dataset(torch.randn(30, 5), torch.arange(30) % 3)
    result = examine(mlp([5, 4, 3]), data, instruments=["saliency", "class-sensitivity"])
    assert not result.findings
    assert all("reads no images" in absence.reason for absence in result.absences)


def test_weights_that_are_zero_already_can_be_spared():
    model = mlp([64, 40, 10])
    fit(model, TRAIN, Recipe(steps=300, lr=1e-2))
    with torch.no_grad():
        for weight in prunable_parameters(model).values():
            weight[torch.rand(weight.shape) < 0.3] = 0
    finding = examine(model, TEST, instruments=["pruning"]).findings["pruning"]
    assert finding.figures["removable, smallest of all layers"] >= 0.2
    assert finding.figures["removable, at random"] <= finding.figures["removable, smallest of all layers"]
    assert finding.figures["accuracy"] == pytest.approx(evaluate(model, TEST).accuracy, abs=1e-4)


def test_weights_that_are_not_pruned_are_said():
    class Reading(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.head = nn.LSTM(8, 12, batch_first=True), nn.Linear(12, 10)

        def forward(self, x):
            return self.head(self.read(x[:, 0])[0][:, -1])

    finding = examine(Reading(), TEST[:60], instruments=["pruning"]).findings["pruning"]
    assert "of 120 weights" in finding.sentence
    assert f"{4 * 12 * (8 + 12) + 8 * 12 + 10:,} other parameters" in finding.sentence


def test_spectral_norm_is_left_as_it_was_in_training_mode():
    model = nn.Sequential(nn.Flatten(), nn.utils.parametrizations.spectral_norm(nn.Linear(64, 10))).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    examine(model, TEST[:60], instruments=["accuracy", "pruning", "architecture"])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training


def test_spared_share_stops_at_the_first_loss_even_if_accuracy_comes_back():
    curve = {1.0: [0.9], 0.8: [0.895], 0.6: [0.5], 0.4: [0.9]}
    assert pruning._spared(curve, 0.9) == pytest.approx(0.2)


def test_a_ticket_search_trains_as_many_rounds_as_the_depth_allows(trained):
    subject = Subject(trained, TEST, train=TRAIN, recipe=Recipe(steps=30, lr=1e-2), initialisation="he_normal")
    finding = tickets.examine(subject)
    assert finding.figures["rounds"] == tickets.MOST
    assert tickets.TARGET < finding.figures["weights kept"] < 2 * tickets.TARGET  # the output layer is pruned at half
    with pytest.raises(NotNow, match="more than an examination of depth quick"):
        tickets.examine(replace(subject, depth="quick"))


def test_too_long_a_training_is_an_absence_not_a_failure(trained):
    result = examine(trained, TEST, train=TRAIN, recipe=Recipe(steps=10**9), instruments=["tickets"])
    (absence,) = result.absences
    assert not absence.failed
    assert "4 trainings of 1,000,000,000 steps are the least" in absence.reason


def test_without_training_data_there_is_no_ticket_search(trained):
    (absence,) = examine(trained, TEST, instruments=["tickets"]).absences
    assert "needs the training data" in absence.reason


def test_a_new_instrument_is_one_file_and_nothing_else(tmp_path, monkeypatch, trained):
    from netopsy.examination import instruments as package

    (tmp_path / "hello.py").write_text(
        "from netopsy.core.finding import Finding\n"
        "from netopsy.examination.instrument import Instrument\n"
        "INSTRUMENT = Instrument('hello', 'Hello', 'what it represents',\n"
        "    lambda subject: Finding(f'It has {subject.class_count} classes.', 'Read it.'))\n"
    )
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    result = examine(trained, TEST, instruments=["hello"])
    assert result.findings["hello"].sentence == "It has 10 classes."
    assert "It has 10 classes." in result.to_html()


def test_every_combination_is_measured_once():
    subject = Subject(corner_net(), corner_data())
    values, undefined = class_sensitivity._measure(subject)
    assert len(values) == 5
    assert all(len(own) + undefined >= 64 for own in values.values())


def test_what_stands_out_is_measured_and_shown():
    finding = examine(corner_net(), corner_data(), instruments=["eigen-cam"]).findings["eigen-cam"]
    assert finding.figures["share of the first direction"] == 1  # the layer has a single channel
    assert finding.figures["right after covering its own positions"] < finding.figures["accuracy on whole images"]
    assert "layer 1" in finding.sentence
    (absence,) = examine(mlp([64, 8, 10]), TEST, instruments=["eigen-cam"]).absences
    assert "keeps a grid" in absence.reason


def test_what_covers_a_pixel_is_the_mean_of_the_uncovered_ones_in_its_window(generator):
    images, mask = torch.randn(2, 3, 9, 12, generator=generator), torch.rand(2, 1, 9, 12, generator=generator) < 0.7
    mask[1, :, :, :7] = True  # some windows have no pixel left
    filled = from_neighbours(images, mask)
    for image, row, column in ((0, 0, 0), (0, 4, 6), (1, 8, 0), (1, 3, 11)):
        near = (slice(max(0, row - 2), row + 3), slice(max(0, column - 3), column + 4))
        kept = ~mask[image, 0][near]
        values, kept = (images[image][:, *near], kept) if kept.any() else (images[image], ~mask[image, 0])
        torch.testing.assert_close(filled[image, :, row, column], values[:, kept].mean(1))
