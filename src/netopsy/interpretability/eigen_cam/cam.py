"""Eigen-CAM of a network's layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.layers import RUN, Layers, run_of
from netopsy.core.modes import evaluating, running_on
from netopsy.core.shapes import Activations, Images, Maps
from netopsy.core.targets import Target
from netopsy.interpretability.eigen_cam.projection import eigen_cam_from_activations
from netopsy.interpretability.grids import layouts
from netopsy.interpretability.layer_maps import LayerMaps, Reshape, Site, activation_maps, check_images, layer_maps
from netopsy.interpretability.maps import rescaled


@checked
def eigen_cam(
    model: nn.Module,
    images: Images,
    layer: Layers | None = None,
    *,
    centre: bool = False,
    components: int = 1,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """Eigen-CAM: where in the image the strongest pattern of a layer is, from one forward pass.

    It names no class. What it shows dominates the layer's activations, which is often the main object; of two objects
    it cannot choose one, and a head that is wrong, random or missing changes nothing.

    Args:
        model: any network; it runs in evaluation mode and is left as it was.
        images: ``[batch, channels, height, width]``, prepared as the network wants them.
        layer: a name as in ``named_modules()``, a submodule, or a sequence of these; by default the last layer whose
            output is a grid of more than one position, `last_grid_layer`.
        centre: take off each channel's mean over positions first. The paper does not; a widespread implementation does.
        components: principal directions to use. The map of several is the root of the sum of the squared projections,
            which for all of them is `energy_map`.
        reshape: makes a grid of outputs that are none, such as a transformer's tokens: `token_grid`.
        resize: bring the maps to the size of the images, bilinear; otherwise they have the layer's own grid.
        normalise: shift and scale each map to run from 0 to 1; a constant map becomes zeros.

    Returns:
        Maps ``[batch, height, width]``; for a sequence of layers, a dict from layer name to maps (see
        `average_layers`). `eigen_cam_from_activations` gives the directions and singular values as well.

    Raises:
        InputError: an unknown layer or one that the forward pass does not reach, an output that is no grid or a grid of
            one position, images or activations that are not finite, too many components.

    Source: Muhammad and Yeasin 2020 (place in the paper unconfirmed).

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> eigen_cam(net, torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 32, 32])
    """
    _check_components(components)
    require(layer is not None or reshape is None, "layer must be named where reshape= makes the grid")
    return activation_maps(
        model,
        images,
        last_grid_layer(model, images) if layer is None else layer,
        lambda values: eigen_cam_from_activations(values, centre=centre, components=components).maps,
        reshape=reshape,
        resize=resize,
        normalise=normalise,
    )


@checked
def eigen_grad_cam(
    model: nn.Module,
    images: Images,
    target: Target,
    layer: Layers,
    *,
    centre: bool = False,
    components: int = 1,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """Eigen-CAM of the activations times the target's gradient: it depends on the class. Not part of the paper.

    ``target`` is a class index, one a sample, or a function from the network's output to one number a sample;
    `eigen_cam` says what the other arguments mean.

    Raises:
        InputError: images, a layer or a target that cannot be used; `netopsy.core.capture.layer_gradients` lists them.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> eigen_grad_cam(net, torch.rand(2, 3, 32, 32), 7, "1").shape
    torch.Size([2, 32, 32])
    """
    _check_components(components)

    def draw(site: Site) -> Maps:
        product = site.activation * site.gradient
        return eigen_cam_from_activations(product, centre=centre, components=components).maps

    return layer_maps(model, images, target, layer, draw, reshape=reshape, resize=resize, normalise=normalise)


@checked
def average_layers(maps: Mapping[str, Activations | Maps]) -> Maps:
    """The maps of several layers as one: each from 0 to 1, their mean, and that from 0 to 1 again.

    Raises:
        InputError: no maps, or maps of two shapes.

    >>> average_layers({"1": torch.tensor([[[0.0, 2.0]]]), "2": torch.tensor([[[0.0, 5.0]]])})
    tensor([[[0., 1.]]])
    """
    require(isinstance(maps, Mapping) and len(maps) > 0, "maps must be a dict from layer to maps with at least one")
    shapes = {tuple(one.shape) for one in maps.values()}
    require(len(shapes) == 1, f"maps of all layers must have one shape, got {sorted(shapes)}: leave resize=True")
    return rescaled(torch.stack([rescaled(one) for one in maps.values()]).mean(0))


def last_grid_layer(model: nn.Module, images: Images) -> str:
    """The layer that runs last among those whose output is a grid ``[batch, channels, rows, columns]``.

    The first image is run to find out. Of a layer and the container it ends, which have one output, it is the layer; of
    a layer that runs more than once the run is named, as in ``"relu#2"``.

    Raises:
        InputError: there is no such layer, or layers whose output is a grid but for its layout.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    >>> last_grid_layer(net, torch.rand(2, 3, 32, 32))
    '1'
    """
    check_images(images)
    found: list[tuple[str, Tensor]] = []
    runs: Counter[str] = Counter()

    def watch(name: str) -> Any:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            runs[name] += 1
            grid = isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1
            ended = bool(found) and found[0][1] is output and found[0][0].startswith(f"{name}.")
            if grid and not ended:
                found[:] = [(f"{name}{RUN}{runs[name]}", output)]

        return hook

    with evaluating(model), torch.no_grad(), running_on(images, model):
        handles = [module.register_forward_hook(watch(name)) for name, module in model.named_modules() if name]
        try:
            model(images[:1])
        finally:
            for handle in handles:
                handle.remove()
    later = [name for name, layout in layouts(model, images[:1]).items() if layout.kind != "channels first"]
    if later:
        raise InputError(
            f"layer must be named: {later[-1]!r} and others return tokens or have their channels last; "
            "netopsy.interpretability.grids.show_grids gives them views that can be named"
        )
    if not found:
        raise InputError(
            "layer must be named: no layer of this network returns [batch, channels, rows, columns] with more than one "
            "position"
        )
    last, run = run_of(model, found[0][0])
    return last if runs[last] == 1 else f"{last}{RUN}{run}"


def _check_components(components: object) -> None:
    require(
        isinstance(components, int) and not isinstance(components, bool) and components >= 1,
        f"components must be an int of at least 1, got {components!r}",
    )
