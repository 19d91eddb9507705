import pandas as pd
import pytest
import torch
from tests.studies.made_up import verdicts
from torch import nn

from netopsy.robustness.safety_verification import input_region, verify
from netopsy.studies.robustness.safety_verification.judge import pairs_of
from netopsy.studies.robustness.safety_verification.measure import _broken_one_by_one, _sign_method


def table(differ=0, invented=0, against=0, violated=0, grids=0, images=20, less=-2.0, spread=0.3, sign=1.0):
    """Made-up rows of ten networks."""
    rows = []
    for network in ("mlp", "small cnn"):
        for seed in range(5):
            own = {"network": network, "seed": seed}
            first = network == "mlp" and seed == 0
            for image in range(images):
                broken = first and image < differ + against
                rows.append({
                    **own, "measure": "agreement", "image": image, 
                    "search": "unsafe" if broken and image >= differ else "safe",
                    "one by one": "unsafe" if broken else "safe", "region": "safe", "counterexamples": 1,
                    "invented": int(first and image < invented), "proved": 0.5,
                })  # fmt: skip
                for level, wrong in (("region", violated), ("grid", grids)):
                    lower = "unsafe" if image < wrong and (first or level == "grid") else "safe"
                    for depth, answer in enumerate((lower, "safe", "unsafe")):
                        rows.append({
                            **own, "measure": "refinement", "image": image, "radius": 0.1, "level": level,
                            "depth": depth, "answer": answer,
                        })  # fmt: skip
            for method, l1, success in (("exhaustive search", 8 + less, 1.0), ("sign method", 8.0, sign)):
                wobble = spread * (seed - 2) * (method == "sign method")
                rows.append({
                    **own, "measure": "distance", "method": method, "success": success, "L1": l1 + wobble, "L2": l1 / 4,
                    "step": 0.2, "pixels": 5,
                })  # fmt: skip
    return rows


def test_all_hold_where_the_rows_say_so():
    found = verdicts("safety-verification", table())
    assert [each.verdict for each in found.values()] == ["holds"] * 3
    assert found[2].part("regions safe at a layer and unsafe below").beside["pairs"] == 400
    assert found[2].part("regions safe at a layer and unsafe below").beside["unsafe only deeper"] == 200
    assert found[3].estimate == pytest.approx(-2.0)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"differ": 1}, "does not hold"),
        (1, {"against": 1}, "does not hold"),
        (1, {"invented": 1}, "does not hold"),
        (2, {"violated": 1}, "does not hold"),
        (2, {"images": 4}, "undecided"),  # 80 pairs
        (2, {"images": 4, "violated": 1}, "does not hold"),
        (2, {"grids": 3}, "does not hold"),
        (3, {"less": 0.5}, "does not hold"),
        (3, {"less": -0.1, "spread": 2.0}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdicts("safety-verification", table(**options))[number].verdict == answer


def test_a_control_that_succeeds_less_often_is_told():
    assert "10 of 10 networks" in verdicts("safety-verification", table(sign=0.9))[3].note


def test_pairs_leave_out_what_was_not_decided():
    from netopsy.lab import Tables

    rows = [
        {"measure": "refinement", "network": "mlp", "seed": 0, "image": 0, "radius": 0.1, "level": "grid", "depth": d,
         "answer": answer}
        for d, answer in enumerate(("unsafe", "safe", "not decided"))
    ]  # fmt: skip
    found = pairs_of(Tables(rows), "grid")
    assert isinstance(found, pd.DataFrame)
    assert found["violated"].tolist() == [True]


def test_one_by_one_is_what_the_search_finds():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3))
    answers = set()
    for seed in range(8):
        image = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(seed))
        region = input_region(image, n_dims=4, span=0.4)
        answers.add(_broken_one_by_one(net, image, region))
        assert _broken_one_by_one(net, image, region) == verify(net, image, region, method="grid").broken
    assert answers == {True, False}


def test_the_sign_method_takes_the_smallest_step_that_succeeds_as_often():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    net[1].weight.data, net[1].bias.data = torch.eye(2), torch.zeros(2)
    images = torch.tensor([[0.6, 0.4], [0.7, 0.3]]).reshape(2, 1, 1, 2)
    for success, step in ((0.5, 0.11), (1.0, 0.21)):
        found, moved = _sign_method(net, images, torch.zeros(2).long(), success)
        assert found == pytest.approx(step)
        assert float((moved - images).abs().max()) == pytest.approx(step)
