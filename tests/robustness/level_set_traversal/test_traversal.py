import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.robustness.level_set_traversal.made_up import Constant, Logistic, naive, network, pair, pairs
from torch import nn

from netopsy.core.errors import InputError
from netopsy.robustness.level_set_traversal import level_set_traversal, straight_line
from netopsy.robustness.level_set_traversal.gradients import Slope, borrowed, log_odds_against, without

PLAIN = {"init_noise": 0.0, "adv_step": 0.0, "bounds": None}


def test_the_walk_on_a_line_is_the_closed_form():
    source, target, nearest = pair()
    found = level_set_traversal(Logistic(), source, torch.tensor([0]), target, record_every=100, **PLAIN)
    away = (source - nearest).norm()
    assert float((found.final - nearest).norm() / away) == pytest.approx(0.0179506, abs=1e-7)
    for moment, step in enumerate(found.recorded):
        expected = nearest + 0.99**step * (source - nearest)
        torch.testing.assert_close(found.images[:, moment], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.confidences, found.source_conf[:, None].expand(1, 5), rtol=0, atol=1e-12)
    assert found.recorded == (0, 100, 200, 300, 400)
    assert int(found.accepted) == 400


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-30, 1e-9, 1.0, 1e9]))
def test_the_projected_move_is_orthogonal_to_the_gradient(seed, scale):
    random = torch.Generator().manual_seed(seed)
    direction, moves = torch.randn(2, 3, 1, 4, 4, generator=random)
    found = without(scale * direction, moves)
    inner = (found * direction).flatten(1).sum(1).abs() / (
        moves.flatten(1).norm(dim=1) * direction.flatten(1).norm(dim=1)
    )
    assert float(inner.max()) < 1e-6
    torch.testing.assert_close(without(direction, found), found, rtol=1e-5, atol=1e-5)


def test_without_a_gradient_the_move_stays_whole():
    moves = torch.rand(2, 1, 2, 2)
    assert torch.equal(without(torch.zeros_like(moves), moves), moves)
    source, target = torch.rand(2, 3, 1, 2, 2)
    found = level_set_traversal(Constant(), source, torch.zeros(3, dtype=torch.long), target, init_noise=0)
    torch.testing.assert_close(found.remaining, torch.full((3,), 0.99**400), rtol=1e-3, atol=1e-4)


def test_the_gradient_is_that_of_the_cross_entropy():
    net = network()
    source, label, _ = pairs(net)
    at = source.clone().requires_grad_()
    (expected,) = torch.autograd.grad(nn.functional.cross_entropy(net(at), label, reduction="sum"), at)
    with borrowed(net, source) as (lent, scores):
        found = lent.slope(source, label)
    torch.testing.assert_close(found.gradient, expected)
    torch.testing.assert_close(found.confidence, scores.softmax(1).gather(1, label[:, None])[:, 0])


def test_where_the_network_is_certain_the_direction_is_still_that_of_double_precision():
    net = Logistic((300.0, 400.0), torch.float32)
    image = torch.tensor([0.9, 0.8]).view(1, 1, 1, 2)
    at = image.clone().requires_grad_()
    (lost,) = torch.autograd.grad(nn.functional.cross_entropy(net(at), torch.tensor([0])), at)
    assert float(lost.abs().max()) == 0
    with borrowed(net, image) as (lent, _):
        slope = lent.slope(image, torch.tensor([0]))
    torch.testing.assert_close(slope.direction.flatten(), torch.tensor([-300.0, -400.0]))
    assert isinstance(slope, Slope)


def test_log_odds_by_hand():
    scores = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    p = scores.softmax(1)[0, 1]
    torch.testing.assert_close(log_odds_against(scores, torch.tensor([1]))[0], ((1 - p) / p).log())


@pytest.mark.parametrize("mode", ["hold", "stop"])
@pytest.mark.parametrize("project", [True, False])
def test_it_is_the_published_loop_image_by_image(mode, project):
    net = network()
    source, label, target = pairs(net)
    expected = naive(net, source, label, target, steps=60, eta=0.2, eps=2e-3, delta=0.01, mode=mode, project=project)
    options = {"steps": 60, "step_size": 0.2, "adv_step": 2e-3, "conf_tol": 0.01, "on_reject": mode}
    found = level_set_traversal(net, source, label, target, init_noise=0, project=project, **options)
    torch.testing.assert_close(found.final, expected, rtol=0, atol=1e-9)
    assert int(found.accepted.min()) < 60  # some steps were rejected, so that the rule was put to the test


def test_the_accumulator_goes_on_while_an_image_is_held():
    net = network()
    source, label, target = pairs(net)
    same = {"steps": 60, "step_size": 0.2, "conf_tol": 0.002, "init_noise": 0}
    held, stopped = (
        level_set_traversal(net, source, label, target, on_reject=mode, **same) for mode in ("hold", "stop")
    )
    again = (stopped.accepted == 0) & (held.accepted > 10)
    assert bool(again.any())  # rejected at first, and pulled back into the level set
    assert float(held.remaining[again].max()) < 0.9


