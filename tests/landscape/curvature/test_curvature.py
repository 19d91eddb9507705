"""Products, eigenpairs, trace and spectrum against matrices that torch.func makes."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call

from netopsy import InputError
from netopsy.core.parameters import flatten, unflatten
from netopsy.data import Dataset
from netopsy.landscape.curvature import (
    dense,
    gauss_newton,
    hessian,
    hutchinson_trace,
    mean_gradient,
    sample_losses,
    slopes,
    spectral_density,
    top_eigenpairs,
)
from netopsy.models import mlp
from netopsy.training.losses import LOSSES

DATA = Dataset(torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3)


def small():
    """50 parameters and a few."""
    return mlp([4, 6, 3], activation="tanh", seed=1)


def whole_hessian(model, data, loss="cross_entropy", at=None):
    values = dict(model.named_parameters()) if at is None else at
    own = {name: value.detach() for name, value in values.items()}

    def mean(vector):
        return LOSSES[loss](functional_call(model, unflatten(vector, own), (data.inputs,)), data.targets).mean()

    jacrev = torch.func.jacrev  # forward derivatives would be compiled first, for seconds
    return jacrev(jacrev(mean))(flatten(own))


def whole_gauss_newton(model, data):
    own = {name: value.detach() for name, value in model.named_parameters()}
    jacobian = torch.func.jacrev(lambda vector: functional_call(model, unflatten(vector, own), (data.inputs,)))
    found = jacobian(flatten(own))
    chances = model(data.inputs).detach().softmax(1)
    bends = torch.diag_embed(chances) - chances[:, :, None] * chances[:, None, :]
    return torch.einsum("ncp,ncd,ndq->pq", found, bends, found) / len(data)


def test_the_matrices_are_those_of_torch_func():
    model = small()
    torch.testing.assert_close(dense(hessian(model, DATA)), whole_hessian(model, DATA), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(dense(gauss_newton(model, DATA)), whole_gauss_newton(model, DATA), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("make", [hessian, gauss_newton])
def test_batches_add_up_to_the_whole(make):
    model = small()
    vector = torch.randn(make(model, DATA).size)
    torch.testing.assert_close(make(model, DATA, batch_size=5)(vector), make(model, DATA)(vector))


def test_top_eigenpairs_are_those_of_the_whole_matrix():
    model = small()
    values, vectors = torch.linalg.eigh(whole_hessian(model, DATA))
    found = top_eigenpairs(hessian(model, DATA), k=3)
    torch.testing.assert_close(found.values, values.flip(0)[:3], rtol=1e-4, atol=1e-6)
    assert torch.allclose((found.vectors * vectors.flip(1)[:, :3]).sum(0).abs(), torch.ones(3), atol=1e-2)
    assert (found.residuals < 1e-2 * values[-1]).all()
    assert found.products < len(values)


def test_the_top_is_the_largest_and_not_the_one_of_largest_size():
    data = Dataset(torch.eye(40), torch.zeros(40, 1))
    curvature = hessian(nn.Linear(40, 1, bias=False), data, loss=lambda out, _: (out * out).sum(1) * SIGNS)
    top = top_eigenpairs(curvature)
    assert top.values.item() == pytest.approx(2 * 3 / 40, rel=1e-4)
    assert top.vectors[0].abs().item() == pytest.approx(1, abs=1e-3)
    assert hutchinson_trace(curvature, samples=1).value == pytest.approx(2 * float(SIGNS.sum()) / 40, rel=1e-5)


SIGNS = torch.cat([torch.tensor([3.0, -9.0, 1.0]), torch.linspace(-1, 0.5, 37)])


def test_the_gradient_mode_around_it_stays_as_it_was():
    with torch.no_grad():
        curvature = hessian(small(), DATA)
        curvature(torch.ones(curvature.size))
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_a_start_near_the_top_saves_products():
    model = mlp([4, 30, 3], activation="tanh", seed=1)
    cold = top_eigenpairs(hessian(model, DATA))
    warm = top_eigenpairs(hessian(model, DATA), v0=cold.vectors[:, 0])
    assert warm.products < cold.products
    torch.testing.assert_close(warm.values, cold.values, rtol=1e-3, atol=0)


def test_a_state_is_looked_at_and_names_choose_the_parameters():
    model, other = small(), mlp([4, 6, 3], activation="tanh", seed=2)
    state = {name: value.detach() for name, value in other.named_parameters()}
    there = dense(hessian(model, DATA, at=state))
    torch.testing.assert_close(there, whole_hessian(model, DATA, at=state), atol=1e-5, rtol=1e-4)
    name = next(iter(state))
    first = dense(hessian(model, DATA, at=state, names=[name]))
    torch.testing.assert_close(first, there[: len(first), : len(first)])
    torch.testing.assert_close(sample_losses(model, DATA, at=state), sample_losses(other, DATA))


def test_the_gradient_is_the_one_of_backward():
    model = small()
    found = mean_gradient(model, DATA, batch_size=5)
    LOSSES["cross_entropy"](model(DATA.inputs), DATA.targets).mean().backward()
    torch.testing.assert_close(found, torch.cat([each.grad.flatten() for each in model.parameters()]))


def test_slopes_are_the_gradients_of_single_samples_along_a_direction():
    model = small()
    direction = torch.randn(51, generator=torch.Generator().manual_seed(0))
    found = slopes(model, DATA, direction, batch_size=5)
    for i in (0, 4, 11):
        assert found[i].item() == pytest.approx(float(mean_gradient(model, DATA[[i]]) @ direction), rel=1e-4)


def test_trace_and_spectrum_stand_for_the_whole_matrix():
    model = small()
    values = torch.linalg.eigvalsh(whole_hessian(model, DATA)).double()
    trace = hutchinson_trace(hessian(model, DATA), samples=100)
    assert abs(trace.value - values.sum()) < 4 * trace.error
    assert trace.error < 0.2 * values.sum()
    spectrum = spectral_density(hessian(model, DATA), steps=len(values), samples=12)
    assert spectrum.weights.sum().item() == pytest.approx(1)
    assert spectrum.points[-1].item() == pytest.approx(values[-1].item(), rel=1e-3)
    for power in (1, 2):
        mean = float((spectrum.weights * spectrum.points**power).sum())
        assert mean == pytest.approx(float((values**power).mean()), rel=0.4)
    grid = torch.linspace(-5, 5, 2001)
    assert torch.trapezoid(spectrum.density(grid, width=0.05), grid.double()).item() == pytest.approx(1, abs=1e-3)
    assert spectrum.share_below(0.0) == pytest.approx((values < 0).double().mean().item(), abs=0.2)


class Attends(nn.Module):
    """A transformer's layer over two tokens, behind a recurrent one."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(2, 4, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(4, 2, 5, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.layer(self.recurrent(x.view(len(x), 2, 2))[0]).mean(1))


