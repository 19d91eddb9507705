"""From a class score down to the input: which nodes cause it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch
from netopsy.core.capture import capturing
from netopsy.core.errors import require
from netopsy.core.layers import Layer
from netopsy.core.modes import device_of, evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.progress import Task
from netopsy.core.seeds import generator
from netopsy.core.split import editing
from netopsy.interpretability.causal_paths.effects import Interventions, PathEffect, check_target
from netopsy.interpretability.causal_paths.graph import CausalGraph, LayerCauses, Rule
from netopsy.interpretability.causal_paths.weight_layers import WeightLayer, weight_layers

LEAST_RELATIVE = -0.001
"""A mean relative effect below this is enough where no node passes the test."""
LOWEST = 0.05
"""The share of nodes with the lowest effects that is taken where none reaches that, either."""


@checked
def discover_causal_graph(
    model: nn.Module,
    images: Float[Tensor, "batch *sample"],
    target: int,
    *,
    layers: Sequence[Layer] | None = None,
    u: float | tuple[float, float] = 0.0,
    alpha: float = 0.05,
    max_candidates: int | None = None,
    batch_size: int = 256,
    seed: int | torch.Generator = 0,
) -> CausalGraph:
    """The causal graph of a class: from its score down, the nodes whose edges, overwritten, lower it significantly.

    With E the effects known so far (at first the class alone), every input node j of the layer is intervened on by
    do(j -> E; u): the weights of all its edges to E become u. It is a cause if the mean class score afterwards is
    below the mean before by more than ``z_(1 - alpha)`` standard errors of a two-sample test (the reference code:
    1.65 of them). If no node passes, those with a mean relative effect below -0.001 are, and if there is none, the
    lowest 5 %; by both only nodes that lower the score (the reference code does not ask); `LayerCauses.rule` says
    which rule it was. The causes are the effects of the layer below; the first layer's causes are all channels of
    the input.

    The cost is one pass of the layers behind it for every node and image: a layer's output under an intervention
    follows from the unchanged activations by linearity, so nothing before the layer is run again and no weight is
    written to.

    Args:
        images: ``[batch, channels, height, width]``, or ``[batch, features]``, of the class (of others, too: only
            those that the model gives the class are used); the paper takes about 100.
        target: the class.
        layers: a chain of convolutions and dense layers, first one first, each fed by the one before and the last one
            giving the class scores. By default all of the network, which must then have no shortcuts. A chain in a
            network with shortcuts, such as the convolutions of a stage and the classifier, may be given; its paths are
            then those through the chain alone.
        u: the value the weights are overwritten with; a pair draws one for each intervention between the two.
        alpha: level of the one-sided test.
        max_candidates: test at most so many nodes of a layer, those with the largest (a half), smallest (a quarter) and
            middle (a quarter) sums of weights to E; the paper's own rule for wide layers is unconfirmed.
        batch_size: images that go through the network together.
        seed: of the draws of ``u``.

    Raises:
        InputError: fewer than two images that the model gives the class, layers that are no chain down from the class
            scores, or an option out of range.

    Source: Ahmad et al. 2024, Sec. 3; thresholds from public code, unconfirmed in the paper.

    >>> net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
    >>> for layer in (net[0], net[2]):
    ...     _ = layer.weight.data.copy_(torch.eye(2))
    >>> graph = discover_causal_graph(net, torch.tensor([[2.0, 1.0], [2.1, 1.0], [1.9, 0.5]]), 0)
    >>> graph["2"].causes.tolist(), graph["2"].rule, graph["0"].effects.tolist()
    ([0], 'z test', [0])
    """
    require(0 < alpha < 0.5, f"alpha must lie between 0 and 0.5, got {alpha}")
    require(batch_size > 0, f"batch_size must be at least 1, got {batch_size}")
    require(max_candidates is None or max_candidates >= 4, f"max_candidates must be at least 4, got {max_candidates}")
    low, high = u if isinstance(u, tuple) else (u, u)
    require(math.isfinite(low) and math.isfinite(high) and low <= high, f"u must be a number or (low, high), got {u}")
    images = correctly_classified(model, images, target, batch_size)
    chain = weight_layers(model, images, layers)
    require_class_scores(model, chain[-1], images[:2])
    if layers is None:
        require_no_shortcuts(model, chain, images)
    random = generator(seed)
    effects = torch.tensor([target], device=images.device)
    found: list[LayerCauses] = []
    scores = images.new_zeros(0)
    with Task("finding causes", sum(layer.nodes for layer in chain[1:])) as task:
        for layer in reversed(chain[1:]):
            tested = _candidates(layer, effects, max_candidates)
            values = torch.rand(len(tested), generator=random).to(images) * (high - low) + low
            before, effect = _effects(model, layer, images, target, tested, effects, values, batch_size, task)
            scores = scores if len(scores) else before
            one = _causes(layer, tested, effects, before, effect, alpha)
            found.append(one)
            effects = one.causes
            if not len(effects):
                break
        else:
            found.append(_input_layer(chain[0], effects, images))
    if not len(scores):
        scores = _scores(model, images, target, batch_size)
    return CausalGraph(int(target), tuple(found), len(images), float(scores.mean()), float(scores.std()))


def correctly_classified(
    model: nn.Module, images: Float[Tensor, "batch *sample"], target: int, batch_size: int = 256
) -> Tensor:
    """The images that the model gives class ``target``, on its device; at least two."""
    check_batch(images, "images")
    outputs = _outputs(model, images, batch_size)
    check_target(target, outputs)
    right = outputs.argmax(1) == target
    count = int(right.sum())
    require(
        count >= 2,
        f"images must hold at least two that the model gives class {target}, whose scores are compared; got {count}",
    )
    return images[right.to(images.device)].to(device_of(model))


def _outputs(model: nn.Module, images: Tensor, batch_size: int) -> Tensor:
    with torch.no_grad(), evaluating(model), running_on(images, model):
        return torch.cat([single_output(model(some.to(device_of(model)))) for some in images.split(batch_size)])


def _scores(model: nn.Module, images: Tensor, target: int, batch_size: int) -> Tensor:
    return _outputs(model, images, batch_size)[:, target]


def require_class_scores(model: nn.Module, last: WeightLayer, images: Tensor) -> None:
    """Raise `InputError` unless the last layer's channels are the classes: the first effect is one of them."""
    scores = _outputs(model, images, len(images))
    wanted = "layers must end with the one whose outputs are the class scores"
    require(
        last.outputs == scores.shape[1], f"{wanted}: {last.name!r} has {last.outputs}, the classes {scores.shape[1]}"
    )
    with torch.no_grad(), evaluating(model), capturing(model, last.name) as seen:
        model(images)
    with editing(model, {last.name: lambda values: values.roll(1, 1)}):
        rolled = _outputs(model, images, len(images))
    # Other outputs may come on top of the layer's, or the scores be made of them all, class by class, as by a softmax.
    values = seen[last.name]
    added = values.ndim == 2 and _same(rolled - scores, values.roll(1, 1) - values)
    require(added or _same(rolled, scores.roll(1, 1)), f"{wanted}: other weights come after {last.name!r}")


