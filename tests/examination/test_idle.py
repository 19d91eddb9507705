"""Layers that take no part in the answers are among neither the weights that are counted nor those that are pruned."""

import torch
from torch import nn

from netopsy.core.masks import prunable_parameters
from netopsy.data import digits_split
from netopsy.examination import Subject, examine
from netopsy.examination.idle import idle_layers
from netopsy.examination.instruments import jackpot, pruning, tickets
from netopsy.training import Recipe, stack

TRAIN, _, TEST = (part[:120] for part in digits_split())


class Helped(nn.Module):
    """A head that runs in training alone, a layer that never runs, and attention, whose projection is never called."""

    def __init__(self):
        super().__init__()
        self.first, self.output = nn.Linear(64, 12), nn.Linear(12, 10)
        self.attention = nn.MultiheadAttention(12, 2, batch_first=True)
        self.helper, self.spare = nn.Linear(12, 10), nn.Linear(12, 500)

    def forward(self, x):
        features = self.first(x.flatten(1))
        features = features + self.attention(features[:, None], features[:, None], features[:, None])[0][:, 0]
        return self.output(features) + self.helper(features) if self.training else self.output(features)


def test_what_takes_no_part_is_found_by_the_gradient(left_as_found):
    model = Helped().train().requires_grad_(False)
    before = left_as_found(model)
    assert idle_layers(model, TEST.inputs[:1]) == ("helper", "spare")
    assert left_as_found(model) == before
    assert idle_layers(nn.Flatten(), TEST.inputs[:1]) == ()


def test_instruments_count_and_prune_the_others_alone(monkeypatch):
    monkeypatch.setattr(jackpot, "MOST", 160)
    recipe = Recipe(steps=4, batch_size=20)
    monkeypatch.setattr(tickets, "MOST", 16)
    monkeypatch.setattr(stack, "traced", lambda function, *_: function)  # a recording takes longer than four steps
    names = ["pruning", "criteria", "jackpot", "tickets", "rewinding"]
    found = examine(Helped(), TEST, train=TRAIN, recipe=recipe, instruments=names, depth="quick", budget=1e9).findings
    assert set(found) == set(names)
    own = 64 * 12 + 12 * 12 + 12 * 10
    for name, wanted in {"pruning": own, "criteria": own, "jackpot": own - 12 * 10}.items():
        assert found[name].figures["weights"] == wanted
    assert found["tickets"].figures["weights kept"] <= 0.3


def test_a_network_of_which_nothing_takes_part_has_nothing_to_prune():
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.spare = nn.Linear(3, 2)
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.scale * x.flatten(1)[:, :10]

    subject = Subject(Spare(), TEST)
    assert "no weights to prune" in pruning.why_not(subject)
    assert list(prunable_parameters(subject.model)) == ["spare.weight"]
