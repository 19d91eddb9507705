"""Training recorded, groups found, controls drawn, what they pull at."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.parameters import flatten
from netopsy.data import Dataset, digits
from netopsy.landscape.curvature import hessian, mean_gradient, sample_losses, top_eigenpairs
from netopsy.landscape.opposing_signals import (
    Groups,
    SplitSGD,
    class_matched_controls,
    feature_norms,
    group_report,
    opposing_groups,
    probe_outputs,
    record_losses,
    separate_pairs,
    swings,
)
from netopsy.models import mlp

DATA = digits()[:60]
GROUPS = Groups(torch.arange(4), torch.arange(4, 9), 0, torch.zeros(60))


def net():
    return mlp([64, 8, 10], activation="tanh", seed=0)


def test_losses_states_and_sharpness_are_those_of_plain_descent(left_as_found):
    model, twin = net().train(), net()
    before = left_as_found(model)
    run = record_losses(model, DATA, lr=0.2, steps=4, snapshot_every=2, sharpness_every=2, batch_size=25)
    assert left_as_found(model) == before
    for step in range(5):
        torch.testing.assert_close(run.losses[step], sample_losses(twin, DATA))
        if step in run.states:
            torch.testing.assert_close(flatten(run.states[step]), flatten(dict(twin.named_parameters())).detach())
            top = top_eigenpairs(hessian(twin, DATA)).values.item()
            assert run.sharpness[step] == pytest.approx(top, rel=1e-3)
        moved = flatten(dict(twin.named_parameters())).detach() - 0.2 * mean_gradient(twin, DATA)
        nn.utils.vector_to_parameters(moved, twin.parameters())
    assert sorted(run.states) == [0, 2, 4]
    assert run.mean[3].item() == pytest.approx(run.losses[3].mean().item(), rel=1e-6)
    assert run.plot().get_ylabel() == "mean loss"


def test_the_change_of_a_loss_is_to_first_order_its_gradient_with_the_mean():
    model, whole = net(), mean_gradient(net(), DATA)
    for lr, bound in ((1e-2, 0.1), (1e-3, 0.01)):
        run = record_losses(model, DATA, lr=lr, steps=1)
        for i in (0, 7):
            wanted = -lr * float(mean_gradient(model, DATA[[i]]) @ whole)
            assert float(run.losses[1, i] - run.losses[0, i]) == pytest.approx(wanted, rel=bound, abs=1e-6)


def test_training_goes_on_from_a_state_with_another_optimiser_and_some_samples():
    first = record_losses(net(), DATA, lr=0.2, steps=2)
    rest = record_losses(net(), DATA, lr=0.2, steps=3, at=first.state, samples=[5, 7])
    torch.testing.assert_close(rest.losses[0], first.losses[-1, [5, 7]])
    whole = record_losses(net(), DATA, lr=0.2, steps=5)
    torch.testing.assert_close(rest.losses[-1], whole.losses[-1, [5, 7]])
    split = record_losses(net(), DATA, lr=0.2, steps=3, optimizer=lambda own: SplitSGD(own, 1.0, 0.01))
    assert split.mean[-1] < split.mean[0]


def test_batch_norms_are_told_of():
    norms = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))
    with pytest.warns(UserWarning, match="batch norms, which keep the statistics they have"):
        record_losses(norms, DATA, lr=0.1, steps=1)


def test_groups_are_the_extremes_of_the_largest_rise():
    losses = torch.ones(5, 8)
    losses[1, 0] = 50.0  # a rise in the warm-up
    losses[3] = torch.tensor([1.0, 4.0, 3.0, 1.0, 1.0, 0.2, 1.0, 0.1])
    found = opposing_groups(losses, k=2, warmup=1)
    assert (found.up.tolist(), found.down.tolist(), found.step) == ([1, 2], [7, 5], 2)
    assert opposing_groups(losses, k=1).up.tolist() == [0]
    assert len(opposing_groups(torch.rand(3, 1000), step=0).up) == 20
    assert len(opposing_groups(torch.rand(3, 8), step=0).up) == 4


def test_pairs_are_told_apart_by_the_feature_they_share():
    groups = Groups(torch.tensor([0, 1, 2, 3]), torch.tensor([4, 5, 6, 7]), 0, torch.zeros(8))
    features = torch.tensor([0.0, 9, 0, 9, 0, 9, 0, 30])[:, None] + torch.arange(8)[:, None] * 0.01
    pairs = separate_pairs(groups, features, pairs=3)
    assert [(pair.up.tolist(), pair.down.tolist()) for pair in pairs] == [([0, 2], [4, 6]), ([1, 3], [5])]


def test_controls_have_the_classes_of_the_groups_and_none_of_their_members():
    labels = DATA.targets
    for control in class_matched_controls(labels, GROUPS, draws=4):
        assert torch.equal(labels[control.up], labels[GROUPS.up])
        assert torch.equal(labels[control.down], labels[GROUPS.down])
        members = control.both.tolist()
        assert len(set(members)) == 9
        assert not set(members) & set(GROUPS.both.tolist())


def test_the_report_is_made_of_plain_gradients():
    model = net()
    top = top_eigenpairs(hessian(model, DATA)).vectors[:, 0]
    found = group_report(model, DATA, GROUPS, eigenvector=top)
    up, down = mean_gradient(model, DATA[:4]), mean_gradient(model, DATA[4:9])
    assert found.cosine == pytest.approx(float(up @ down / up.norm() / down.norm()), rel=1e-4)
    assert found.up_norm == pytest.approx(float(up.norm()), rel=1e-5)
    assert found.down_projection == pytest.approx(float(down @ top / down.norm()), rel=1e-3)
    losses = sample_losses(model, DATA)
    assert found.loss_share == pytest.approx(float(losses[:9].sum() / losses.sum()), rel=1e-5)
    assert group_report(model, DATA, GROUPS).up_projection is None


def test_swings_know_opposition_and_alternation():
    steps = torch.arange(40.0)
    losses = torch.stack([10 + (-1) ** steps * steps, 10 - (-1) ** steps * steps, steps], 1)
    groups = Groups(torch.tensor([0]), torch.tensor([1]), -1, torch.zeros(3))
    found = swings(losses, groups, start=10)
    assert found.correlation == -1
    assert found.up_lag < -0.9
    assert swings(losses, Groups(torch.tensor([0]), torch.tensor([2]), -1, torch.zeros(3))).down_lag == 0


def test_probes_and_features_follow_the_states():
    model = net()
    run = record_losses(model, DATA, lr=0.2, steps=2, snapshot_every=1)
    probes = probe_outputs(model, run, DATA.inputs[:3])
    assert probes.shape == (3, 3, 10)
    torch.testing.assert_close(probes[0], model(DATA.inputs[:3]).softmax(1).detach())
    torch.testing.assert_close(-probes[2, 0, DATA.targets[0]].log(), run.losses[2, 0])
    seen = feature_norms(model, DATA, GROUPS, ["", "fc1"], at=run.state)
    assert set(seen) == {"", "fc1"}
    lengths = DATA.inputs.flatten(1).norm(dim=1)
    assert seen[""][0] == pytest.approx(float(lengths[:4].mean() / lengths.mean()), rel=1e-5)


RUN = torch.rand(5, 60, generator=torch.Generator().manual_seed(0))
TOKENS = Dataset(torch.ones(4, 64, dtype=torch.int64), torch.arange(4))
BAD = {
    "lr": (lambda: record_losses(net(), DATA, lr=0, steps=1), "lr must be positive and finite, got 0"),
    "steps": (lambda: record_losses(net(), DATA, lr=1, steps=0), "steps must be an int of at least 1, got 0"),
    "diverges": (
        lambda: record_losses(mlp([64, 8, 10], seed=0), DATA, lr=1e25, steps=9),
        r"the loss is not finite after \d steps: lr=1e\+25 is too large",
    ),
    "optimiser": (lambda: record_losses(net(), DATA, lr=1, steps=1, optimizer="adam"), "optimizer must make one"),
    "samples": (lambda: record_losses(net(), DATA, lr=1, steps=1, samples=[60]), "indices from 0 to 59"),
    "large k": (lambda: opposing_groups(RUN, k=31), "k must be an int between 1 and half of the 60 examples, got 31"),
    "no rise": (lambda: opposing_groups(-RUN.cumsum(0)), "the mean loss never rises"),
    "NaN": (lambda: opposing_groups(RUN * torch.nan), "losses hold NaN or infinite values"),
    "no matrix": (lambda: opposing_groups(RUN[0]), r"losses must be floats \[steps \+ 1, samples\]"),
    "step": (lambda: opposing_groups(RUN, step=4), "step must be an int between 0 and 3, got 4"),
    "warm-up": (lambda: opposing_groups(RUN, warmup=4), "warmup must be an int between 0 and 3, got 4"),
    "one class": (
        lambda: class_matched_controls(torch.arange(60) // 8, Groups(torch.arange(6), torch.arange(6, 9), 0, RUN[0])),
        "class 0 has 0 examples beside the groups', but 8 are wanted",
    ),
    "no labels": (lambda: class_matched_controls(RUN[0], GROUPS), "labels must be one class number an example"),
    "few samples": (lambda: group_report(net(), DATA[:5], GROUPS), "groups name example 8, but there are only 5"),
    "eigenvector": (lambda: group_report(net(), DATA, GROUPS, eigenvector=RUN[0]), "eigenvector must be a tensor of"),
    "short": (lambda: swings(RUN[:3], GROUPS), "must have at least four rows, got 3"),
    "features": (lambda: separate_pairs(GROUPS, RUN[:, :2]), "features must have a row for every example, at least 9"),
    "pairs": (lambda: separate_pairs(GROUPS, RUN.T, pairs=10), "pairs must be an int between 1 and .* 9, got 10"),
    "other network": (
        lambda: probe_outputs(mlp([64, 10]), record_losses(net(), DATA, lr=1, steps=1), DATA.inputs),
        "trajectory holds states of another network",
    ),
    "other state": (
        lambda: feature_norms(mlp([64, 9, 10]), DATA, GROUPS, "fc1", at=net().state_dict()),
        "must have shape",
    ),
    "no data": (lambda: record_losses(net(), DATA.inputs, lr=1, steps=1), "data must be a netopsy Dataset"),
    "reduced": (lambda: record_losses(net(), DATA, lr=1, steps=1, loss=nn.CrossEntropyLoss()), "one number a sample"),
    "integers": (lambda: record_losses(net(), TOKENS, lr=1, steps=1), "do not go through the network|but the network"),
}


@pytest.mark.parametrize("what", BAD)
def test_it_says_in_one_sentence_what_is_wrong(what, unchecked):
    call, says = BAD[what]
    with pytest.raises(InputError, match=says) as raised:
        call()
    assert len(str(raised.value).splitlines()) == 1
