"""Gradients against their definition, and the path of a network that trains."""

import math

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.representations.information_plane import (
    gradient_snr,
    icosahedral_dataset,
    log_epochs,
    plot_information_plane,
    track_information_plane,
)

X, Y = icosahedral_dataset()


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 4), nn.Tanh(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def test_drift_and_diffusion_are_those_of_the_gradients():
    model, loss = network(), nn.functional.cross_entropy
    batches = [(X[i::8][:64], Y[i::8][:64]) for i in range(5)]
    seen = []
    for inputs, targets in batches:
        (gradient,) = torch.autograd.grad(loss(model(inputs), targets), model[2].weight)
        seen.append(gradient.double().flatten())
    found = gradient_snr(model, loss, batches)["2.weight"]
    stacked = torch.stack(seen)
    assert found.mean == pytest.approx(float(stacked.mean(0).norm()), rel=1e-5)
    assert found.std == pytest.approx(math.sqrt(float(stacked.var(0).sum())), rel=1e-5)
    assert found.snr == pytest.approx(found.mean / found.std)
    assert all(one.grad is None for one in model.parameters())


def test_a_network_that_trains_leaves_its_path():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

    def step(net):
        for _ in range(20):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(X), Y).backward()
            optimizer.step()

    batches = [(X[i::4], Y[i::4]) for i in range(4)]
    path = track_information_plane(
        model, X, Y, step, 3, checkpoints=[0, 3], loss_fn=nn.functional.cross_entropy, batches=batches
    )
    assert path["layer"].tolist() == ["1", "1", "3", "3"]
    assert path["epoch"].tolist() == [0, 3, 0, 3]
    assert (path["ity"] <= path["ixt"]).all()
    last = path[path["layer"] == "3"]["ity"].tolist()
    assert last[1] > last[0]
    assert (path["grad_std"] > 0).all()
    axes = plot_information_plane(path)
    assert axes.get_xlabel() == "I(X;T) (bits)"


def test_epochs_are_log_spaced():
    assert log_epochs(1) == [0, 1]
    assert log_epochs(1000, 4) == [0, 1, 10, 100, 1000]


def test_what_cannot_be_followed_is_named():
    with pytest.raises(InputError, match="epochs"):
        track_information_plane(network(), X, Y, lambda net: None, 0)
    with pytest.raises(InputError, match="checkpoints"):
        track_information_plane(network(), X, Y, lambda net: None, 2, checkpoints=[5])
    with pytest.raises(InputError, match="nope"):
        track_information_plane(network(), X, Y, lambda net: None, 1, layers=["nope"])
    with pytest.raises(InputError, match="batches"):
        gradient_snr(network(), nn.functional.cross_entropy, [(X, Y)])

    def diverge(net):
        with torch.no_grad():
            net[0].weight.fill_(torch.nan)

    with pytest.raises(InputError, match="NaN"):
        track_information_plane(network(), X, Y, diverge, 1)
    with pytest.raises(InputError, match="lacks"):
        plot_information_plane(track_information_plane(network(), X, Y, lambda net: None, 1).drop(columns="ity"))
