"""Measures beside accuracy against closed forms and scikit-learn, and inference without zeros against with them."""

import copy

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from netopsy import InputError
from netopsy.models import mlp, small_conv_net
from netopsy.sparsity.random_pruning import compile_sparse, fgsm, ood_auroc, randomly_prune
from netopsy.sparsity.random_pruning.compiled import SparseLinear


def test_the_area_is_that_of_scikit_learn_and_of_counting_pairs(generator):
    inside, outside = torch.rand(40, generator=generator).round(decimals=1) + 0.2, torch.rand(30, generator=generator)
    found = ood_auroc(inside, outside)
    assert found == roc_auc_score([1] * 40 + [0] * 30, torch.cat([inside, outside]).numpy())
    pairs = inside[:, None] - outside
    assert found == pytest.approx(float((pairs > 0).double().mean() + 0.5 * (pairs == 0).double().mean()))
    assert ood_auroc(outside, inside) == pytest.approx(1 - found)


def linear(weight, bias=0.0):
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight))
        layer.bias.fill_(bias)
    return nn.Sequential(nn.Flatten(), layer)


def test_fgsm_of_a_linear_network_moves_against_the_difference_of_weights(left_as_found):
    model = linear([[1.0, -1.0, 2.0, 0.0], [0.0, 1.0, 3.0, 0.0]])
    images = torch.tensor([0.5, 0.5, 0.5, 0.5]).view(1, 1, 2, 2)
    before = left_as_found(model)
    moved = fgsm(model, images, torch.tensor([0]), 0.1)
    assert left_as_found(model) == before
    torch.testing.assert_close(moved.flatten(), torch.tensor([0.4, 0.6, 0.6, 0.5]))
    torch.testing.assert_close(
        fgsm(model, images, torch.tensor([1]), 0.1).flatten(), torch.tensor([0.6, 0.4, 0.4, 0.5])
    )
    torch.testing.assert_close(
        fgsm(model, images, torch.tensor([0]), 3.0).flatten(), torch.tensor([0.0, 1.0, 1.0, 0.5])
    )


def test_bounds_scale_the_range_and_not_the_step(generator):
    model = linear(torch.randn(2, 4, generator=generator))
    images = torch.rand(5, 1, 2, 2, generator=generator)
    labels = torch.tensor([0, 1, 0, 1, 0])
    wide = nn.Sequential(Scaled(), model)
    found = fgsm(wide, 4 * images - 1, labels, 0.4, bounds=(-1.0, 3.0))
    torch.testing.assert_close((found + 1) / 4, fgsm(model, images, labels, 0.1))


class Scaled(nn.Module):
    def forward(self, images):
        return (images + 1) / 4


def test_sparse_inference_gives_the_same(left_as_found):
    model = small_conv_net((8, 8), (1, 2))
    found = randomly_prune(model, 0.03, "uniform").network.train()
    before = left_as_found(found)
    fast = compile_sparse(found)
    assert left_as_found(found) == before
    images = torch.rand(6, 1, 8, 8)
    torch.testing.assert_close(fast(images), found.eval()(images), atol=1e-5, rtol=1e-4)
    assert sum(isinstance(each, SparseLinear) for each in fast.modules()) == sum(
        isinstance(each, nn.Linear) for each in found.modules()
    )
    alone = nn.Linear(6, 5, bias=False)
    with torch.no_grad():
        alone.weight.mul_((torch.arange(30) == 7).view(5, 6))
    inputs = torch.rand(2, 3, 6)
    torch.testing.assert_close(compile_sparse(alone)(inputs), alone(inputs))


def test_sparse_layers_are_copied_saved_and_read_by_others():
    encoder = nn.TransformerEncoderLayer(8, 2, 32, batch_first=True)
    pruned = randomly_prune(encoder, 0.04, "uniform").network.eval()
    fast = compile_sparse(pruned)
    again = copy.deepcopy(fast)
    again.load_state_dict(fast.state_dict())
    tokens = torch.rand(3, 4, 8)
    for without in (torch.enable_grad, torch.no_grad):  # without gradients its layers are run as one
        with without():
            torch.testing.assert_close(again(tokens), pruned(tokens))


def test_layers_with_too_few_zeros_stay():
    model = mlp([64, 50, 10])
    found = randomly_prune(model, 0.2, dense=["output.weight"]).network
    fast = compile_sparse(found, sparsity=0.5)
    assert isinstance(fast.fc1, SparseLinear)
    assert type(fast.output) is nn.Linear
    with pytest.raises(InputError, match="no linear layer with a share of zeros of 0.95"):
        compile_sparse(found)


def zeroed(layer):
    nn.init.zeros_(layer.weight)


IMAGES, LABELS = torch.rand(2, 1, 2, 2), torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ood_auroc(torch.zeros(0), torch.ones(2)), "inside must be"),
        (lambda: ood_auroc(torch.ones(2), torch.ones(2, 2)), "outside must be"),
        (lambda: ood_auroc(torch.ones(2), torch.tensor([torch.nan])), "outside holds values"),
        (lambda: fgsm(linear(torch.ones(2, 4)), IMAGES + 1, LABELS, 0.1), r"images must be within bounds \(0.0, 1.0\)"),
        (lambda: fgsm(linear(torch.ones(2, 4)), IMAGES, LABELS, 0.0), "radius must be positive"),
        (lambda: fgsm(linear(torch.ones(2, 4)), IMAGES, LABELS, 0.1, bounds=(1.0, 0.0)), "bounds must be finite"),
        (
            lambda: fgsm(linear(torch.ones(2, 4)), IMAGES, LABELS[:1], 0.1),
            r"target must be a class index, an int64 tensor \[2\]",
        ),
        (lambda: fgsm(linear(torch.ones(2, 4)), torch.rand(2, 3, 2, 2), LABELS, 0.1), "do not go through"),
        (lambda: compile_sparse(nn.ReLU()), "no linear layer"),
        (lambda: compile_sparse(nn.Linear(4, 2).bfloat16().apply(zeroed)), "is in torch.bfloat16 on the CPU"),
        (lambda: compile_sparse(mlp([4, 2]), sparsity=0.0), r"sparsity must be in \(0, 1\]"),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
