"""Two networks that differ in their training alone, and images that both are sure of."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images, Labels
from netopsy.data import Dataset, crop_and_flip, hub_dataset
from netopsy.lab.subjects.digit_networks import digit_images, digit_network
from netopsy.lab.subjects.kept import kept
from netopsy.models.wide_resnet import wide_resnet
from netopsy.robustness.queries import Queries
from netopsy.studies.robustness.level_set_traversal.plan import EMBEDDED, NORMAL, ROBUST, SURE, HubNetwork, Subject
from netopsy.training import Recipe, evaluate, fit
from netopsy.training.attack import Attack
from netopsy.training.robust import fit_robust


@dataclass(frozen=True, eq=False)
class Subjects:
    """The networks by how they were trained, images that neither has seen, and the accuracy on all of those."""

    models: dict[str, nn.Module]
    unseen: Dataset
    accuracies: dict[str, float]


def subjects(subject: Subject, seed: int) -> Subjects:
    """Both networks of one seed: the same first weights and order of the images."""
    if subject.data == EMBEDDED:
        _, unseen = digit_images()
        plain = dataclasses.replace(subject.digits, radius=0.0)
        models = {NORMAL: digit_network(plain, seed), ROBUST: digit_network(subject.digits, seed)}
    else:
        unseen = hub_dataset(subject.data, "test")
        models = {name: hub_network(subject, seed, robust=name == ROBUST) for name in (NORMAL, ROBUST)}
    models = {name: model.to(best_device()) for name, model in models.items()}
    return Subjects(models, unseen, {name: evaluate(model, unseen).accuracy for name, model in models.items()})


def hub_network(subject: Subject, seed: int, *, robust: bool) -> nn.Module:
    """A trained wide residual network, kept on disk."""
    model = _wide(subject.data, subject.hub, seed)
    model.load_state_dict(kept(train_wide, data=subject.data, hub=subject.hub, seed=seed, robust=robust))
    return model.eval()


def train_wide(data: str, hub: HubNetwork, seed: int, robust: bool) -> dict[str, Tensor]:
    """The trained weights."""
    train = hub_dataset(data, "train")
    model = _wide(data, hub, seed).to(best_device())
    steps = max(1, hub.epochs * len(train) // hub.batch_size)
    recipe = Recipe(steps=steps, batch_size=hub.batch_size, lr=hub.lr, schedule="onecycle")
    if robust:
        fit_robust(model, train, recipe, Attack(hub.radius, hub.radius / 4, 7), seed=derive(seed, "order"))
    else:
        fit(model, train, recipe, seed=derive(seed, "order"), augment=crop_and_flip)
    return model.state_dict()


def _wide(data: str, hub: HubNetwork, seed: int) -> nn.Module:
    few = hub_dataset(data, "train", limit=1)
    counts = {"channels": few.inputs.shape[1], "classes": few.class_count}
    return wide_resnet(hub.depth, hub.widen, seed=derive(seed, "init"), **counts)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Sources with their classes and targets of other classes; ``of`` is the number of the source."""

    source: Images
    label: Labels
    target: Images
    of: Tensor


def pairs(found: Subjects, sources: int, targets: int, seed: int) -> Pairs:
    """So many sources and targets for each, of images that both networks recognise and are sure of."""
    images, labels = found.unseen.inputs, found.unseen.targets
    usable = torch.ones(len(images), dtype=torch.bool)
    for model in found.models.values():
        most, named = Queries(model).probabilities(images).max(1)
        usable &= (named == labels) & (most > SURE)
    random = generator(derive(seed, "pairs"))
    order = usable.nonzero()[:, 0]
    order = order[torch.randperm(len(order), generator=random)]
    found_labels = labels[order].unique()
    require(
        len(found_labels) >= 2, f"both networks are sure of images of {len(found_labels)} classes, and two are needed"
    )
    chosen, goals = [], []
    for one in order[:sources].tolist():
        others = order[labels[order] != labels[one]]
        others = others[torch.randperm(len(others), generator=random)][:targets]
        chosen += [one] * len(others)
        goals += others.tolist()
    of = torch.tensor(chosen).unique_consecutive(return_inverse=True)[1]
    device = best_device()
    return Pairs(images[chosen].to(device), labels[chosen].to(device), images[goals].to(device), of)
