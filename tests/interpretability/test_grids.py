"""Tokens and channels-last layers are grids where moving the image moves them, and nothing else is."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.interpretability.eigen_cam import eigen_cam
from netopsy.interpretability.grids import Layout, layouts, show_grids
from netopsy.interpretability.norm_grad import grad_cam
from netopsy.interpretability.top_images import top_images


class Attending(nn.Module):
    """Attention that also returns its matrix as a layer's output of four axes."""

    def __init__(self, width, heads=2):
        super().__init__()
        self.both, self.heads, self.matrix = nn.Linear(width, 3 * width), heads, nn.Identity()

    def forward(self, x):
        q, k, v = self.both(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = self.matrix((q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1))
        return x + (weights @ v).transpose(1, 2).flatten(2)


class Transformer(nn.Module):
    """Patches, tokens that stand for no position, blocks, class scores."""

    def __init__(self, skip=1, size=(6, 6), width=16, depth=3):
        super().__init__()
        torch.manual_seed(0)
        self.patch = nn.Conv2d(3, width, 8, 8)
        self.others = nn.Parameter(torch.randn(1, skip, width))
        self.place = nn.Parameter(0.1 * torch.randn(1, skip + size[0] * size[1], width))
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), Attending(width)) for _ in range(depth))
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.others.expand(len(x), -1, -1), x], 1) + self.place
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


class ChannelsLast(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.patch = nn.Conv2d(3, 5, 4, 4)
        self.stages = nn.Sequential(
            nn.Sequential(nn.Linear(5, 7), nn.GELU()), nn.Sequential(nn.Linear(7, 6), nn.GELU())
        )
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.stages(self.patch(x).permute(0, 2, 3, 1)).mean((1, 2)))


IMAGES = torch.rand(4, 3, 48, 48, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("skip", [0, 1, 2, 5])
def test_tokens_are_laid_out_and_attention_is_no_grid(skip):
    found = layouts(Transformer(skip), IMAGES[:1])
    assert found["patch"] == Layout("channels first", 6, 6)
    for number in range(3):
        assert found[f"blocks.{number}"] == Layout("tokens", 6, 6, skip)
        assert f"blocks.{number}.1.matrix" not in found


def test_images_that_are_not_square_have_grids_that_are_not():
    wide = torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    assert layouts(Transformer(1, (4, 8)), wide)["blocks.2"] == Layout("tokens", 4, 8, 1)


def test_channels_last_are_seen_as_such():
    found = layouts(ChannelsLast(), IMAGES[:1])
    assert found["stages.0"] == Layout("channels last", 12, 12)
    assert found["stages.1"] == Layout("channels last", 12, 12)


@pytest.mark.parametrize("model", [Transformer(), ChannelsLast()])
def test_views_change_nothing_and_leave_nothing(model):
    names, before = [name for name, _ in model.named_modules()], model(IMAGES)
    with show_grids(model, IMAGES) as views:
        torch.testing.assert_close(model(IMAGES), before, rtol=0, atol=0)
        assert all(name in dict(model.named_modules()) for name in views.names)
        assert views.names[-1] in ("blocks.2.1.grid", "stages.1.1.grid")
    assert [name for name, _ in model.named_modules()] == names
    assert not any(module._forward_hooks for module in model.modules())


def test_methods_look_at_a_view_as_at_a_convolution():
    model = Transformer()
    with show_grids(model, IMAGES) as views:
        layer = views.names[-1]
        maps = grad_cam(model, IMAGES, 1, layer, resize=False)
        assert maps.shape == (4, 6, 6)
        assert eigen_cam(model, IMAGES, layer, resize=False).shape == (4, 6, 6)
        assert top_images(model, layer, IMAGES, k=2).rows.max() < 6
    tokens = {}
    model.blocks[2].register_forward_hook(lambda module, args, output: tokens.update(values=output))
    model(IMAGES)
    grid = Layout("tokens", 6, 6, 1)
    again = grid.restored(grid.grid(tokens["values"]), tokens["values"])
    assert torch.equal(again, tokens["values"])


def test_a_size_can_be_said_and_what_fits_nothing_is_refused():
    model = Transformer(1, (4, 9))
    wide = torch.rand(2, 3, 32, 72, generator=torch.Generator().manual_seed(0))
    with show_grids(model, wide, ["blocks.1"], size=(4, 9)) as views:
        assert eigen_cam(model, wide, views.names[0], resize=False).shape == (2, 4, 9)
    with pytest.raises(InputError, match="holds no 9x9 tokens"):
        show_grids(model, wide, ["blocks.1"], size=(9, 9))
    with pytest.raises(InputError, match="is no grid that moves"):
        show_grids(model, wide, ["blocks.1.1.matrix"])
    with pytest.raises(InputError, match="unknown layer"):
        show_grids(model, wide, ["blocks.7"])


def test_eigen_cam_without_a_layer_does_not_show_the_patch_embedding():
    with pytest.raises(InputError, match="tokens"):
        eigen_cam(Transformer(), IMAGES)
