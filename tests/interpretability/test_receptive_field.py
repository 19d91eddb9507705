import pytest
import torch
from torch import nn
from torch.nn import functional

from netopsy import InputError
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.models import small_conv_net


def stack(*strides):
    layers = []
    for number, stride in enumerate(strides):
        layers.append(nn.Conv2d(1 if number == 0 else 2, 2, 3, stride, padding=1))
    return nn.Sequential(*layers)


@pytest.mark.parametrize(("layer", "size", "stride"), [("0", 3, 1), ("1", 5, 2), ("2", 9, 2), ("3", 13, 4)])
def test_convolutions_in_a_row(layer, size, stride):
    field = receptive_field(stack(1, 2, 1, 2), layer, torch.rand(1, 1, 16, 16))
    assert field.size == (size, size)
    assert field.stride == (stride, stride)
    assert field.offset == (-(size // 2), -(size // 2))


def test_equals_the_nonzero_gradients_of_a_cell_with_positive_weights():
    model = stack(1, 2, 1, 2)
    for parameter in model.parameters():
        parameter.data.fill_(0.5)
    image = torch.ones(1, 1, 48, 48, requires_grad=True)
    grid = model(image)
    field = receptive_field(model, "3", image.detach())
    for row, column in [(0, 0), (5, 6), (11, 3)]:
        (gradient,) = torch.autograd.grad(grid[0, 0, row, column], image, retain_graph=True)
        y0, x0, y1, x1 = field.box(torch.tensor(row), torch.tensor(column)).tolist()
        seen = torch.zeros(48, 48, dtype=torch.bool)
        seen[y0:y1, x0:x1] = True
        assert torch.equal(gradient[0, 0] != 0, seen)


def test_branches_count_as_the_widest_and_sides_may_differ():
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.small, self.wide = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, (5, 3), padding=(2, 1))
            self.out = nn.Identity()

        def forward(self, x):
            return self.out(functional.max_pool2d(functional.gelu(self.small(x) + self.wide(x)), (1, 2)))

    field = receptive_field(Branches(), "out", torch.rand(2, 3, 20, 30))
    assert (field.size, field.stride, field.offset) == ((5, 4), (1, 2), (-2, -1))
    assert field.centre(torch.tensor([3]), torch.tensor([4])).tolist() == [[3.5, 9.0]]


def test_a_field_larger_than_the_image_is_found_by_enlarging_it():
    model = small_conv_net(seed=0)
    small = receptive_field(model, "features.act4", torch.rand(1, 1, 8, 8))
    large = receptive_field(model, "features.act4", torch.rand(1, 1, 64, 64))
    assert (small.size, small.stride, small.offset) == (large.size, large.stride, large.offset)
    assert small.box(torch.tensor(0), torch.tensor(0)).tolist()[:2] == [0, 0]


def test_a_layer_that_sees_everything_gets_the_whole_image():
    class Global(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Identity()

        def forward(self, x):
            return self.out(x * x.mean((2, 3), keepdim=True))

    field = receptive_field(Global(), "out", torch.rand(1, 1, 6, 6))
    assert field.box(torch.tensor([0, 0, 5]), torch.tensor([0, 5, 5])).tolist() == [[0, 0, 6, 6]] * 3


def test_the_network_keeps_its_type_and_mode():
    model = small_conv_net(seed=0).train()
    receptive_field(model, "features.act2", torch.rand(1, 1, 12, 12))
    assert model.training
    assert next(model.parameters()).dtype == torch.float32


def test_a_layer_without_a_grid_is_refused():
    with pytest.raises(InputError, match="no grid"):
        receptive_field(small_conv_net(seed=0), "output", torch.rand(1, 1, 12, 12))
