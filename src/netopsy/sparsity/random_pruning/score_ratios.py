"""Layer-wise ratios that scores of weights give: how many weights of a layer they keep, and not which."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import require
from netopsy.core.modes import check_model
from netopsy.core.seeds import derive, generator
from netopsy.models import initialise
from netopsy.sparsity.criteria import Loss, keep_largest, scores

TEMPERATURE = 200.0
PER_CLASS = 25


@checked
def snip_densities(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    density: float | int,
    *,
    loss: Loss = "cross_entropy",
    init: str | None = "glorot_normal",
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """The share of each layer among the ``density`` of all weights with the largest SNIP scores.

    Liu et al. 2022 (arXiv 2202.02643), section 3.2, with the scores of Lee et al. 2019: ``|g * w|`` for one batch, on a
    copy of the network whose weights are drawn anew, as the authors' code does it. The positions are thrown away. A
    share may be 0; `netopsy.sparsity.ratios.random_masks` then keeps one weight.

    Args:
        inputs, targets: one batch of the training set.
        loss: as in `netopsy.sparsity.criteria.scores`.
        init: a scheme of `netopsy.models.initialise`, from ``seed``; ``None`` scores the network's own weights.
        names: parameters that share the budget; by default all prunable ones.

    Returns:
        parameter name to its share; together they keep ``round(density * size)`` weights.

    Raises:
        InputError: a density out of (0, 1], a batch that does not fit the network, or no weights to prune.

    >>> from netopsy.models import mlp
    >>> shares = snip_densities(mlp([6, 5, 3]), torch.rand(9, 6), torch.arange(9) % 3, 0.2)
    >>> round(shares["fc1.weight"] * 30 + shares["output.weight"] * 15)
    9
    """
    scored = _redrawn(model, init, seed)
    found = scores(scored, "snip", inputs, targets, loss=loss, names=names, seed=seed)
    return _shares(keep_largest(found, density))


@checked
def grasp_densities(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    density: float | int,
    *,
    temperature: float | int = TEMPERATURE,
    per_class: int | None = PER_CLASS,
    loss: Loss = "cross_entropy",
    init: str | None = "glorot_normal",
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """The share of each layer among the ``density`` of all weights with the largest GraSP scores.

    Liu et al. 2022 (arXiv 2202.02643), section 3.2, with the scores of Wang et al. 2020. The authors' code takes the
    samples in two halves to spare memory, and here they are one batch: the same up to the statistics of batch norms.

    Args:
        temperature: what the logits are divided by.
        per_class: so many samples of each class are drawn from the batch from ``seed``; ``None`` takes all of it, as
            targets that are no classes need.

    Other arguments, the result and the errors are those of `snip_densities`, and `InputError` is raised for a class
    that has fewer than ``per_class`` samples.

    >>> from netopsy.models import mlp
    >>> shares = grasp_densities(mlp([6, 5, 3]), torch.rand(9, 6), torch.arange(9) % 3, 0.2, per_class=2)
    >>> list(shares)
    ['fc1.weight', 'output.weight']
    """
    if per_class is not None:
        chosen = _of_each_class(inputs, targets, per_class, seed)
        inputs, targets = inputs[chosen], targets[chosen]
    scored = _redrawn(model, init, seed)
    found = scores(scored, "grasp", inputs, targets, loss=loss, names=names, seed=seed, temperature=temperature)
    return _shares(keep_largest(found, density))


def _redrawn(model: nn.Module, init: str | None, seed: int) -> nn.Module:
    check_model(model)
    return model if init is None else initialise(copied(model), init, seed=derive(seed, "scored"))


def _shares(masks: dict[str, Tensor]) -> dict[str, float]:
    return {name: int(mask.sum()) / mask.numel() for name, mask in masks.items()}


def _of_each_class(inputs: Tensor, targets: Tensor, per_class: int, seed: int) -> Tensor:
    """Indices of ``per_class`` samples of each class, in random order."""
    require(per_class > 0, f"per_class must be at least 1 or None, got {per_class}")
    require(
        targets.ndim == 1 and not targets.is_floating_point(), "targets must be class numbers [n], or per_class None"
    )
    require(
        inputs.ndim > 0 and len(inputs) == len(targets) > 0,
        f"inputs must be one batch of as many samples as targets, {len(targets)}, got shape {tuple(inputs.shape)}",
    )
    order = torch.randperm(len(targets), generator=generator(derive(seed, "samples"))).to(targets.device)
    chosen = []
    for number in targets.unique().tolist():
        own = order[targets[order] == number]
        require(len(own) >= per_class, f"class {number} has {len(own)} samples, fewer than per_class={per_class}")
        chosen.append(own[:per_class])
    return torch.cat(chosen).sort().values
