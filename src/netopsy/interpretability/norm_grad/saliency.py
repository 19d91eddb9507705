"""The saliency maps: the whole grid of two phases, and the cells of it that have names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

import torch
from torch import nn
from torch.linalg import vector_norm

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, UnknownNameError, lookup, require
from netopsy.core.layers import INPUT, Layers, layer_names, module_of
from netopsy.core.per_sample import PerSampleModel
from netopsy.core.shapes import Images, Maps
from netopsy.core.targets import Target
from netopsy.interpretability.layer_maps import LayerMaps, Reshape, Site, layer_maps
from netopsy.interpretability.norm_grad.contributions import (
    Contributions,
    Virtual,
    real_contributions,
    virtual_contributions,
    virtual_window,
)
from netopsy.interpretability.rectifiers import RectifierRule, rectified

Extract = Literal["bias", "scaling", "conv", "depthwise", "real"]
"""The virtual identity layers, or ``"real"`` for the named convolution itself."""

Aggregate = Literal["sum", "norm", "filter_norm", "max", "max_abs"]

EXTRACTS: tuple[Extract, ...] = get_args(Extract)

AGGREGATES: Mapping[str, Callable[[Contributions], Maps]] = MappingProxyType(
    {name: getattr(Contributions, name) for name in get_args(Aggregate)}
)


@checked
def backprop_saliency(
    model: nn.Module,
    images: Images,
    target: Target,
    layer: Layers,
    *,
    extract: Extract = "conv",
    aggregate: Aggregate = "norm",
    kernel_size: int = 1,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """Any map of the paper's grid: the share of each location in the gradient of a weight, as one number.

    One forward and one backward pass serve any number of layers. The model is in evaluation mode meanwhile and is
    left as it was.

    Args:
        model: any network; a `netopsy.core.per_sample.PerSampleModel`, too.
        images: ``[batch, channels, height, width]``, prepared as the network wants them.
        target: what is explained: a class index, one a sample (int64 ``[batch]``), or a function from the network's
            output to one number a sample.
        layer: a name as in ``named_modules()``, a submodule, ``""`` for the input, or a sequence of these.
        extract: phase 1, the layer whose weight's gradient is taken apart. ``"bias"``, ``"scaling"``, ``"conv"`` and
            ``"depthwise"`` are virtual identity layers behind ``layer``; ``"real"`` is ``layer`` itself, an
            ``nn.Conv2d``.
        aggregate: phase 2: ``"sum"``, ``"norm"``, ``"filter_norm"`` (the norm of the positive entries), ``"max"`` or
            ``"max_abs"``.
        kernel_size: of the virtual convolutions, odd.
        reshape: makes a grid ``[batch, channels, rows, columns]`` of outputs that are none, such as tokens:
            `token_grid`.
        resize: bring the maps to the size of the images, bilinear; otherwise they have the layer's own grid.
        normalise: shift and scale each map to run from 0 to 1; a constant map becomes zeros.

    Returns:
        Maps ``[batch, height, width]``, float32 for a network in half precision; for a sequence of layers, a dict from
        layer name to maps.

    Raises:
        InputError: an unknown layer or one that the forward pass does not reach, an output that is no grid, a class out
            of range, images or activations that are not finite, an unknown or unsuitable option.

    Source: Rebuffi et al. 2020, the framework of the two phases (place in the paper unconfirmed).

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> maps = backprop_saliency(net, torch.rand(2, 3, 32, 32), 7, ["0", "1"], extract="scaling", aggregate="sum")
    >>> {name: tuple(one.shape) for name, one in maps.items()}
    {'0': (2, 32, 32), '1': (2, 32, 32)}
    """
    if extract not in EXTRACTS:
        raise UnknownNameError("extract", extract, EXTRACTS)
    reduce = lookup("aggregate", aggregate, AGGREGATES)
    if extract == "real":
        require(
            kernel_size == 1,
            f"kernel_size must be left at 1 for extract='real', whose layer has its own, got {kernel_size}",
        )
        require(reshape is None, "reshape must be None for extract='real': a convolution already has a grid")
        contribute = _at_convolutions(model, layer)
    else:
        contribute = _at_virtual_layer(extract, kernel_size)
    return layer_maps(
        model,
        images,
        target,
        layer,
        lambda site: reduce(contribute(site)),
        with_inputs=extract == "real",
        reshape=reshape,
        resize=resize,
        normalise=normalise,
    )


@checked
def norm_grad(
    model: nn.Module,
    images: Images,
    target: Target,
    layer: Layers,
    *,
    extract: Extract = "conv",
    kernel_size: int = 1,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """NormGrad: the Frobenius norm of each location's contribution to the gradient of a convolution's weight.

    With the virtual 1x1 convolution of the default, that is the length of the activation times the length of its
    gradient, ``|x_u| |g_u|``. It is sharp in early layers, too, where Grad-CAM is not. `backprop_saliency` says what
    the arguments mean; this is its cell ``aggregate="norm"``.

    Raises:
        InputError: images, a layer or a target that cannot be used; `netopsy.core.capture.layer_gradients` lists them.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> norm_grad(net, torch.rand(2, 3, 32, 32), 7, "1").shape
    torch.Size([2, 32, 32])
    """
    return backprop_saliency(
        model,
        images,
        target,
        layer,
        extract=extract,
        aggregate="norm",
        kernel_size=kernel_size,
        reshape=reshape,
        resize=resize,
        normalise=normalise,
    )


@checked
def selective_norm_grad(
    model: nn.Module,
    images: Images,
    target: Target,
    layer: Layers,
    *,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """Selective NormGrad: the norm of what speaks for the target only, ``|relu(x_u * g_u)|``.

    The cell ``extract="scaling", aggregate="filter_norm"`` of `backprop_saliency`, which says what the arguments mean.

    Raises:
        InputError: images, a layer or a target that cannot be used; `netopsy.core.capture.layer_gradients` lists them.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> selective_norm_grad(net, torch.rand(2, 3, 32, 32), 7, "1").shape
    torch.Size([2, 32, 32])
    """

    def draw(site: Site) -> Maps:
        return vector_norm((site.activation * site.gradient).relu_(), dim=1)

    return layer_maps(model, images, target, layer, draw, reshape=reshape, resize=resize, normalise=normalise)


@checked
def linear_approx(
    model: nn.Module,
    images: Images,
    target: Target,
    layer: Layers,
    *,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """Gradient times activation, summed over channels: the first-order share of each location in the target.

    The cell ``extract="scaling", aggregate="sum"`` of `backprop_saliency`, which says what the arguments mean.

    Raises:
        InputError: images, a layer or a target that cannot be used; `netopsy.core.capture.layer_gradients` lists them.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> linear_approx(net, torch.rand(2, 3, 32, 32), 7, "1").shape
    torch.Size([2, 32, 32])
    """

    def draw(site: Site) -> Maps:
        return (site.activation * site.gradient).sum(1)

    return layer_maps(model, images, target, layer, draw, reshape=reshape, resize=resize, normalise=normalise)


@checked
def grad_cam(
    model: nn.Module,
    images: Images,
    target: Target,
    layer: Layers,
    *,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """Grad-CAM: channels weighted by the mean of their gradient over locations, summed, cut off below zero.

    `linear_approx` with the gradient replaced by its spatial mean; the cut comes before the resizing.
    `backprop_saliency` says what the arguments mean.

    Raises:
        InputError: images, a layer or a target that cannot be used; `netopsy.core.capture.layer_gradients` lists them.

    Source: Selvaraju et al. 2017, equations 1 and 2.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> grad_cam(net, torch.rand(2, 3, 32, 32), 7, "1").shape
    torch.Size([2, 32, 32])
    """

    def draw(site: Site) -> Maps:
        return torch.einsum("bkhw,bk->bhw", site.activation, site.gradient.mean((2, 3))).relu_()

    return layer_maps(model, images, target, layer, draw, reshape=reshape, resize=resize, normalise=normalise)


@checked
def gradient_saliency(
    model: nn.Module,
    images: Images,
    target: Target,
    layer: Layers = INPUT,
    *,
    relu: RectifierRule = "gradient",
    aggregate: Aggregate = "max_abs",
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """The gradient itself, at the input unless told otherwise; per location its largest magnitude over channels.

    The cell ``extract="bias"`` of `backprop_saliency`, which says what the other arguments mean.

    Args:
        relu: ``"guided"`` lets only positive gradients back through every rectifier (Springenberg et al. 2015),
            ``"deconv"`` does so whatever the sign of its input (Zeiler and Fergus 2014); layers and functions alike.

    Raises:
        InputError: as `backprop_saliency`, and a network without a rectifier for the two rules that need one.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> gradient_saliency(net, torch.rand(2, 3, 32, 32), 7, relu="guided").shape
    torch.Size([2, 32, 32])
    """
    with rectified(model, relu, needed=True):
        return backprop_saliency(
            model,
            images,
            target,
            layer,
            extract="bias",
            aggregate=aggregate,
            reshape=reshape,
            resize=resize,
            normalise=normalise,
        )


def _at_virtual_layer(kind: Virtual, kernel_size: int) -> Callable[[Site], Contributions]:
    virtual_window(kind, kernel_size)  # complains now rather than after the network has run
    return lambda site: virtual_contributions(site.activation, site.gradient, kind, kernel_size)


def _at_convolutions(model: nn.Module, layer: Layers) -> Callable[[Site], Contributions]:
    base = model.base if isinstance(model, PerSampleModel) else model
    modules: dict[str, Any] = {
        name: module_of(base, name) if name != INPUT else None for name in layer_names(base, layer)
    }
    for name in modules:
        require(
            isinstance(modules[name], nn.Conv2d),
            f"extract='real' needs an nn.Conv2d, but layer {name!r} is {type(modules[name]).__name__}; "
            f"use a virtual layer there",
        )

    def contribute(site: Site) -> Contributions:
        if site.input is None:
            raise InputError(f"layer {site.name!r} must be given its input as a positional argument")
        return real_contributions(modules[site.name], site.input, site.gradient)

    return contribute
