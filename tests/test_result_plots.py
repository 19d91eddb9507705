"""Results that people look at draw what they hold, and nothing else is touched."""

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.drawing import figure
from netopsy.graphs.node_classification import NodeResult
from netopsy.graphs.teddy.ticket import Epoch, Ticket
from netopsy.interpretability.causal_paths import Faithfulness
from netopsy.interpretability.gan_dissection import CausalEffect
from netopsy.interpretability.top_images import TopImages


@pytest.fixture
def ax():
    before = plt.get_fignums()
    yield figure()[1]
    assert plt.get_fignums() == before


def test_a_node_classifier_marks_its_epoch(ax):
    found = NodeResult(nn.Identity(), torch.eye(2), 1, 0.5, 0.25, (0.9, 0.3, 0.4))
    losses, chosen = found.plot(ax).lines
    assert losses.get_ydata().tolist() == [0.9, 0.3, 0.4]
    assert chosen.get_xdata()[0] == 1
    assert "25.0% of test" in ax.get_title(loc="left")


def test_a_graph_ticket_has_loss_and_sparsity(ax):
    epochs = (Epoch(0.7, 0.25), Epoch(0.5, 0.5))
    edges = torch.tensor([[0, 1], [1, 0]])
    found = Ticket(nn.Identity(), edges, torch.ones(2, dtype=torch.bool), 1.0, 1.0, torch.eye(2), epochs, None, 0.0)
    assert found.plot(ax).lines[0].get_ydata().tolist() == [0.7, 0.5]
    right = ax.figure.axes[1]
    assert right.lines[0].get_ydata().tolist() == [25, 50]


def test_faithfulness_shows_every_image_and_the_mean(ax):
    curve = torch.tensor([[1.0, 0.5, 0.0], [1.0, 1.0, 0.5]])
    *single, mean = Faithfulness(curve, torch.tensor([0.5, 0.9])).plot(ax).lines
    assert len(single) == 2
    assert mean.get_ydata().tolist() == [1.0, 0.75, 0.25]
    assert "0.70" in mean.get_label()


def test_a_causal_effect_draws_the_classes_that_change_most_on_top(ax):
    found = CausalEffect(torch.tensor([0.1, 0.9, 0.5]), torch.tensor([0.1, 0.0, 0.4]))
    found.plot(ax, class_names=["sky", "door$", "tree"], most=2)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["tree", r"door\$"]
    assert [round(bar.get_width()) for bar in ax.patches] == [40, 0, 50, 90]
    with pytest.raises(InputError, match="class_names must be 3"):
        found.plot(ax, class_names=["sky"])


def test_top_images_are_a_row_for_each_unit():
    zero = torch.zeros(3, 2, dtype=torch.int64)
    found = TopImages(
        torch.tensor([[1.0, 0.5], [4.0, 3.0], [2.0, 2.0]]), torch.tensor([[0, 1], [2, 1], [1, 0]]), zero, zero
    )
    drawn = found.plot(torch.rand(3, 1, 4, 4))
    assert [axes.get_ylabel() for axes in drawn.axes if axes.get_ylabel()] == ["unit 1", "unit 2", "unit 0"]
    assert [axes.get_title() for axes in drawn.axes][:2] == ["4", "3"]
    assert len(found.plot(torch.rand(3, 1, 4, 4), [2]).axes) == 2
    with pytest.raises(InputError, match="units must be from 0 to 2"):
        found.plot(torch.rand(3, 1, 4, 4), [3])
    with pytest.raises(InputError, match="names image 2"):
        found.plot(torch.rand(2, 1, 4, 4))
