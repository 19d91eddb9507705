"""Images that are positive for different hidden reasons, and what groups them by their reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.errors import lookup, require
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images, Labels
from netopsy.data import Dataset, canvases, hub_dataset
from netopsy.interpretability.concept_lens import ConceptLens, strategy_graph
from netopsy.interpretability.concept_lens.layouts import channels_last
from netopsy.lab import Rows
from netopsy.lab.plots import to_text
from netopsy.lab.subjects.answers import answers
from netopsy.lab.subjects.images import NETWORKS
from netopsy.studies.interpretability.concept_lens.plan import (
    ACTIVATIONS,
    CODES,
    IMPORTANCE,
    PIXELS,
    PLANTED,
    STANDARDISED,
    CueSetting,
)
from netopsy.training import Recipe, fit

DIGIT, STAMP = 3, 3
"""The digit that is positive by itself, and the side of the stamp that makes any other positive."""

_VEHICLES = (0, 1, 8, 9)
"""Of CIFAR-10, the classes that are no animals: the positive superclass, each of which is a hidden reason."""


def cues(seed: int, setting: CueSetting, n_concepts: int, examples: int) -> Rows:
    """The adjusted Rand index of each grouping with the hidden cue; and some images with their importances."""
    from sklearn.metrics import adjusted_rand_score

    model, train, test = trained_on_cues(setting, seed)
    named = answers(model, test.images)
    yield {"measure": "accuracy", "value": (named == test.labels).float().mean()}
    right = test.of(((named == 1) & (test.labels == 1)).nonzero()[:, 0])
    lens = ConceptLens(model, setting.layer, n_concepts).fit(train.images[train.labels == 1], class_id=1)
    with torch.no_grad():
        seen = lens.split_.head(right.images.to(next(model.parameters()).device))
    phi = lens.importance(right.images, 1, "gi")
    grouped = {
        IMPORTANCE: phi,
        STANDARDISED: phi,
        CODES: lens.encode(right.images),
        ACTIVATIONS: channels_last(seen, setting.layer),
        PIXELS: right.images,
    }
    options: dict[str, Any] = {"clusters": int(right.cues.unique().numel()), "plane": "pca", "seed": seed}
    for name, values in grouped.items():
        normalise: Any = "concept" if name == STANDARDISED else "image"
        found = strategy_graph(values.flatten(1), normalise=normalise, **options).clusters
        index = adjusted_rand_score(right.cues.numpy(), found.numpy())
        yield {"measure": "cluster", "method": name, "images": len(values), "value": index}
    for number in range(min(examples, len(phi))):
        importances = {f"phi{concept}": value for concept, value in enumerate(phi[number].tolist())}
        picture = to_text(right.images[number].mean(0))
        yield {"measure": "image", "cue": int(right.cues[number]), "picture": picture, **importances}


@dataclass(frozen=True, eq=False)
class Cued:
    """Images, whether they are positive, and why."""

    images: Images
    labels: Labels
    """1 is positive."""
    cues: Int[Tensor, "batch"]
    """Number of the hidden reason of a positive image; -1 for negative ones."""

    def of(self, which: Tensor) -> Cued:
        """Those images alone."""
        return Cued(self.images[which], self.labels[which], self.cues[which])


def trained_on_cues(setting: CueSetting, seed: int) -> tuple[nn.Module, Cued, Cued]:
    """A network that has seen only the classes; what it was trained on, and images it has not seen."""
    if setting.data == PLANTED:
        require(setting.train_images is not None, "train_images must say how many canvases to draw")
        train = planted(int(setting.train_images or 0), setting.size, "train", derive(seed, "train"))
        test = planted(setting.test_images, setting.size, "test", derive(seed, "test"))
    else:
        train = _superclasses(setting.data, "train", setting.train_images, seed)
        test = _superclasses(setting.data, "test", setting.test_images, seed)
    make: Any = lookup("network", setting.network, NETWORKS)
    options = {"channels": train.images.shape[1], "classes": 2, "widths": setting.widths}
    model: nn.Module = make(**options, seed=derive(seed, "init")).to(best_device())
    steps = max(2, setting.epochs * len(train.images) // setting.batch_size)
    recipe = Recipe(steps=steps, batch_size=setting.batch_size, lr=setting.lr, schedule="onecycle")
    fit(model, Dataset(train.images, train.labels, ("negative", "positive")), recipe, seed=derive(seed, "order"))
    return model.eval(), train, test


def planted(n: int, size: int, split: Literal["train", "test"], seed: int) -> Cued:
    """A digit on a texture: half negative, a quarter with the positive digit, a quarter with a stamp in a corner.

    The stamp is a 3x3 checker of black and white, in a corner that the digit leaves free; digits with a stamp, and
    negative ones, are of the other nine classes.
    """
    drawn = canvases(12 * n, split=split, size=size, objects=1, seed=derive(seed, "canvases"))
    digits, quarter = drawn.classes[:, 0], n // 4
    with_digit, others = (digits == DIGIT).nonzero()[:, 0], (digits != DIGIT).nonzero()[:, 0]
    require(len(with_digit) >= quarter, "too few canvases with the positive digit")
    chosen = torch.cat([with_digit[:quarter], others[: n - quarter]])
    cues = torch.full((n,), -1)
    cues[:quarter], cues[quarter : 2 * quarter] = 0, 1
    random = generator(derive(seed, "order"))
    images = drawn.images[chosen].clone()
    stamped = cues == 1
    images[stamped] = _stamped(images[stamped], drawn.boxes[chosen][stamped, 0], random)
    order = torch.randperm(n, generator=random)
    return Cued(images, (cues >= 0).long(), cues).of(order)


def _stamped(images: Images, boxes: Tensor, random: torch.Generator) -> Images:
    side = images.shape[-1]
    stamp: Float[Tensor, "3 3"] = 1.0 - (torch.arange(STAMP)[:, None] + torch.arange(STAMP)) % 2
    corners = torch.zeros(4, side, side, dtype=torch.bool)
    for number in range(4):
        rows, columns = (slice(STAMP) if half else slice(side - STAMP, side) for half in (number // 2, number % 2))
        corners[number, rows, columns] = True
    free = ~(corners & boxes[:, None]).flatten(2).any(2)
    which = torch.multinomial(free.float(), 1, generator=random)[:, 0]
    where = corners[which]
    marked = images.clone()
    marked[:, 0][where] = stamp.flatten().repeat(len(images))
    return marked


def _superclasses(name: str, split: str, limit: int | None, seed: int) -> Cued:
    data = hub_dataset(name, split, limit=limit, seed=seed)
    vehicles = torch.tensor(_VEHICLES)
    positive = torch.isin(data.targets, vehicles)
    cues = torch.where(positive, (data.targets[:, None] == vehicles).long().argmax(1), -1)
    return Cued(data.inputs, positive.long(), cues)