def _same(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().amax() <= 1e-4 * (1e-6 + other.abs().amax()))


def require_no_shortcuts(model: nn.Module, chain: Sequence[WeightLayer], images: Tensor) -> None:
    """Raise `InputError` where the outputs depend on more than each layer of ``chain`` puts out."""
    for layer in chain:
        parted = Interventions(model, layer, images[:2]).parts
        require(
            parted is not None,
            f"a shortcut goes around layer {layer.name!r}: give layers=, a chain that follows one path "
            "(the convolutions of one stage and the classifier)",
        )


def _candidates(layer: WeightLayer, effects: Tensor, most: int | None) -> Int[Tensor, "tested"]:
    nodes = torch.arange(layer.nodes, device=effects.device)
    if most is None or layer.nodes <= most:
        return nodes
    order = layer.edges()[effects].transpose(0, 1).flatten(1).sum(1).argsort(descending=True)
    quarter = most // 4
    middle = (len(order) - quarter) // 2
    chosen = torch.cat([order[: most - 2 * quarter], order[middle : middle + quarter], order[len(order) - quarter :]])
    return chosen.unique()


def _effects(
    model: nn.Module,
    layer: WeightLayer,
    images: Tensor,
    target: int,
    tested: Tensor,
    effects: Tensor,
    values: Tensor,
    batch_size: int,
    task: Task,
) -> tuple[Float[Tensor, "batch"], PathEffect]:
    """The scores before, and the effects of an intervention on each node, ``[batch, tested]``."""
    groups = images.split(batch_size)
    together = max(1, batch_size // len(images))
    before, rows = [], []
    for number, some in enumerate(groups):
        work = Interventions(model, layer, some)
        parts = []
        for which, what in zip(tested.split(together), values.split(together), strict=True):
            after = work.after(which, effects, what)
            parts.append(PathEffect.between(work.before, after, target))
            if number == len(groups) - 1:
                task.advance(len(which), note=layer.name)
        before.append(work.before[:, target])
        rows.append(PathEffect(*(torch.cat([getattr(part, name) for part in parts], 1) for name in _NAMES)))
    return torch.cat(before), PathEffect(*(torch.cat([getattr(row, name) for row in rows]) for name in _NAMES))


_NAMES = ("total", "relative", "kl")


def _causes(
    layer: WeightLayer, tested: Tensor, effects: Tensor, before: Tensor, effect: PathEffect, alpha: float
) -> LayerCauses:
    after = before[:, None] + effect.total
    count = len(before)
    error = ((after.var(0) + before.var()) / count).sqrt()
    mean = effect.total.mean(0)
    quantile = float(torch.special.ndtri(torch.tensor(1 - alpha, dtype=torch.float64)))
    relative = effect.relative.mean(0)
    rule: Rule = "z test"
    passed = mean < -quantile * error
    if not passed.any():
        rule, passed = "relative effect", (relative < LEAST_RELATIVE) & (mean < 0)
    if not passed.any():
        rule, passed = "lowest quantile", (mean <= mean.quantile(LOWEST)) & (mean < 0)
    if not passed.any():
        rule = "none"
    return LayerCauses(
        name=layer.name,
        causes=tested[passed],
        effects=effects,
        nodes=layer.nodes,
        tested=tested,
        effect_mean=mean,
        relative_mean=relative,
        kl_mean=effect.kl.mean(0),
        z=mean / error.where(error > 0, torch.nan),
        rule=rule,
    )


def _input_layer(layer: WeightLayer, effects: Tensor, images: Tensor) -> LayerCauses:
    none, empty = torch.zeros(0, dtype=torch.long, device=images.device), images.new_zeros(0)
    nodes = torch.arange(layer.nodes, device=images.device)
    return LayerCauses(layer.name, nodes, effects, layer.nodes, none, empty, empty, empty, empty, "input")
