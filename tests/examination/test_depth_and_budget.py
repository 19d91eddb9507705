"""What an instrument does follows from the depth and the network; the budget decides only which ones run."""

import math
import re
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from netopsy.core.errors import InputError
from netopsy.data import Dataset
from netopsy.examination import Subject, examine, stopwatch
from netopsy.examination.instrument import instruments
from netopsy.examination.pixels import InBatches
from netopsy.examination.planning import PLANNED, planned, seconds_of
from netopsy.models import small_conv_net

LABELS = torch.arange(60) % 3
DATA = Dataset(torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)), LABELS)


def subject(**options):
    return Subject(small_conv_net((4, 5), (1, 2), classes=3, seed=0), DATA, **options)


def test_counts_follow_from_the_depth_and_the_cost_of_a_sample():
    one = subject()
    assert one.affordable(1, 100) == 100
    assert subject(depth="quick").affordable(1, 100) == 25
    assert subject(depth="thorough").affordable(1, 100) == 400
    one.sample_cost = 1e10
    assert one.affordable(3, 100) == 10
    assert one.affordable(3, 100, share=2.0) == 20
    assert one.affordable(3, 100, fewest=50) == 50


def test_a_wider_network_costs_more():
    wide = Subject(small_conv_net((40, 50), (1, 2), classes=3, seed=0), DATA)
    assert wide.sample_cost > 5 * subject().sample_cost


@pytest.mark.parametrize(("side", "size"), [(4, 256), (128, 8), (512, 4)])
def test_the_size_of_a_batch_follows_from_the_widest_layer(side, size):
    model = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3))
    images = torch.rand(10, 1, side, side, generator=torch.Generator().manual_seed(0))
    one = Subject(model, Dataset(images, LABELS[:10]))
    assert one.batch_size == size
    torch.testing.assert_close(one.scores, model(images).detach())


def test_a_network_in_batches_answers_as_it_does_at_once():
    model, seen = subject().model.eval(), []
    model.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    few, once = InBatches(model, 7)(DATA.inputs[:16]), model(DATA.inputs[:16])
    assert seen == [7, 7, 2, 16]
    torch.testing.assert_close(few, once)


def test_a_slow_machine_finds_the_same():
    class Slow(nn.Module):
        def __init__(self, model, nap):
            super().__init__()
            self.model, self.nap = model, nap

        def forward(self, x):
            time.sleep(self.nap)
            return self.model(x)

    model, names = subject().model, ["accuracy", "saliency", "eigen-cam", "pruning"]
    fast, slow = (examine(Slow(model, nap), DATA, instruments=names, budget=1e6) for nap in (0.0, 0.01))
    assert fast.findings == slow.findings


def test_the_clock_of_the_budget_stands_while_others_have_the_processors(tmp_path, monkeypatch):
    said = tmp_path / "schedstat"
    monkeypatch.setattr(stopwatch, "SCHEDULED", said)
    said.write_text("5000000000 2000000000 7\n")
    start = stopwatch.unhindered()
    time.sleep(0.02)
    said.write_text("5000000000 2015000000 8\n")
    assert stopwatch.unhindered() - start < time.perf_counter() - (start + 2) - 0.014
    for unknown in ("", "0", "a b c"):
        said.write_text(unknown)
        assert stopwatch.unhindered() == pytest.approx(time.perf_counter(), abs=5)


def test_the_budget_leaves_out_what_is_worth_least_and_says_what_would_bring_it_in():
    one = subject()
    one.seconds_a_sample = one.seconds_a_call = 0.01
    named = instruments(["accuracy", "saliency", "patterns", "eigen-cam"])
    assert planned(named, one, 1e6) == {}
    costs = {each.name: seconds_of(each, one) for each in named}
    enough = costs["accuracy"] + costs["saliency"] + costs["eigen-cam"]
    left_out = planned(named, one, (enough + 0.01) / PLANNED)
    assert set(left_out) == {"patterns"}
    wanted = math.ceil((enough + costs["patterns"]) / PLANNED)
    assert f"`--budget {wanted}` brings it in" in left_out["patterns"].reason
    assert planned(named, one, wanted) == {}


def test_a_cheaper_instrument_gets_what_a_dearer_one_leaves():
    one = subject()
    one.seconds_a_sample = one.seconds_a_call = 0.05
    named = instruments(["accuracy", "saliency", "eigen-cam"])
    costs = {each.name: seconds_of(each, one) for each in named}
    assert costs["saliency"] > costs["eigen-cam"]
    assert set(planned(named, one, (costs["accuracy"] + costs["eigen-cam"] + 0.01) / PLANNED)) == {"saliency"}


def test_the_budget_that_is_told_brings_it_in():
    one = subject()
    one.seconds_a_sample = one.seconds_a_call = 0.02
    named = instruments()
    left_out = planned(named, one, 30)
    told = {name: re.search(r"`--budget (\d+)` brings it in", absence.reason) for name, absence in left_out.items()}
    told = {name: int(found[1]) for name, found in told.items() if found}
    assert len(told) > 5
    for name, enough in told.items():
        assert name not in planned(named, one, enough)


