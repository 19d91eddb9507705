"""Training a network to name the nodes of one graph, from a few labels."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.drawing import INK, panel, style
from netopsy.core.errors import require
from netopsy.core.modes import evaluating, training
from netopsy.core.progress import track
from netopsy.core.seeds import derive, generator, seeded
from netopsy.graphs.propagation import EdgeIndex, Features, Operator, check_features

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Mask = Bool[Tensor, "nodes"]
Penalty = Callable[[Tensor], Tensor]
AfterStep = Callable[[int], None]


@dataclass(frozen=True)
class NodeRecipe:
    """How a node classifier is trained; the defaults are those of the small citation networks."""

    epochs: int = 200
    lr: float = 0.01
    weight_decay: float = 5e-4
    """On all parameters."""
    select: Literal["loss", "accuracy"] = "loss"
    """The epoch that counts: of lowest validation loss, or of best validation accuracy (of ties the last)."""
    patience: int | None = None
    """Stop, once past half of the epochs, when the validation loss exceeds the mean of so many before it."""

    def __post_init__(self) -> None:
        require(
            isinstance(self.epochs, int) and self.epochs >= 1, f"epochs must be an int of at least 1, got {self.epochs}"
        )
        require(math.isfinite(self.lr) and self.lr > 0, f"lr must be a positive number, got {self.lr}")
        decay = self.weight_decay
        require(math.isfinite(decay) and decay >= 0, f"weight_decay must be a number from 0 on, got {decay}")
        require(self.select in ("loss", "accuracy"), f"select must be 'loss' or 'accuracy', got {self.select!r}")
        require(self.patience is None or self.patience >= 1, f"patience must be at least 1, got {self.patience}")


@dataclass(frozen=True, eq=False)
class NodeResult:
    """A trained node classifier at the epoch that counts."""

    model: nn.Module
    logits: Tensor
    """Of all nodes at that epoch, ``[nodes, classes]``."""
    epoch: int
    validation: float
    """Accuracy on the validation nodes at that epoch."""
    test: float
    """Accuracy on the test nodes at that epoch."""
    losses: tuple[float, ...]
    """Validation losses by epoch."""

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """The validation loss after each epoch, and the epoch that counts with its accuracies."""
        ax = panel(ax)
        ax.plot(range(len(self.losses)), self.losses)
        ax.axvline(self.epoch, color=INK, linestyle=":")
        ax.set(xlabel="epoch", ylabel="validation loss (nats)")
        ax.set_title(f"epoch {self.epoch}: {self.validation:.1%} of validation, {self.test:.1%} of test nodes right")
        return ax


def train_node_classifier(
    model: nn.Module,
    x: Features,
    edge_index: EdgeIndex | Operator,
    labels: Int[Tensor, "nodes"],
    *,
    train: Mask,
    validation: Mask,
    test: Mask,
    recipe: NodeRecipe | None = None,
    penalty: Penalty | None = None,
    after_step: AfterStep | None = None,
    seed: int = 0,
) -> NodeResult:
    """Train ``model(x, edge_index)`` with Adam on the training nodes, all nodes in each step.

    The model is trained in place; the one returned is a copy at the epoch chosen on the validation nodes. The test
    nodes have no part in choosing.

    Args:
        penalty: added to the loss, from the logits of all nodes.
        after_step: called with the epoch after each step of the optimiser.
        seed: of the dropout.

    Raises:
        InputError: features that are not finite, masks that overlap or are empty, or labels of another length or that
            are none of the classes the model tells apart. Labels of nodes that no mask marks are not looked at.
    """
    recipe = recipe or NodeRecipe()
    check_features(x)
    require(
        labels.ndim == 1 and labels.dtype == torch.int64,
        f"labels must be int64 [{len(x)}], got {tuple(labels.shape)} of {labels.dtype}",
    )
    require(len(x) == len(labels), f"labels must be [{len(x)}], one for each node, got {tuple(labels.shape)}")
    for name, mask in (("train", train), ("validation", validation), ("test", test)):
        require(
            mask.dtype == torch.bool and mask.shape == labels.shape and mask.any(),
            f"{name} must mark at least one of the {len(labels)} nodes",
        )
    require(not (train & validation).any() and not ((train | validation) & test).any(), "masks must not overlap")
    marked = labels[train | validation | test]
    optimiser = torch.optim.Adam(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    best: tuple[float, float] | None = None
    kept: NodeResult | None = None
    losses: list[float] = []
    with seeded(derive(seed, "dropout")):
        for epoch in track(range(recipe.epochs), "training on the graph"):
            with training(model):
                logits = model(x, edge_index)
                if epoch == 0:
                    _check_classes(marked, logits, len(x))
                loss = functional.cross_entropy(logits[train], labels[train])
                if penalty is not None:
                    loss = loss + penalty(logits)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            if after_step is not None:
                after_step(epoch)
            with torch.no_grad(), evaluating(model):
                logits = model(x, edge_index)
            losses.append(float(functional.cross_entropy(logits[validation], labels[validation])))
            right = logits.argmax(1) == labels
            accuracy = float(right[validation].float().mean())
            rank = (-losses[-1], 0.0) if recipe.select == "loss" else (accuracy, float(epoch))
            if best is None or rank > best:
                best = rank
                kept = NodeResult(copy.deepcopy(model), logits, epoch, accuracy, float(right[test].float().mean()), ())
            if _stops(losses, recipe):
                break
    assert kept is not None
    return NodeResult(kept.model, kept.logits, kept.epoch, kept.validation, kept.test, tuple(losses))


def _check_classes(labels: Tensor, logits: Tensor, nodes: int) -> None:
    require(
        logits.ndim == 2 and len(logits) == nodes,
        f"model must return logits [{nodes}, classes], got {tuple(logits.shape)}",
    )
    low, high, classes = int(labels.min()), int(labels.max()), logits.shape[1]
    require(
        low >= 0 and high < classes,
        f"labels must be from 0 to {classes - 1}, as the model tells {classes} classes apart, got "
        f"{low if low < 0 else high}",
    )


def _stops(losses: list[float], recipe: NodeRecipe) -> bool:
    if recipe.patience is None or len(losses) <= max(recipe.epochs // 2, recipe.patience):
        return False
    before = losses[-1 - recipe.patience : -1]
    return losses[-1] > sum(before) / len(before)


def random_split(
    labels: Int[Tensor, "nodes"], per_class: int, validation: int, test: int | None = None, *, seed: int = 0
) -> tuple[Mask, Mask, Mask]:
    """Random training, validation and test nodes: so many of each class, then so many of the rest.

    Args:
        test: ``None`` for all that are left.

    Raises:
        InputError: a class has fewer nodes than wanted, or there are not enough.

    >>> masks = random_split(torch.arange(40) % 4, 3, 10)
    >>> [int(mask.sum()) for mask in masks]
    [12, 10, 18]
    """
    random = generator(seed)
    order = torch.randperm(len(labels), generator=random)
    train = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique().tolist():
        own = order[labels.cpu()[order] == label]
        require(len(own) >= per_class, f"class {label} has {len(own)} nodes, fewer than per_class, {per_class}")
        train[own[:per_class]] = True
    rest = order[~train[order]]
    wanted = validation + (test or 0)
    require(len(rest) >= wanted + (test is None), f"{len(rest)} nodes are left, fewer than validation and test need")
    chosen = rest[validation:] if test is None else rest[validation:wanted]
    masks = [torch.zeros(len(labels), dtype=torch.bool) for _ in range(2)]
    masks[0][rest[:validation]] = True
    masks[1][chosen] = True
    return tuple(mask.to(labels.device) for mask in (train, *masks))  # type: ignore[return-value]
