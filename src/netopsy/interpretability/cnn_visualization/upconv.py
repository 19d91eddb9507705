"""A decoder of a layer: trained once, it turns any code into the image to be expected, in one forward pass."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import check_model, device_of
from netopsy.core.seeds import derive, seeded
from netopsy.core.shapes import Images
from netopsy.core.split import run_to
from netopsy.data import Dataset
from netopsy.data.normalisation import Normalisation
from netopsy.interpretability.cnn_visualization.batches import Batches
from netopsy.interpretability.layer_maps import Reshape, check_images
from netopsy.training import Recipe, fit

_SLOPE = 0.2
_NARROWEST = 8


class UpconvNet(nn.Module):
    """From codes of a layer to images: dense layers where the code is a vector, then transposed convolutions.

    Each transposed convolution (4x4, stride 2) doubles the grid, with a leaky ReLU of slope 0.2 behind it, until it has
    the image's size; a 3x3 convolution makes the channels. Grids that do not double to the image's size are brought to
    it at the end, bilinear.

    Args:
        code: the shape of one code, ``(units,)`` or ``(units, rows, columns)``.
        image: the shape of one image, ``(channels, height, width)``.
        width: channels of the first transposed convolution, halved by each.
        seed: for the initial weights.

    Source: Dosovitskiy and Brox 2016, as Qin et al. 2018, section 4, report it.

    >>> UpconvNet((32, 4, 4), (3, 16, 16))(torch.rand(5, 32, 4, 4)).shape
    torch.Size([5, 3, 16, 16])
    """

    code_mean: Tensor
    code_scale: Tensor
    image_mean: Tensor
    image_scale: Tensor

    def __init__(self, code: tuple[int, ...], image: tuple[int, int, int], *, width: int = 64, seed: int = 0) -> None:
        super().__init__()
        require(len(code) in (1, 3), f"code must be (units,) or (units, rows, columns), got {tuple(code)}")
        require(width >= 1, f"width must be at least 1, got {width}")
        channels, height, columns = image
        self.code_shape, self.size = tuple(code), (height, columns)
        grid = (code[1], code[2]) if len(code) == 3 else _coarse(self.size)
        doublings = max(0, math.ceil(math.log2(max(1.0, height / grid[0], columns / grid[1])) - 1e-9))
        widths = [max(_NARROWEST, width >> number) for number in range(doublings + 1)]
        with seeded(seed):
            layers: list[nn.Module] = []
            if len(code) == 1:
                units = widths[0] * grid[0] * grid[1]
                layers += [nn.Linear(code[0], 2 * width), nn.LeakyReLU(_SLOPE), nn.Linear(2 * width, units)]
                layers += [nn.LeakyReLU(_SLOPE), nn.Unflatten(1, (widths[0], *grid))]
            else:
                layers += [nn.Conv2d(code[0], widths[0], 3, padding=1), nn.LeakyReLU(_SLOPE)]
            for inputs, outputs in pairwise(widths):
                layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
            layers.append(nn.Conv2d(widths[-1], channels, 3, padding=1))
        self.layers = nn.Sequential(*layers)
        unit = (code[0], *[1] * (len(code) - 1))
        for name, shape in (("code", unit), ("image", (channels, 1, 1))):
            self.register_buffer(f"{name}_mean", torch.zeros(shape))
            self.register_buffer(f"{name}_scale", torch.ones(shape))

    def standardise(self, codes: Normalisation, images: Normalisation) -> None:
        """Take codes and give images as they are, standardised only inside."""
        for part, like in (("code", codes), ("image", images)):
            for which, value in (("mean", like.mean), ("scale", like.std)):
                buffer = getattr(self, f"{part}_{which}")
                buffer.copy_(value.reshape(buffer.shape))

    def forward(self, codes: Float[Tensor, "batch ..."]) -> Images:
        """Images in the values that the network was trained on."""
        drawn = self.layers((codes - self.code_mean) / self.code_scale)
        if drawn.shape[2:] != self.size:
            drawn = F.interpolate(drawn, size=self.size, mode="bilinear", align_corners=False)
        return drawn * self.image_scale + self.image_mean


@checked
def train_upconv_inverter(
    model: nn.Module,
    layer: Layer,
    images: Images | Iterable[Any],
    *,
    reshape: Reshape | None = None,
    epochs: int = 20,
    batch_size: int = 50,
    lr: float = 1e-3,
    width: int = 64,
    seed: int = 0,
) -> UpconvNet:
    """A decoder ``D`` of a layer that minimises ``sum |x - D(layer(x))|^2`` over ``images``.

    It gives the image to be expected for a code, the mean of all images that have it; where the layer has lost
    something the result is blurred by its nature. Apply it to `netopsy.core.split.run_to`, or `reconstruct`.

    Args:
        model: any network; it runs in evaluation mode and is left as it was.
        images: to train on, ``[n, channels, height, width]``, as the network wants them; or batches of them that can be
            gone through again and again, such as a ``DataLoader``, which are encoded step by step and never all held.
        reshape: lays tokens out as a grid: `netopsy.interpretability.layer_maps.token_grid`.
        epochs, batch_size, lr: of Adam; the rate falls to 0 along a cosine. Batches have the size they come in.
        width: of the decoder, see `UpconvNet`.
        seed: for the decoder's first weights and the order of the images.

    Raises:
        InputError: an unknown layer, or one whose output is neither a vector nor a grid.

    Source: Dosovitskiy and Brox 2016, as Qin et al. 2018, section 4, report it.

    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
    >>> decoder = train_upconv_inverter(net, "1", torch.rand(20, 1, 8, 8), epochs=1, batch_size=10)
    >>> reconstruct(net, "1", decoder, torch.rand(3, 1, 8, 8)).shape
    torch.Size([3, 1, 8, 8])
    """
    check_model(model)
    if isinstance(images, Tensor):
        check_images(images)
    [name] = layer_names(model, [layer])
    require(isinstance(epochs, int) and epochs >= 1, f"epochs must be an int of at least 1, got {epochs!r}")
    require(isinstance(batch_size, int) and batch_size >= 1, f"batch_size must be at least 1, got {batch_size!r}")
    with torch.inference_mode(False):
        device = device_of(model)
        if not isinstance(images, Tensor):
            batches = Batches(images, lambda some: coded(model, name, some, reshape))
            decoder = UpconvNet(batches.code_shape, batches.image_shape, width=width, seed=derive(seed, "decoder"))
            decoder.standardise(batches.codes, batches.images)
            return batches.train(decoder.to(device), epochs, lr)
        codes = torch.cat([coded(model, name, some, reshape) for some in images.split(256)])
        channels, height, columns = images.shape[1:]
        decoder = UpconvNet(
            tuple(codes.shape[1:]), (channels, height, columns), width=width, seed=derive(seed, "decoder")
        )
        decoder.standardise(Normalisation.of(codes), Normalisation.of(images.detach().float()))
        decoder = decoder.to(device)
        steps = max(1, epochs * len(images) // batch_size)
        # The mean over pixels instead of the sum: Adam divides the factor between them out again.
        recipe = Recipe(steps=steps, batch_size=min(batch_size, len(images)), lr=lr, schedule="cosine", loss="mse")
        fit(decoder, Dataset(codes, images.detach().float()), recipe, seed=derive(seed, "order"))
        return decoder.eval()


def reconstruct(
    model: nn.Module, layer: Layer, decoder: nn.Module, images: Images, *, reshape: Reshape | None = None
) -> Images:
    """What ``decoder`` makes of a layer's codes of ``images``: ``decoder(layer(images))``, without gradients.

    Args:
        reshape: the one that the decoder was trained with.
    """
    check_images(images)
    [name] = layer_names(model, [layer])
    with torch.no_grad():
        found = decoder(coded(model, name, images, reshape))
    return found.to(images.dtype)


@torch.no_grad()
def coded(model: nn.Module, layer: str, images: Images, reshape: Reshape | None) -> Tensor:
    """What a layer puts out, as a vector or a grid, in single precision."""
    codes = run_to(model, layer, images.to(device_of(model)))
    codes = codes if reshape is None else reshape(codes)
    require(
        codes.ndim in (2, 4),
        f"layer {layer!r} gives {tuple(codes.shape)}, wanted [batch, units] or [batch, units, rows, columns]; say with "
        "reshape= how to make a grid of it (token_grid)",
    )
    return codes.float()


def _coarse(size: tuple[int, int]) -> tuple[int, int]:
    """The grid that a vector is first laid out as: the image halved until a side would fall below four."""
    rows, columns = size
    while min(rows, columns) >= 8:
        rows, columns = -(-rows // 2), -(-columns // 2)
    return rows, columns
