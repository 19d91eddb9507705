"""What happens to the class score when the weights of some edges are overwritten, without overwriting any."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch
from netopsy.core.capture import capturing
from netopsy.core.errors import InputError, require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import device_of, evaluating, frozen, running_on
from netopsy.core.outputs import single_output
from netopsy.core.scores import kind_of, log_of
from netopsy.core.split import Split, editing, split_model
from netopsy.core.targets import is_index
from netopsy.interpretability.causal_paths.weight_layers import WeightLayer, weight_layers


@dataclass(frozen=True, eq=False)
class PathEffect:
    """What interventions do to the class score, image by image."""

    total: Float[Tensor, "batch *interventions"]
    """Score after less score before."""
    relative: Float[Tensor, "batch *interventions"]
    """Score after over score before, less 1; it explodes where the score is near 0."""
    kl: Float[Tensor, "batch *interventions"]
    """KL(after || before) of the class probabilities, in nats."""

    @classmethod
    def between(cls, before: Float[Tensor, "batch classes"], after: Tensor, target: int) -> PathEffect:
        """The effects that turn scores into others; ``after`` may have axes between batch and classes.

        Rows that are probabilities (a network that ends in a softmax) are taken as such.
        """
        before = before.reshape(len(before), *[1] * (after.ndim - 2), before.shape[-1])
        was, now = before[..., target], after[..., target]
        as_scores = log_of if kind_of(before) == "probabilities" else lambda outputs: outputs
        log_was, log_now = as_scores(before).log_softmax(-1), as_scores(after).log_softmax(-1)
        return cls(now - was, now / was - 1, (log_now.exp() * (log_now - log_was)).sum(-1))


class Interventions:
    """Interventions on one layer's edges for a batch of images: the part before the layer is run once.

    A layer is linear, so overwriting ``W[e, j]`` by u changes output e by ``(u - W[e, j]) * a_j``, where a_j is the
    node's activation; only the part behind the layer has to be run for each intervention. Where a shortcut goes around
    the layer, the whole network is run.
    """

    def __init__(self, model: nn.Module, layer: WeightLayer, images: Float[Tensor, "batch *sample"]) -> None:
        self.model, self.layer, self.images = model, layer, images
        given: dict[str, Tensor] = {}
        with (
            torch.no_grad(),
            evaluating(model),
            capturing(model, layer.name, inputs=given) as seen,
            running_on(images, model),
        ):
            self.before = single_output(model(images))
        self.inputs, self.outputs = given[layer.name], seen[layer.name]
        require(
            self.inputs.ndim == (4 if isinstance(layer.module, nn.Conv2d) else 2),
            f"layer {layer.name!r} is given {tuple(self.inputs.shape)}; wanted images or one row of units a sample",
        )
        self.parts: Split | None
        try:
            self.parts = split_model(model, layer.name, images)
        except InputError:
            self.parts = None

    def after(
        self, nodes: Tensor, effects: Tensor, values: Tensor, *, together: bool = False
    ) -> Float[Tensor, "batch interventions classes"]:
        """The logits when all edges from one of ``nodes`` to ``effects`` have one of ``values``, node by node.

        Args:
            values: one for each node.
            together: overwrite the edges of all nodes at once instead, which is one intervention.
        """
        edges = self.layer.edges()[effects]
        kernel = (1,) * (edges.ndim - 2)
        there = self.layer.connected()[effects][:, nodes].reshape(len(effects), len(nodes), *kernel)
        change = torch.zeros_like(edges)
        change[:, nodes] = there * (values.to(edges).reshape(1, -1, *kernel) - edges[:, nodes])
        added = self.layer.contributions(self.inputs, change, nodes)
        return self._run(added.sum(1, keepdim=True) if together else added, effects)

    def _run(self, added: Tensor, effects: Tensor) -> Tensor:
        count = added.shape[1]
        changed = self.outputs[:, None].repeat(1, count, *[1] * (self.outputs.ndim - 1))
        changed[:, :, effects] += added
        flat = changed.flatten(0, 1)
        with torch.no_grad():
            if self.parts is not None:
                outputs = self.parts.tail(flat)
            else:
                repeated = self.images.repeat_interleave(count, 0)
                with evaluating(self.model), frozen(self.model), editing(self.model, {self.layer.name: lambda _: flat}):
                    outputs = single_output(self.model(repeated))
        return outputs.reshape(len(self.images), count, -1)


@checked
def path_effect(
    model: nn.Module,
    layer: Layer,
    nodes: Sequence[int],
    effects: Sequence[int],
    images: Float[Tensor, "batch *sample"],
    target: int,
    *,
    u: float = 0.0,
    layers: Sequence[Layer] | None = None,
) -> PathEffect:
    """What overwriting the weights of all edges from ``nodes`` to ``effects`` with ``u`` does to a class score.

    The intervention do(nodes -> effects; u) on a layer's full kernels, or columns; all other weights stay. The model's
    weights are never written to.

    Args:
        layer: a convolution or a dense layer.
        nodes: its input nodes: channels or units; where a flattening separates it from a convolution, that one's
            channels.
        effects: its output channels or units.
        images: ``[batch, channels, height, width]``, or ``[batch, features]``.
        target: the class.
        layers: the chain of layers that says what the nodes are; by default all, as in `discover_causal_graph`.

    Raises:
        InputError: an unknown layer, a node, an effect or a class out of range, images or a ``u`` that are not finite.

    >>> net = nn.Sequential(nn.Linear(2, 2, bias=False))
    >>> _ = net[0].weight.data.copy_(torch.tensor([[3.0, -1.0], [0.0, 0.0]]))
    >>> path_effect(net, "0", [0], [0], torch.tensor([[2.0, 5.0]]), 0).total
    tensor([-6.])
    """
    check_batch(images, "images")
    require(isinstance(u, int | float) and math.isfinite(u), f"u must be a finite number, got {u!r}")
    images = images.to(device_of(model))
    [name] = layer_names(model, [layer], runs=False)
    chain = {one.name: one for one in weight_layers(model, images, layers)}
    require(name in chain, f"layer {name!r} is none of the convolutions and dense layers of the chain: {list(chain)}")
    one = chain[name]
    check_numbers("nodes", nodes, one.nodes)
    check_numbers("effects", effects, one.outputs)
    work = Interventions(model, one, images)
    check_target(target, work.before)
    device = images.device
    which = torch.tensor([int(node) for node in nodes], device=device)
    values = torch.full((len(which),), float(u), dtype=torch.float64, device=device)
    after = work.after(which, torch.tensor([int(effect) for effect in effects], device=device), values, together=True)
    return PathEffect.between(work.before, after[:, 0], target)


def check_target(target: object, outputs: Tensor) -> None:
    """Raise `InputError` unless the output has a class axis that has class ``target``."""
    require(outputs.ndim == 2, f"the network must return class scores [batch, classes], got {tuple(outputs.shape)}")
    require(
        is_index(target) and 0 <= target < outputs.shape[1],
        f"target must be a class from 0 to {outputs.shape[1] - 1}, got {target!r}",
    )


def check_numbers(name: str, numbers: Any, below: int) -> None:
    """Raise `InputError` unless these are some different numbers from 0 on below ``below``."""
    listed = numbers.tolist() if isinstance(numbers, Tensor) else list(numbers)
    require(
        listed and len(set(listed)) == len(listed) and all(is_index(one) and 0 <= one < below for one in listed),
        f"{name} must be different whole numbers from 0 to {below - 1}, at least one, got {listed}",
    )
