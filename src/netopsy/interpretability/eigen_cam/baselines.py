"""What Eigen-CAM is compared with, beside Grad-CAM: Grad-CAM++ and two maps that take no thought at all."""

from __future__ import annotations

import torch
from torch import nn
from torch.linalg import vector_norm

from netopsy.core.arguments import checked
from netopsy.core.layers import Layers
from netopsy.core.shapes import Images, Maps
from netopsy.core.targets import Target
from netopsy.interpretability.layer_maps import LayerMaps, Reshape, Site, activation_maps, layer_maps


@checked
def grad_cam_plus_plus(
    model: nn.Module,
    images: Images,
    target: Target,
    layer: Layers,
    *,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """Grad-CAM++: channels weighted by their positive gradients, each position's share set by the gradient's powers.

    With A the activation and g its gradient, ``a = g^2 / (2 g^2 + sum(A) g^3)``, a channel's weight is the sum over
    positions of ``a relu(g)``, and the map is the weighted sum cut off below zero. Where the denominator is 0, a is 0.
    The arguments are those of `netopsy.interpretability.norm_grad.grad_cam`.

    Raises:
        InputError: images, a layer or a target that cannot be used; `netopsy.core.capture.layer_gradients` lists them.

    Source: Chattopadhay et al. 2018, arXiv:1710.11063, for the exponential of the score, whose higher derivatives are
    powers of the first.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> grad_cam_plus_plus(net, torch.rand(2, 3, 32, 32), 7, "1").shape
    torch.Size([2, 32, 32])
    """

    def draw(site: Site) -> Maps:
        # g^2 is cancelled, so that small gradients do not vanish when they are squared.
        below = 2 + site.activation.sum((2, 3), keepdim=True) * site.gradient
        share = torch.where((below != 0) & (site.gradient != 0), 1 / torch.where(below != 0, below, 1), 0)
        weights = (share * site.gradient.relu()).sum((2, 3))
        return torch.einsum("bkhw,bk->bhw", site.activation, weights).relu_()

    return layer_maps(model, images, target, layer, draw, reshape=reshape, resize=resize, normalise=normalise)


@checked
def energy_map(
    model: nn.Module,
    images: Images,
    layer: Layers,
    *,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """The length of the activations at each position: what Eigen-CAM tends to when all components are used.

    The arguments are those of `netopsy.interpretability.eigen_cam.eigen_cam`.

    Raises:
        InputError: images or a layer that cannot be used, as `netopsy.interpretability.eigen_cam.eigen_cam`.

    >>> energy_map(nn.Sequential(nn.Conv2d(3, 8, 3)), torch.rand(2, 3, 32, 32), "0", resize=False).shape
    torch.Size([2, 30, 30])
    """
    return activation_maps(
        model,
        images,
        layer,
        lambda values: vector_norm(values, dim=1),
        reshape=reshape,
        resize=resize,
        normalise=normalise,
    )


def channel_mean_map(
    model: nn.Module,
    images: Images,
    layer: Layers,
    *,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """The mean over channels at each position.

    The arguments are those of `netopsy.interpretability.eigen_cam.eigen_cam`.

    >>> channel_mean_map(nn.Sequential(nn.Conv2d(3, 8, 3)), torch.rand(2, 3, 32, 32), "0", resize=False).shape
    torch.Size([2, 30, 30])
    """
    return activation_maps(
        model, images, layer, lambda values: values.mean(1), reshape=reshape, resize=resize, normalise=normalise
    )
