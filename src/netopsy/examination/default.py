"""The network that is examined when nobody brings one: trained on the spot, on data that is always there."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from netopsy.core.seeds import derive
from netopsy.data import Dataset, digits_split
from netopsy.lab.subjects.kept import kept
from netopsy.models import small_conv_net
from netopsy.training import Recipe, fit

RECIPE = Recipe(steps=400, batch_size=60, lr=5e-3, schedule="onecycle")
"""Seconds on one core, and 98 to 99 of 100 digits right."""

INITIALISATION = "he_normal"


@dataclass(frozen=True)
class Trained:
    """A network, and all that is known about how it came to be."""

    model: nn.Module
    test: Dataset
    """What it has never seen."""
    train: Dataset
    recipe: Recipe
    initialisation: str
    name: str


def default_network(seed: int = 0) -> Trained:
    """Train a small convolutional network on 1000 of scikit-learn's handwritten digits; 500 others are held out."""
    train, _, _ = digits_split()
    model = _untrained(seed)
    fit(model, train, RECIPE, seed=derive(seed, "order"))
    return _known(model)


def kept_network(seed: int = 0) -> Trained:
    """`default_network`, whose weights are kept on the disk: the next time it is there at once."""
    model = _untrained(seed)
    model.load_state_dict(kept(default_weights, seed=seed))
    return _known(model.eval())


def default_weights(seed: int) -> dict[str, Tensor]:
    """The trained weights of `default_network`."""
    return default_network(seed).model.state_dict()


def _untrained(seed: int) -> nn.Module:
    return small_conv_net(strides=(1, 1, 2, 1), initialisation=INITIALISATION, seed=derive(seed, "weights"))


def _known(model: nn.Module) -> Trained:
    train, _, test = digits_split()
    return Trained(model, test, train, RECIPE, INITIALISATION, "A small convolutional network")
