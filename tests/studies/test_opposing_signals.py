import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.data import digits
from netopsy.studies import load
from netopsy.studies.landscape.opposing_signals.optimisers import optimiser, planted
from netopsy.studies.landscape.opposing_signals.plan import (
    ADAM,
    ALL,
    ANY,
    DAMPENED,
    EXACT,
    MATCHED,
    OPPOSING,
    SAMPLED,
    SGD,
    SPLIT,
    WITHOUT,
    WITHOUT_MATCHED,
    Optimisers,
)


def rows(cosine=-0.5, length=2.0, edge=1.1, swing=-0.9, without=0.8, split=110, adam=100, power=1.0):
    """A made-up table of results with a little scatter over seeds."""
    for seed in range(8):
        off = 1e-3 * (seed - 3.5)
        pulls = {OPPOSING: (cosine, length), MATCHED: (-0.1, 1.0), ANY: (0.1, 0.8)}
        for name, (angle, size) in pulls.items():
            own = {"method": name, "seed": seed, "draw": 0}
            pull = {"step": 200, "cosine": angle + off, "norm": size + off, "share": 0.1}
            yield {"measure": "pull", **own, **pull}
            correlation = swing if name == OPPOSING else -0.3
            yield {"measure": "swings", **own, "correlation": correlation + off, "lag": -0.95 + off}
        for step in range(0, 401, 10):
            value = edge if step >= 100 else 5.0
            yield {"measure": "sharpness", "seed": seed, "step": step, "value": value}
        for name, value in ((ALL, 1.1), (WITHOUT, without), (WITHOUT_MATCHED, 1.05)):
            yield {"measure": "removal", "method": name, "seed": seed, "step": 10, "value": value + off * (name == ALL)}
        for name, value in ((SGD, 140), (DAMPENED, 150), (SPLIT, split), (ADAM, adam)):
            steps = value + seed * (name == SGD)
            yield {"measure": "steps", "method": name, "seed": seed, "value": steps, "reached": True}
    for strength in (5.0, 20.0):
        for norm in (1.0, 2.0):
            for name, draw in ((EXACT, 0), (SAMPLED, 0), (SAMPLED, 1), (SAMPLED, 2)):
                value = (strength * norm) ** power * (1 + 0.01 * draw)
                at = {"method": name, "draw": draw, "strength": strength, "norm": norm}
                yield {"measure": "theory", **at, "value": value}


def answers(**options):
    return {number: each.verdict for number, each in verdicts("opposing-signals", list(rows(**options))).items()}


def test_verdicts_follow_the_criteria():
    assert answers() == dict.fromkeys((1, 2, 3, 4), "holds")


@pytest.mark.parametrize(
    ("options", "claim", "answer"),
    [
        ({"cosine": -0.15}, 1, "does not hold"),
        ({"length": 1.1}, 1, "does not hold"),
        ({"edge": 1.4}, 2, "does not hold"),
        ({"swing": -0.5}, 2, "does not hold"),
        ({"without": 1.05}, 2, "does not hold"),
        ({"power": 0.9}, 3, "does not hold"),
        ({"split": 139}, 4, "does not hold"),
        ({"adam": 150}, 4, "undecided"),
    ],
)
def test_a_claim_falls_with_each_of_its_parts(options, claim, answer):
    found = answers(**options)
    assert found.pop(claim) == answer
    assert set(found.values()) == {"holds"}


def test_the_planted_feature_is_a_frame_on_a_few_of_two_classes():
    data = digits()[:600]
    framed = planted(data, 0, Optimisers())
    changed = (framed.inputs != data.inputs).flatten(1).any(1)
    counts = data.targets.bincount()
    assert framed.targets[changed].bincount(minlength=10).tolist() == [
        max(1, round(0.03 * int(counts[c]))) if c in (3, 8) else 0 for c in range(10)
    ]
    frame = framed.inputs[changed][:, 0]
    assert (frame[:, (0, -1)] == 3).all()
    assert (frame[:, :, (0, -1)] == 3).all()
    assert torch.equal(frame[:, 1:-1, 1:-1], data.inputs[changed][:, 0, 1:-1, 1:-1])


def test_a_rate_is_chosen_on_other_runs_and_a_stack_is_its_runs_one_by_one():
    settings = Optimisers(examples=(200, 50), steps=11, every=5, tuning=1)
    both = list(optimiser(SPLIT, (0.03, 1.0), (0, 1), settings))
    tuning = {row["rate"]: row["value"] for row in both if row["measure"] == "tuning"}
    losses = [row for row in both if row["measure"] == "losses"]
    assert {row["rate"] for row in losses} == {min(tuning, key=tuning.get)}
    alone = [row for row in optimiser(SPLIT, (0.03, 1.0), (1,), settings) if row["measure"] == "losses"]
    second = [row["value"] for row in losses if row["seed"] == 1]
    assert [row["value"] for row in alone] == pytest.approx(second, rel=1e-4)
    assert len(second) == 3


def test_the_presets_plan_every_optimiser():
    study = load("opposing-signals")
    for preset in study.presets:
        names = {cell.parameters.get("method") for cell in study.cells(study.configuration(preset))}
        assert names == {None, SGD, DAMPENED, SPLIT, ADAM}
