import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.masks import AppliedMasks, apply_masks, check_masks, density, prunable_parameters


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))


def half_masks(model):
    random = torch.Generator().manual_seed(1)
    return {name: torch.rand(p.shape, generator=random) < 0.5 for name, p in prunable_parameters(model).items()}


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    ],
)
def test_masked_weights_stay_exactly_zero_and_kept_ones_move(make):
    model = net()
    masks = half_masks(model)
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = make(model.parameters())
    with apply_masks(model, masks):
        for _ in range(5):
            optimizer.zero_grad()
            model(torch.randn(8, 1, 4, 4)).square().sum().backward()
            optimizer.step()
            assert all((p[~masks[name]] == 0).all() for name, p in model.named_parameters() if name in masks)
    for name, p in model.named_parameters():
        if name in masks:
            assert (p[masks[name]] != start[name][masks[name]]).all()


def test_removed_masks_no_longer_act_and_other_optimizers_are_left_alone():
    model, other = net(), nn.Linear(2, 1)
    handle = apply_masks(model, half_masks(model))
    with torch.no_grad():
        model[3].weight.fill_(1.0)
    other(torch.ones(1, 2)).sum().backward()
    torch.optim.SGD(other.parameters(), lr=0.1).step()
    assert (model[3].weight == 1).all()
    handle.remove()
    model(torch.ones(1, 1, 4, 4)).sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.0).step()
    assert (model[3].weight == 1).all()


def test_prunable_parameters_leave_out_norms_biases_and_excluded_modules_and_count_shared_ones_once():
    model = net()
    assert list(prunable_parameters(model)) == ["0.weight", "3.weight"]
    assert list(prunable_parameters(model, exclude=["3"])) == ["0.weight"]
    shared = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    shared[1].weight = shared[0].weight
    assert list(prunable_parameters(shared)) == ["0.weight"]


def test_a_weight_tied_to_an_embedding_goes_by_its_name_among_the_parameters():
    class Language(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.out = nn.Embedding(7, 4), nn.Linear(4, 7)
            self.out.weight = self.words.weight

    model = Language()
    found = prunable_parameters(model)
    assert list(found) == ["words.weight"]
    assert (
        check_masks(model, {name: torch.ones_like(w) for name, w in found.items()})["words.weight"]
        is found["words.weight"]
    )


def test_masks_follow_a_model_to_another_device():
    weight = nn.Parameter(torch.ones(2))
    with AppliedMasks([weight], [torch.tensor([True, False])]) as handle:
        handle._parameters = [nn.Parameter(weight.to("meta"))]  # as if moved; operations refuse tensors on two devices
        handle.enforce()
        assert [mask.device.type for mask in handle._masks] == ["meta"]


def test_density_counts_all_weights_together():
    assert density({"a": torch.ones(3, dtype=torch.bool), "b": torch.zeros(9, dtype=torch.bool)}) == 0.25


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: check_masks(m, {"4.weight": torch.ones(1)}), "unknown parameter in masks '4.weight'"),
        (lambda m: check_masks(m, {"3.weight": torch.ones(3)}), r"must have shape \(3, 16\), got \(3,\)"),
        (lambda m: check_masks(m, {"3.weight": torch.full((3, 16), 0.5)}), "only 0 and 1"),
        (lambda m: check_masks(m, {}), "masks is empty"),
        (lambda m: check_masks(m, {"0.weight": torch.ones(16, 8), "b": None}), "got 'b': NoneType"),
        (lambda m: prunable_parameters(nn.ReLU()), "no weights to prune"),
        (lambda m: prunable_parameters(m, exclude=["7"]), "unknown module in exclude '7'"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call(net())
