"""Interpolated channels, draws of sizes, and distillation, against known answers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.nn import functional

from netopsy import InputError
from netopsy.data import Dataset, digits
from netopsy.models import mlp
from netopsy.sparsity.transformable_architecture_search import (
    channel_interpolate,
    distill,
    gumbel_softmax,
    gumbel_topk_weights,
    kd_loss,
)
from netopsy.training import Recipe, fit


@pytest.mark.parametrize(
    ("given_channels", "wanted"),
    [
        ([1, 2, 3, 4, 5, 6], [1.5, 2.5, 4.5, 5.5]),
        ([1, 2, 3, 4, 5], [1.5, 3, 4.5]),
        ([1, 2], [1, 1.5, 2]),
        ([1, 2, 3], [1, 1, 1.5, 2, 2.5, 3, 3]),
        ([4, 7], [4, 7]),
    ],
)
def test_interpolation_by_hand(given_channels: list[float], wanted: list[float]) -> None:
    found = channel_interpolate(torch.tensor([given_channels], dtype=torch.float32), len(wanted))
    assert found.tolist() == [wanted]


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(1, 12))
def test_interpolation_is_adaptive_pooling_along_channels(channels: int, out_channels: int) -> None:
    x = torch.randn(2, channels, 3, 4, generator=torch.Generator().manual_seed(channels))
    pooled = functional.adaptive_avg_pool3d(x[:, None], (out_channels, 3, 4))[:, 0]
    torch.testing.assert_close(channel_interpolate(x, out_channels), pooled)


def test_first_draw_follows_the_probabilities() -> None:
    p = torch.tensor([0.5, 0.3, 0.2])
    logits = p.log().expand(100_000, 3)
    best = gumbel_softmax(logits, 1.0, seed=3).argmax(1).bincount().numpy()
    assert chisquare(best, 100_000 * p.double().numpy()).pvalue > 0.001


def test_draws_go_by_the_perturbed_probabilities() -> None:
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(50_000, 3)
    at_low, at_high = (gumbel_topk_weights(logits, tau, 1, seed=1)[0][:, 0].bincount() for tau in (1e-3, 1e3))
    # A low temperature leaves only the perturbed maximum; a high one makes all candidates alike.
    assert chisquare(at_low.numpy(), [25_000, 15_000, 10_000]).pvalue > 0.001
    assert chisquare(at_high.numpy(), [50_000 / 3] * 3).pvalue > 0.001


def test_weights_of_drawn_sizes() -> None:
    logits = torch.randn(40, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    index, weight = gumbel_topk_weights(logits, 0.7, 2, seed=5)
    assert all(len(set(row)) == 2 for row in index.tolist())
    torch.testing.assert_close(weight.sum(1), torch.ones(40, dtype=torch.float64))
    shifted = gumbel_topk_weights(logits + torch.arange(40)[:, None], 0.7, 2, seed=5)
    assert torch.equal(shifted[0], index)
    torch.testing.assert_close(shifted[1], weight)
    every, mixed = gumbel_topk_weights(logits, 0.7, 5, seed=5)
    torch.testing.assert_close(torch.zeros_like(mixed).scatter(1, every, mixed), gumbel_softmax(logits, 0.7, seed=5))


def test_a_single_draw_has_no_gradient() -> None:
    logits = torch.zeros(3, 4, requires_grad=True)
    _, weight = gumbel_topk_weights(logits, 1.0, 1)
    assert torch.equal(weight, torch.ones(3, 1))
    (gradient,) = torch.autograd.grad(weight.sum(), logits)
    assert torch.equal(gradient, torch.zeros(3, 4))


def test_rows_with_fewer_candidates() -> None:
    logits = torch.tensor([[0.0, -torch.inf, -torch.inf], [0.0, 1.0, -torch.inf]])
    for seed in range(20):
        index, weight = gumbel_topk_weights(logits, 1.0, 2, seed=seed)
        assert (index[0, 0].item(), weight[0].tolist()) == (0, [1.0, 0.0])
        assert sorted(index[1].tolist()) == [0, 1]


@pytest.mark.parametrize(("tau", "n"), [(0.0, 2), (-1.0, 2), (1.0, 4), (1.0, 0)])
def test_bad_draws(tau: float, n: int) -> None:
    with pytest.raises(InputError):
        gumbel_topk_weights(torch.zeros(2, 3), tau, n)


def test_a_student_that_answers_as_its_teacher_has_the_hard_part_alone() -> None:
    logits, targets = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 4
    wanted = 0.1 * functional.cross_entropy(logits, targets)
    torch.testing.assert_close(kd_loss(logits, logits, targets, lam=0.9), wanted)


def test_soft_part_is_the_kl_divergence_written_out() -> None:
    random = torch.Generator().manual_seed(1)
    ours, theirs = (torch.randn(5, 3, dtype=torch.float64, generator=random) for _ in range(2))
    p, q = (theirs / 4).softmax(1), (ours / 4).softmax(1)
    wanted = 16 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(kd_loss(ours, theirs, torch.zeros(5, dtype=torch.int64), lam=1.0), wanted)


def test_gradient_at_high_temperature_matches_logits() -> None:
    random = torch.Generator().manual_seed(2)
    ours = torch.randn(1, 5, dtype=torch.float64, generator=random).requires_grad_()
    theirs = torch.randn(1, 5, dtype=torch.float64, generator=random)
    loss = kd_loss(ours, theirs, torch.tensor([0]), lam=0.6, temperature=1e4)
    hard = kd_loss(ours, ours.detach(), torch.tensor([0]), lam=0.6, temperature=1e4)
    (gradient,) = torch.autograd.grad(loss - hard, ours)
    wanted = 0.6 * (ours - ours.mean() - (theirs - theirs.mean())) / 5
    torch.testing.assert_close(gradient, wanted.detach(), atol=1e-4, rtol=0)


def test_a_student_learns_from_its_teacher_alone_where_labels_are_noise() -> None:
    data = digits()
    teacher = mlp([64, 32, 10], seed=1)
    distill(teacher, None, data, epochs=5, batch_size=50, lr=0.05)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    shuffled = data.targets[torch.randperm(len(data), generator=torch.Generator().manual_seed(0))]
    noise = Dataset(data.inputs, shuffled)
    soft, hard = (mlp([64, 16, 10], seed=2) for _ in range(2))
    run = distill(soft, teacher, noise, epochs=5, batch_size=50, lr=0.05, lam=1.0, evaluation={"test": data})
    control = distill(hard, None, noise, epochs=5, batch_size=50, lr=0.05, evaluation={"test": data})
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert run.history.accuracy["test"][-1] > 0.8 > 0.3 > control.history.accuracy["test"][-1]


def test_a_recipe_takes_the_place_of_the_papers_training() -> None:
    data, recipe = digits()[:100], Recipe(steps=7, batch_size=20, lr=0.01, schedule="onecycle")
    ours, plain = mlp([64, 10]), mlp([64, 10])
    assert distill(ours, None, data, recipe=recipe).steps == 7
    fit(plain, data, recipe)
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("options", [{"lam": 1.5}, {"temperature": 0.0}, {"epochs": 0}, {"lr": -1.0}])
def test_bad_distillation(options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        distill(mlp([64, 10]), mlp([64, 10]), digits(), **{"epochs": 1, **options})  # type: ignore[arg-type]


def test_teacher_of_other_classes() -> None:
    with pytest.raises(InputError, match="teacher"):
        distill(mlp([64, 10]), mlp([64, 12]), digits(), epochs=1)