def test_an_image_alone_walks_as_it_does_among_others():
    net = network()
    source, label, target = pairs(net)
    options = {"steps": 12, "step_size": 0.1, "conf_tol": 0.05, "seed": 3}
    first = level_set_traversal(net, source[:1], label[:1], target[:1], **options)
    alone = [
        level_set_traversal(net, source[[one]], label[[one]], target[[one]], init_noise=0, **options)
        for one in range(len(source))
    ]
    for batch_size in (1, 3, 256):
        together = level_set_traversal(net, source, label, target, batch_size=batch_size, **options)
        torch.testing.assert_close(first.final[0], together.final[0], rtol=0, atol=1e-10)
        together = level_set_traversal(net, source, label, target, batch_size=batch_size, init_noise=0, **options)
        for one, walked in enumerate(alone):
            torch.testing.assert_close(walked.final[0], together.final[one], rtol=0, atol=1e-10)
            assert torch.equal(walked.accepted[0], together.accepted[one])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.02, 0.1, 0.3]), st.sampled_from(["hold", "stop"]))
def test_a_walk_that_took_a_step_ends_within_the_tolerance(seed, tolerance, mode):
    net = network(seed % 5)
    source, label, target = pairs(net)
    options = {"steps": 20, "step_size": 0.1, "conf_tol": tolerance, "on_reject": mode, "seed": seed}
    found = level_set_traversal(net, source, label, target, record_every=7, **options)
    with torch.no_grad():
        at_end = net(found.final).softmax(1).gather(1, label[:, None])[:, 0]
        clean = net(source).softmax(1).gather(1, label[:, None])[:, 0]
    torch.testing.assert_close(found.final_conf, at_end)
    torch.testing.assert_close(found.source_conf, clean)
    assert bool((at_end > clean - tolerance)[found.accepted > 0].all())
    assert float(found.final.min()) >= 0
    assert float(found.final.max()) <= 1
    assert found.images.shape == (7, 3, 1, 5, 5)
    recorded = net(found.images.flatten(0, 1)).softmax(1).gather(1, label.repeat_interleave(3)[:, None])
    torch.testing.assert_close(recorded.view(7, 3), found.confidences)


def test_the_start_is_compared_with_the_clean_source():
    class Step(nn.Module):
        """Certain of class 0 where the image is dark, less so brighter."""

        def forward(self, images):
            odds = 2.0 - 8 * images.mean((1, 2, 3))
            return torch.stack([odds, torch.zeros_like(odds)], 1)

    source, target = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    found = straight_line(Step(), source, torch.tensor([0]), target, init_noise=0.1, conf_tol=0.1, steps=200)
    edge = torch.sigmoid(torch.tensor(2.0)) - 0.1
    assert float(found.final_conf) == pytest.approx(float(edge), abs=0.02)
    assert float(found.source_conf) == pytest.approx(float(torch.sigmoid(torch.tensor(2.0))))


def test_the_straight_line_stops_where_its_next_step_would_be_rejected():
    net = network()
    source, label, target = pairs(net)
    found = straight_line(net, source, label, target, steps=80, step_size=0.05, conf_tol=0.1, init_noise=0)
    expected = naive(net, source, label, target, steps=80, eta=0.05, eps=0.0, delta=0.1, project=False)
    torch.testing.assert_close(found.final, expected, rtol=0, atol=1e-12)
    share = 1 - 0.95 ** found.accepted.double()
    torch.testing.assert_close(1 - found.remaining, share)


def test_sources_that_are_not_recognised_stay():
    net = network()
    source, label, target = pairs(net)
    label = torch.where(torch.arange(7) % 2 == 0, label, (label + 1) % 4)
    found = level_set_traversal(net, source, label, target, steps=20, record_every=10)
    assert found.kept.tolist() == [True, False] * 3 + [True]
    assert torch.equal(found.final[1::2], source[1::2])
    assert torch.equal(found.images[1::2, 2], source[1::2])
    assert found.accepted[1::2].tolist() == [0, 0, 0]
    torch.testing.assert_close(found.final_conf[1::2], found.source_conf[1::2])
    with pytest.raises(InputError, match="must hold an image that the network recognises .*, got none of 3"):
        level_set_traversal(net, source[1::2], label[1::2], target[1::2], steps=2)


