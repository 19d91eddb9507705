"""Random dichotomies of the classes of images, learned by a convolutional network."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.data import load_data
from netopsy.lab import Rows
from netopsy.models import lenet
from netopsy.representations.representational_geometry import layer_geometry
from netopsy.studies.representations.representational_geometry.plan import ACCURACY, INPUT, PARALLEL, TARGET, Images
from netopsy.training import Recipe, evaluate, fit

COLUMNS = {TARGET: "target", INPUT: "input", PARALLEL: "ps"}


def images(activation: str, seed: int, setting: Images) -> Rows:
    """The penultimate layer before and after training; a condition is the mean of a class of test images."""
    train, test = (load_data(setting.data, split=split) for split in ("train", "test"))
    labels = dichotomy(train.class_count, seed=derive(seed, "dichotomy"))
    channels, size = train.inputs.shape[1:3]
    model = lenet(
        setting.widths,
        (setting.hidden,),
        kernel=3,
        channels=channels,
        size=size,
        classes=1,
        activation=activation.lower(),
        seed=derive(seed, "weights"),
    ).to(best_device())
    binary = {
        part: replace(data, targets=(labels[data.targets] + 1) / 2, classes=())
        for part, data in (("train", train), ("test", test))
    }
    recipe = Recipe(setting.steps, setting.batch, "sgd", lr=setting.lr, momentum=0.9, schedule="cosine", loss="bce")
    inputs, at = test.inputs.to(best_device()), {"seed": seed}
    for trained in (False, True):
        if trained:
            fit(model, binary["train"], recipe, seed=derive(seed, "order"))
        found = layer_geometry(model, inputs, labels, layers="classifier.act1", conditions=test.targets)
        for metric, column in COLUMNS.items():
            yield {**at, "trained": trained, "metric": metric, "value": float(found[column][0])}
    accuracy = evaluate(model, binary["test"], loss="bce").accuracy
    yield {**at, "trained": True, "metric": ACCURACY, "value": accuracy}


def dichotomy(classes: int, *, seed: int) -> Tensor:
    """Half of the classes, drawn at random, against the others: ``[classes, 1]`` of -1 and 1."""
    labels = -torch.ones(classes, 1)
    labels[torch.randperm(classes, generator=generator(seed))[: classes // 2]] = 1
    return labels
