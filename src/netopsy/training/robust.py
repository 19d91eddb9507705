"""Adversarial training: every batch is replaced by the images near it that the network minds most."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.modes import device_of, training
from netopsy.core.progress import Task
from netopsy.core.seeds import check_seed, derive, seeded
from netopsy.data import Dataset, index_batches
from netopsy.training.attack import Attack, pgd
from netopsy.training.checks import check_fit, check_kinds
from netopsy.training.plan import set_lr
from netopsy.training.recipe import Recipe


@checked
def fit_robust(
    model: nn.Module, data: Dataset, recipe: Recipe, attack: Attack, *, seed: int = 0
) -> Float[Tensor, "steps"]:
    """Train ``model`` in place on images that `pgd` moves against its present weights, and return the losses.

    ``seed`` decides the order of the batches, as in `netopsy.training.fit`, and dropout.

    Args:
        data: images from 0 to 1 with class labels, ``[n, channels, height, width]``.
        attack: radius, step and number of steps of the noise.

    Raises:
        InputError: data that have no class labels or leave the range, or a network that does not take them.

    Source: Madry et al. 2018 (arXiv 1706.06083), section 2.1.

    >>> from netopsy.data import digits
    >>> from netopsy.models import lenet
    >>> net = lenet((4,), (8,), kernel=3, size=8)
    >>> fit_robust(net, digits(), Recipe(steps=2), Attack(0.1, 0.05, 2)).shape
    torch.Size([2])
    """
    check_kinds(model, data, recipe)
    check_seed(seed)
    require(data.is_classification and data.inputs.ndim == 4, "data must be images with one class number each")
    low, high = float(data.inputs.min()), float(data.inputs.max())
    require(low >= 0 and high <= 1, f"data must be images from 0 to 1, got {low:.3g} to {high:.3g}")
    data = data.to(device_of(model))
    check_fit(model, data, recipe.loss)
    optimizer = recipe.make_optimizer(one for one in model.parameters() if one.requires_grad)
    batches = index_batches(len(data), recipe.batch_size, seed)
    losses = torch.zeros(recipe.steps)
    with torch.enable_grad(), training(model), seeded(derive(seed, "forward")), Task("training", recipe.steps) as task:
        for step in range(recipe.steps):
            indices = next(batches)
            images, labels = data.inputs[indices], data.targets[indices]
            moved = pgd(model, images, labels, attack)
            set_lr(optimizer, recipe.lr_at(step))
            loss = recipe.loss_of(model(moved), labels).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses[step] = loss.detach()
            task.advance()
    return losses
