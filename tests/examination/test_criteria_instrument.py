"""What criteria keep of networks whose important weights are known, and of unusual networks."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from netopsy.data import Dataset, digits
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import criteria as instrument
from netopsy.models import mlp, small_conv_net


def rows(count=40, features=20, classes=2):
    inputs = torch.rand(count, features, generator=torch.Generator().manual_seed(0))
    return Dataset(inputs, torch.arange(count) % classes)


def test_weights_of_inputs_that_are_always_zero_are_large_and_not_kept_by_snip():
    data = rows()
    data.inputs[:, :10] = 0
    model = nn.Linear(20, 2)
    with torch.no_grad():
        model.weight[:, :10] = 5.0
        model.weight[:, 10:] = torch.linspace(0.1, 1, 20).view(2, 10)
    finding = instrument.examine(Subject(model, data))
    assert finding.figures["magnitude and SNIP, in common"] == 0
    assert finding.figures["magnitude and SNIP, in common by chance"] == pytest.approx(0.1)
    assert finding.figures["magnitude and SNIP, agreement"] == pytest.approx((0 - 0.4) / (4 - 0.4), abs=1e-4)
    assert "have 0 % in common" in finding.sentence
    assert "at random with the same shares" in finding.advice


def test_overlap_beyond_chance():
    first = {"a": torch.arange(100) < 20, "b": torch.ones(10, dtype=torch.bool)}
    half = {"a": (torch.arange(100) >= 10) & (torch.arange(100) < 30), "b": torch.ones(10, dtype=torch.bool)}
    assert instrument._overlap(first, first) == pytest.approx((1, 14 / 30, 1))
    assert instrument._overlap(first, half) == pytest.approx((20 / 30, 14 / 30, 6 / 16))


def test_a_row_of_the_picture_and_of_the_table_is_a_layer():
    subject = Subject(small_conv_net((8, 8), (1, 2)).eval(), digits()[:200])
    finding = instrument.examine(subject)
    assert finding.table[0] == ("layer", "weights", "magnitude", "SNIP", "GraSP", "uniform", "ERK")
    assert len(finding.table) - 1 == finding.figures["layers"] == 3
    assert [row[5] for row in finding.table[1:]] == ["10.0 %"] * 3
    masks = instrument._masks(subject)
    total = sum(mask.numel() for mask in masks["SNIP"].values())
    assert all(sum(int(mask.sum()) for mask in own.values()) == round(0.1 * total) for own in masks.values())
    deep = {how: {f"layer{i}.weight": 0.1 for i in range(80)} for how in ("magnitude", "SNIP")}
    ax = instrument._draw(deep).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()][:: instrument.SHOWN - 1] == ["layer0", "layer79"]


class Tokens(nn.Module):
    """Attention, recurrence, and probabilities instead of scores."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(5, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.memory = nn.GRU(8, 8, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, inputs):
        tokens = self.block(self.embed(inputs.view(-1, 4, 5)))
        return self.head(self.memory(tokens)[0][:, -1]).softmax(1)


@pytest.mark.parametrize("make", [lambda: mlp([20, 6, 2]), Tokens])
def test_perceptrons_and_networks_with_attention_have_criteria_too(make, left_as_found):
    torch.manual_seed(0)
    model = make().eval()
    before = left_as_found(model)
    finding = instrument.examine(Subject(model, rows()))
    assert left_as_found(model) == before
    assert "magnitude and GraSP, agreement" in finding.figures


def test_a_network_that_cannot_be_differentiated_twice_has_no_grasp():
    class Flash(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Linear(5, 8), nn.Linear(8, 2)

        def forward(self, inputs):
            tokens = self.embed(inputs.view(-1, 1, 4, 5))
            with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
                tokens = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
            return self.head(tokens.mean((1, 2)))

    finding = instrument.examine(Subject(Flash(), rows()))
    assert "GraSP needs second derivatives" in finding.sentence
    assert finding.table[0][2:] == ("magnitude", "SNIP", "uniform", "ERK")


def test_it_says_why_it_does_not_apply():
    (absence,) = examine(nn.Flatten(), rows(features=2), instruments=["criteria"]).absences
    assert "no weights to prune" in absence.reason