def convolutions():
    norm = nn.BatchNorm2d(2)
    norm.running_mean += 0.3
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 2, 2), norm, nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(),
        nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)),
    )  # fmt: skip


@pytest.mark.parametrize("make", [Attends, convolutions])
def test_any_network_goes_and_is_left_as_it_was(make, left_as_found):
    torch.manual_seed(3)
    model = make().double().train()
    model.requires_grad_(False)
    data = Dataset(DATA.inputs.double(), DATA.targets)
    before = left_as_found(model)
    curvature = hessian(model, data)
    vector = torch.randn(curvature.size, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        product = curvature(vector)
    assert left_as_found(model) == before
    step, state = 1e-5, curvature.parameters
    ahead, behind = (
        mean_gradient(model, data, at=unflatten(flatten(state) + sign * step * vector, state)) for sign in (1, -1)
    )
    torch.testing.assert_close(product, (ahead - behind) / (2 * step), atol=1e-6, rtol=1e-4)
    positive = gauss_newton(model, data)(vector) @ vector
    assert positive > 0


def test_a_linear_loss_has_no_curvature():
    model = nn.Linear(4, 1)
    for make in (hessian, gauss_newton):
        assert not make(model, DATA, loss=lambda out, _: out[:, 0])(torch.ones(5)).any()
    assert math.isnan(hutchinson_trace(hessian(model, DATA, loss=lambda out, _: out[:, 0]), samples=1).error)
    spectrum = spectral_density(hessian(model, DATA, loss=lambda out, _: out[:, 0]))
    assert spectrum.points.tolist() == [0.0] * 4
    spectrum.plot()


def broken():
    model = small()
    with torch.no_grad():
        model.fc1.weight[0, 0] = torch.nan
    return model


BAD = {
    "no model": (lambda: hessian("net", DATA), "model must be a torch nn.Module, got str"),
    "no data": (lambda: hessian(small(), DATA.inputs), "data must be a netopsy Dataset, got Tensor"),
    "other data": (lambda: hessian(small(), Dataset(torch.ones(2, 3), torch.zeros(2)))(ONES), "do not go through"),
    "unknown loss": (lambda: hessian(small(), DATA, loss="crossentropy"), "unknown loss 'crossentropy': did you mean"),
    "reduced": (lambda: hessian(small(), DATA, loss=nn.CrossEntropyLoss())(ONES), r"one number a sample .*, got shape"),
    "misfit": (lambda: sample_losses(small(), DATA, loss="bce"), "loss cannot compare outputs of shape"),
    "half": (lambda: hessian(small().half(), DATA), "in single or double precision, got .* torch.float16"),
    "no parameters": (lambda: hessian(nn.Flatten(), DATA), "no parameters to differentiate by"),
    "unknown name": (lambda: hessian(small(), DATA, names=["w"]), "unknown parameter 'w'"),
    "misshapen": (lambda: hessian(small(), DATA, at=dict(mlp([4, 5, 3]).named_parameters())), r"at\['.*'\] must have"),
    "missing": (lambda: hessian(small(), DATA, at={}), "at has no value for the parameter"),
    "batch": (lambda: hessian(small(), DATA, batch_size=0), "batch_size must be an int of at least 1, got 0"),
    "vector": (lambda: hessian(small(), DATA)(torch.ones(3)), r"vector must be a tensor of shape \(51,\), got"),
    "diverged": (lambda: hessian(broken(), DATA)(ONES), "the network has diverged"),
    "k": (lambda: top_eigenpairs(hessian(small(), DATA), k=52), "k must be an int between 1 and .* 51, got 52"),
    "v0": (lambda: top_eigenpairs(hessian(small(), DATA), v0=ONES[:4]), r"v0 must be a tensor of shape \(51,\)"),
    "null v0": (lambda: top_eigenpairs(hessian(small(), DATA), v0=0 * ONES), "v0 must be finite and not zero"),
    "impatient": (
        lambda: top_eigenpairs(hessian(small(), DATA), k=12, max_products=1, tolerance=1e-9),
        "did not converge",
    ),
    "samples": (lambda: hutchinson_trace(hessian(small(), DATA), samples=0), "samples must be an int of at least 1"),
    "steps": (lambda: spectral_density(hessian(small(), DATA), steps=0), "steps must be an int of at least 1, got 0"),
    "direction": (lambda: slopes(small(), DATA, ONES[:4]), r"direction must be a tensor of shape \(51,\)"),
    "a matrix": (lambda: hutchinson_trace(torch.eye(3)), r"curvature must come from hessian\(\) or gauss_newton\(\)"),
}
ONES = torch.ones(51)


@pytest.mark.parametrize("what", BAD)
def test_it_says_in_one_sentence_what_is_wrong(what, unchecked):
    call, says = BAD[what]
    with pytest.raises(InputError, match=says):
        call()
