import sys

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.robustness.safety_verification.nets import KINDS, image_for, small

from netopsy import InputError
from netopsy.robustness.safety_verification import input_region, verify


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5)
@example(seed=0, span=0.01, dims=1)
@example(seed=0, span=0.8, dims=6)  # of pools, a point that descent does not find
@given(seed=st.integers(0, 10_000), span=st.floats(0.01, 0.8), dims=st.integers(1, 6))
def test_both_agree_wherever_both_answer(kind, seed, span, dims):
    net, image = small(kind, seed=seed), image_for(seed)
    region = input_region(image, n_dims=dims, span=span)
    milp, smt, cells = (
        verify(net, image, region, method=method, timeout=timeout)
        for method, timeout in (("milp", 20), ("smt", 0.5), ("grid+cells", 20))  # exact fractions take minutes at times
    )
    answers = {one.status for one in (milp, smt, cells)} - {"unknown", "grid-safe"}
    assert len(answers) == 1, [(one.method, one.status, one.reason) for one in (milp, smt, cells)]
    bounds = verify(net, image, region, method="bounds")
    assert bounds.status in {"unknown", *answers}
    for one in (milp, smt, cells, bounds):
        if one.status == "unsafe":
            replay(net, image, one)


def replay(net, image, found):
    """The counterexample lies in the region and has another class, in the network's own precision."""
    assert found.counterexample.dtype == image.dtype
    change = (found.counterexample - image).double().abs().flatten()
    for dim, value in enumerate(change.tolist()):
        reach = dict(zip(found.region.dims, found.region.span, strict=True)).get(dim, 0.0)
        assert value <= reach + 1e-7
    assert 0 <= float(found.counterexample.min()) <= float(found.counterexample.max()) <= 1
    scores = net(found.counterexample[None])[0]
    assert float(scores[found.found]) >= float(scores[found.predicted])


@pytest.mark.parametrize("method", ["milp", "smt", "grid+cells"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_called_safe_is_broken_by_a_dense_sample(kind, method):
    called = 0
    for seed in range(4):
        net, image = small(kind, seed=seed), image_for(seed)
        region = input_region(image, n_dims=3, span=0.15)
        if verify(net, image, region, method=method).status != "safe":
            continue
        called += 1
        fine = input_region(image, strategy=region.dims, span=0.15 / 8, count=8)
        assert verify(lambda images, net=net: net(images), image, fine, method="grid").status == "grid-safe"
    assert called > 0


def test_a_margin_that_no_region_keeps_is_never_called_safe():
    net, image = small("dense", seed=1), image_for(1)
    region = input_region(image, n_dims=2, span=1e-4)
    lead = net(image[None])[0].sort().values.diff()[-1].item()
    assert verify(net, image, region, margin=lead / 2).status == "safe"
    for method in ("bounds", "milp", "smt", "grid+cells"):
        found = verify(net, image, region, method=method, margin=lead * 1.01, nodes=200)
        assert found.status in ("unknown", "grid-safe")
        assert found.reason


def test_the_margin_is_never_below_what_rounding_can_do():
    image = image_for(1)
    single = verify(small("dense", seed=1), image, input_region(image, span=0.01), margin=1e-6)
    double = verify(small("dense", seed=1, double=True), image.double(), input_region(image, span=0.01), margin=1e-6)
    assert single.margin > 3e-6
    assert double.margin == 1e-6
    assert "real arithmetic" in single.assumptions
    assert "single precision" in single.assumptions
    assert "double precision can do" in double.assumptions


def test_an_answer_that_takes_too_long_is_unknown():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 24), torch.nn.ReLU(), torch.nn.Linear(24, 24), torch.nn.ReLU(),
        torch.nn.Linear(24, 2),
    )  # fmt: skip
    image = torch.rand(1, 8, 8)
    lead = float(net(image[None]).diff().abs())
    net[-1].bias.data[int(net(image[None]).argmax())] += 3 * lead + 0.3
    for method in ("milp", "smt"):
        found = verify(net, image, input_region(image, strategy="all", span=0.3), method=method, timeout=0.1)
        assert (found.status, found.reason) == ("unknown", "the time was up") or "time was up" in found.reason
        assert found.seconds < 10
    few = verify(net, image, input_region(image, strategy="all", span=0.3), method="milp", nodes=1)
    assert few.status == "unknown"
    assert few.reason


def test_without_z3_the_other_solver_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "z3", None)
    image = image_for()
    with pytest.raises(InputError, match=r"netopsy\[verify\].*milp"):
        verify(small("dense"), image, input_region(image), method="smt")
    assert verify(small("dense"), image, input_region(image, span=1e-3)).status == "safe"
