"""One step after another: the gradient, what stays the same, what is refused."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.models import resnet
from netopsy.sparsity.lottery_jackpots import MaskSearch, start_masks


def linear(weight):
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight = nn.Parameter(weight.clone())
    return layer


def test_the_gradient_is_straight_through_at_removed_entries_too():
    torch.manual_seed(0)
    weight, x, t = torch.randn(3, 4), torch.randn(4), torch.randn(3)
    mask = torch.rand(3, 4) < 0.5
    search = MaskSearch(linear(weight), {"weight": mask}, lr=1.0, momentum=0.0, weight_decay=0.0)
    y = search(x)
    torch.testing.assert_close(y.detach(), (weight * mask) @ x)
    before = search.scores["weight"]
    assert torch.equal(before, torch.where(mask, 1.0, 0.99))
    search.step(0.5 * (y - t).square().sum())
    torch.testing.assert_close(before - search.scores["weight"], weight * torch.outer(y.detach() - t, x))


def test_several_batches_may_go_into_one_step():
    torch.manual_seed(0)
    weight, inputs = torch.randn(2, 4), torch.randn(2, 6, 4)
    mask = {"weight": torch.rand(2, 4) < 0.5}
    together, apart = (MaskSearch(linear(weight), mask, momentum=0.0) for _ in range(2))
    together.step(together(inputs.flatten(0, 1)).square().mean())
    apart.step((apart(inputs[0]).square().mean() + apart(inputs[1]).square().mean()) / 2)
    torch.testing.assert_close(together.scores, apart.scores)


def test_under_plain_descent_a_swap_lowers_a_linear_loss_by_what_is_predicted():
    """Without curvature the change is the first-order one, W_j g_j - W_i g_i; with it, half a quadratic form more."""
    torch.manual_seed(1)
    weight, direction, root = torch.randn(1, 8), torch.randn(8), torch.randn(8, 8)
    for curvature in (torch.zeros(8, 8), root @ root.T):
        model = linear(weight)
        search = MaskSearch(model, start_masks(model, 0.5), lr=0.3, momentum=0.0, weight_decay=0.0)

        def loss(masked, curvature=curvature):
            return direction @ masked + 0.5 * masked @ curvature @ masked

        old = weight[0] * search.masks["weight"][0]
        gradient = direction + curvature @ old
        answers = search(torch.eye(8))[:, 0]
        torch.testing.assert_close(answers.detach(), old)
        search.step(loss(answers))
        report = search.swap()
        change = weight[0] * search.masks["weight"][0] - old
        assert report.q == report.q_allowed > 0
        predicted = gradient @ change
        torch.testing.assert_close(loss(old + change) - loss(old), predicted + 0.5 * change @ curvature @ change)
        assert predicted < -0.01 * report.q / 0.3  # each pair overcame the gap of 0.01 in one step of 0.3


def network():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


def searched(model, steps=6, alpha=0.3, **options):
    inputs, targets = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 3
    search = MaskSearch(model, start_masks(model, 0.75), **options)
    counts = {name: int(mask.sum()) for name, mask in search.masks.items()}
    reports = []
    for _ in range(steps):
        search.step(nn.functional.cross_entropy(search(inputs), targets))
        reports.append(search.swap(alpha))
        assert {name: int(mask.sum()) for name, mask in search.masks.items()} == counts
    return search, reports


def test_the_weights_are_kept_or_0_and_the_network_is_left_as_it_was(left_as_found):
    model = network().eval()
    model[0].bias.requires_grad_(False)
    before = left_as_found(model)
    search, reports = searched(model, lr=1.0)
    assert left_as_found(model) == before
    assert sum(each.q_allowed for each in reports) > 0
    assert all(each.q_allowed <= each.q for each in reports)
    sparse = search.export()
    assert not sparse.training
    for name, mask in search.masks.items():
        assert torch.equal(sparse.get_parameter(name), model.get_parameter(name) * mask)
    assert (sparse[1].running_mean != model[1].running_mean).all()
    assert int(sparse[1].num_batches_tracked) == 6
    assert torch.equal(sparse[1].weight, model[1].weight)


def test_without_restriction_the_mask_is_always_that_of_the_highest_scores():
    search, _ = searched(network(), alpha=1.0, lr=1.0)
    for name, mask in search.masks.items():
        score = search.scores[name]
        assert score[mask].min() >= score[~mask].max()


def test_what_is_denied_a_swap_keeps_its_score():
    search, (report,) = searched(network(), steps=1, alpha=0.0, lr=1.0)
    assert report.q > report.q_allowed == 0
    masks, scores = search.masks, search.scores
    assert search.swap(0.0).q == report.q
    assert torch.equal(search.scores["0.weight"], scores["0.weight"])
    assert torch.equal(search.masks["0.weight"], masks["0.weight"])


@pytest.mark.parametrize("model", [resnet(8, channels=1, width=2), nn.LSTM(3, 4)], ids=["residual", "recurrent"])
def test_only_weights_of_layers_take_part(model):
    if isinstance(model, nn.LSTM):
        head = nn.ModuleDict({"cell": model, "out": nn.Linear(4, 2)})
        assert list(start_masks(head, 0.5)) == ["out.weight"]
        return
    names = list(start_masks(model, 0.5, exclude=["output"]))
    assert names[0] == "stem.conv.weight"
    assert all("norm" not in name and "output" not in name for name in names)


BAD = {
    "a name": (lambda s: s.step("loss"), "loss must be one finite number, got str"),
    "several": (lambda s: s.step(torch.ones(2)), r"got a tensor of shape \(2,\)"),
    "NaN": (lambda s: s.step(torch.tensor(torch.nan)), "got nan"),
    "of something else": (lambda s: s.step(torch.ones((), requires_grad=True) * 2), "outputs of this search since"),
    "a constant": (lambda s: s.step(torch.ones(())), "does not depend on its weights"),
    "a share above 1": (lambda s: s.swap(1.5), "alpha must be a number from 0 to 1, got 1.5"),
    "no share": (lambda s: s.swap(float("nan")), "alpha must be"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_steps_are_refused(what, unchecked):
    call, says = BAD[what]
    search = MaskSearch(nn.Linear(2, 2), {"weight": torch.eye(2).bool()})
    with pytest.raises(InputError, match=says):
        call(search)


def test_bad_starts_are_refused(unchecked):
    layer, mask = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), {"0.weight": torch.eye(2).bool()}
    for model, masks, options, says in (
        ("net", mask, {}, "model must be a torch nn.Module"),
        (layer, {}, {}, "masks is empty"),
        (layer, {"2.weight": torch.ones(2).bool()}, {}, "unknown parameter in masks '2.weight'"),
        (layer, {"0.weight": torch.ones(3).bool()}, {}, r"must have shape \(2, 2\), got \(3,\)"),
        (layer, mask, {"gap": 0}, "gap must be a number above 0 and below 1, got 0"),
        (layer, mask, {"lr": -1.0}, "lr must be a finite number"),
        (layer, mask, {"momentum": 1.0}, r"momentum must be in \[0, 1\)"),
    ):
        with pytest.raises(InputError, match=says):
            MaskSearch(model, masks, **options)
