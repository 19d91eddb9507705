"""NormGrad on ResNet-18, 16 images of 64x64, against one forward and backward pass and against captum."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from benchmarks.timing import Comparison, Growth
from netopsy.interpretability.norm_grad import norm_grad
from netopsy.models import resnet18

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def benchmarks() -> Iterator[Comparison | Growth]:
    """At the layers' own resolution on both sides; captum gives the map of one layer, as we do against it."""
    model = resnet18(classes=10).eval()
    images, target = _images(16, 64), torch.arange(16) % 10
    yield Comparison(
        "norm_grad_vs_pass",
        partial(norm_grad, model, images, target, ["stem", *STAGES], resize=False, normalise=False),
        partial(forward_and_backward, model, images, target),
        target=1.15,
        peer_name="forward and backward",
    )
    for layer in ("stage2", "stage4"):
        peer = LayerGradCam(model, model.get_submodule(layer))
        yield Comparison(
            f"norm_grad_vs_captum_{layer}",
            partial(norm_grad, model, images, target, layer, resize=False, normalise=False),
            partial(peer.attribute, images, target),
            target=1.0,
            peer_name="captum LayerGradCam",
        )
    yield Growth(
        "norm_grad_image_side",
        {side: partial(norm_grad, model, _images(4, side), 3, STAGES) for side in (32, 64, 128)},
        size_name="side",
    )


def forward_and_backward(model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
    """The least that any gradient-based method must do: down to the input, no gradient of any parameter."""
    model.requires_grad_(False)
    start = images.detach().requires_grad_()
    score = model(start).gather(1, target[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, start)
    model.requires_grad_(True)
    return gradient


def _images(count: int, side: int) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))