def test_what_it_takes_to_ask_an_instrument_is_counted():
    one, (cheap,) = subject(), instruments(["eigen-cam"])
    one.seconds_a_sample = one.seconds_a_call = 0.01
    cost = seconds_of(cheap, one)
    quick, slow = (replace(cheap, applies=lambda _, nap=nap: time.sleep(nap)) for nap in (0.0, 0.5))
    budget = (cost + 0.3) / PLANNED
    assert planned([quick], one, budget) == {}
    needed = int(re.search(r"`--budget (\d+)`", planned([slow], one, budget)["eigen-cam"].reason)[1])
    assert needed == math.ceil((cost + 0.5) / PLANNED)
    assert planned([replace(slow, name="asked", worth=0), quick], one, budget).keys() == {"eigen-cam"}


def test_accuracy_is_never_left_out():
    result = examine(subject().model, DATA, instruments=["accuracy", "patterns"], budget=1e-6)
    assert list(result.findings) == ["accuracy"]
    assert "budget" in result.absences[0].reason


@pytest.mark.parametrize("count", [4, 7, 30])
def test_halves_divide_every_class(count):
    one = subject()
    first, second = one.halves(torch.arange(count))
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(count))
    assert abs(len(first) - len(second)) <= 1
    for cls in range(3):
        assert abs(int((LABELS[first] == cls).sum()) - int((LABELS[second] == cls).sum())) <= 1


def test_a_network_that_is_slow_to_call_is_not_called_to_plan_beyond_the_budget():
    class Slow(nn.Module):
        def __init__(self):
            super().__init__()
            self.model, self.calls = subject().model, 0

        def forward(self, x):
            self.calls += 1
            time.sleep(0.2)
            return self.model(x)

    slow = Slow()
    result = examine(slow, DATA, instruments=["accuracy", "saliency", "patterns", "causal-paths"], budget=0.5)
    assert list(result.findings) == ["accuracy"]
    assert all("`--budget " in absence.reason for absence in result.absences)
    assert slow.calls <= 8


def test_a_network_of_very_many_classes_is_examined():
    wide = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 100_000))
    start = time.monotonic()
    result = examine(wide, DATA, instruments=["accuracy", "confusions", "concepts"], budget=1.0)
    assert "accuracy" in result.findings
    assert time.monotonic() - start < 60


OWN = type("Own", (BaseException,), {})
ENDING = {"SystemExit": SystemExit(0), "GeneratorExit": GeneratorExit(), "its own": OWN("x")}


@pytest.mark.parametrize("ending", ENDING.values(), ids=ENDING)
@pytest.mark.parametrize("calls", [0, 4])
def test_a_network_that_would_end_the_process_is_told(ending, calls):
    class Ends(nn.Module):
        def __init__(self):
            super().__init__()
            self.model, self.calls = subject().model, 0

        def forward(self, x):
            self.calls += 1
            if self.calls > calls:
                raise ending
            return self.model(x)

    with pytest.raises(InputError, match=f"the network raised {type(ending).__name__}.*to end the whole process"):
        examine(Ends(), DATA, instruments=["accuracy", "saliency"])


def test_an_instrument_that_would_end_the_process_is_an_absence():
    class Ends(nn.Module):
        def __init__(self):
            super().__init__()
            self.model, self.ready = subject().model, False

        def forward(self, x):
            if torch.is_grad_enabled():
                raise SystemExit(0)
            return self.model(x)

    result = examine(Ends(), DATA, instruments=["accuracy", "saliency"])
    assert list(result.findings) == ["accuracy"]
    assert result.absences[0].failed
    assert "raised SystemExit: 0" in result.absences[0].reason


def test_a_network_without_values_is_told():
    with torch.device("meta"):
        hollow = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with pytest.raises(InputError, match="has no values for '.*', which is on the meta device"):
        examine(hollow, DATA)


@pytest.mark.parametrize("whole", [True, False])
def test_what_cannot_be_watched_is_told(whole):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    model = torch.jit.script(model) if whole else nn.Sequential(model[0], torch.jit.script(model[1]))
    with pytest.raises(InputError, match="^(the network|its part '1') is compiled TorchScript"):
        examine(model, DATA)
    traced = torch.jit.trace(subject().model.eval(), DATA.inputs[:2])
    assert "accuracy" in examine(traced, DATA, instruments=["accuracy"]).findings


def test_a_network_that_takes_no_single_sample_is_told():
    class Pairs(nn.Module):
        def forward(self, x):
            if len(x) < 2:
                raise RuntimeError("a sample has no partner")
            return x.flatten(1)[:, :3]

    with pytest.raises(InputError, match="does not run on a single sample, by which .*: a sample has no partner"):
        examine(Pairs(), DATA)