def test_probabilities_are_as_good_as_scores():
    net = network()
    source, label, target = pairs(net)
    options = {"steps": 20, "step_size": 0.05}
    scores = level_set_traversal(net, source, label, target, **options)
    probabilities = level_set_traversal(nn.Sequential(net, nn.Softmax(1)), source, label, target, **options)
    torch.testing.assert_close(scores.final, probabilities.final)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training, left_as_found):
    net = network().train(training)
    source, label, target = pairs(network())
    before = left_as_found(net)
    found = level_set_traversal(net, source, label, target, steps=5)
    assert left_as_found(net) == before
    torch.testing.assert_close(found.final, level_set_traversal(network(), source, label, target, steps=5).final)
    with torch.inference_mode():
        again = level_set_traversal(net, source.clone(), label.clone(), target.clone(), steps=5)
    torch.testing.assert_close(again.final.clone(), found.final)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_lower_precision_walks_about_as_far(dtype):
    net = network()
    source, label, target = (each.to(dtype) if each.is_floating_point() else each for each in pairs(net))
    found = level_set_traversal(network(dtype=dtype), source, label, target, steps=60, step_size=0.05)
    full = level_set_traversal(net, source.double(), label, target.double(), steps=60, step_size=0.05)
    assert found.final.dtype == dtype
    assert float(found.remaining.mean()) == pytest.approx(float(full.remaining.mean()), abs=0.1)


BAD = {
    "shapes": ({"target": torch.zeros(7, 1, 5, 4, dtype=torch.float64)}, r"target must have the shape of source"),
    "type": ({"target": torch.zeros(7, 1, 5, 5)}, r"target must be torch\.float64 as source is"),
    "range": ({"source": torch.full((7, 1, 5, 5), 1.5, dtype=torch.float64)}, "source must lie within 0 to 1"),
    "NaN": ({"target": torch.full((7, 1, 5, 5), torch.nan, dtype=torch.float64)}, "target hold NaN"),
    "label": ({"label": torch.full((7,), 4)}, "label must be a class number from 0 to 3, got 4"),
    "labels": ({"label": torch.zeros(6, dtype=torch.long)}, r"label must have shape \(7,\), got \(6,\)"),
    "steps": ({"steps": 0}, "steps must be an int of at least 1, got 0"),
    "step size": ({"step_size": 0}, "step_size must be a number above 0, got 0"),
    "long step": ({"step_size": 1.5}, "step_size must be at most 1"),
    "tolerance": ({"conf_tol": -1}, "conf_tol must be a number above 0, got -1"),
    "adv_step": ({"adv_step": float("nan")}, "adv_step must be a number of at least 0, got nan"),
    "noise": ({"init_noise": -0.1}, "init_noise must be a number of at least 0"),
    "mode": ({"on_reject": "retry"}, "on_reject must be 'hold' or 'stop', got 'retry'"),
    "bounds": ({"bounds": (1, 0)}, "bounds must be two numbers, the lower first"),
    "batch size": ({"batch_size": 0}, "batch_size must be an int of at least 1"),
    "seed": ({"seed": -1}, "seed must be"),
    "network": ({"model": "net"}, "model must be a torch nn.Module, got str"),
    "one class": ({"model": nn.Sequential(nn.Flatten(), nn.Linear(25, 1)).double()}, "of two classes or more"),
    "record": ({"record_every": -1}, "record_every must be an int of at least 0"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_used_is_said(what, unchecked):
    changed, says = BAD[what]
    net = network()
    source, label, target = pairs(net)
    given = {"model": net, "source": source, "label": label, "target": target} | changed
    with pytest.raises(InputError, match=says):
        level_set_traversal(**given)


def test_a_gradient_that_is_not_finite_is_told():
    class Root(nn.Module):
        def forward(self, images):
            odds = images.flatten(1).sum(1).sqrt()
            return torch.stack([odds + 1, odds * 0], 1)

    zeros = torch.zeros(1, 1, 2, 2)
    with pytest.raises(InputError, match="gradient of the network .* is not finite"):
        level_set_traversal(Root(), zeros, torch.tensor([0]), zeros + 1, init_noise=0, steps=2)
    with pytest.raises(InputError, match="adv_step must be left out"):
        straight_line(Root(), zeros, torch.tensor([0]), zeros + 1, adv_step=0.1)


def test_the_picture_has_a_column_a_pair_that_walked():
    net = network()
    source, label, target = pairs(net)
    label = label.clone()
    label[0] = (label[0] + 1) % 4
    walked = level_set_traversal(net, source, label, target, steps=5)
    straight = straight_line(net, source, label, target, steps=5)
    assert len(walked.plot(4).axes) == 3 * 4
    drawn = walked.plot(straight=straight, class_names=["a$", "b", "c", "d"])
    assert len(drawn.axes) == 4 * 6
    few = walked.plot(class_names=["a"])
    assert {ax.get_xlabel().split(":")[0] for ax in few.axes[:6]} <= {"a", "class 1", "class 2", "class 3"}
    with pytest.raises(InputError, match="most must be at least 1, got 0"):
        walked.plot(0)
    words = drawn.axes[0].get_xlabel()
    assert words.endswith(f"{float(walked.source_conf[1]):.2f}")
