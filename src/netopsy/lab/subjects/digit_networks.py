"""Small networks that take the embedded digits as they are, pixels from 0 to 1: for what changes pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from netopsy.core.errors import lookup
from netopsy.core.seeds import derive
from netopsy.data import Dataset, digits_split
from netopsy.lab.subjects.kept import kept
from netopsy.models import initialise, lenet
from netopsy.training import Recipe, fit
from netopsy.training.attack import Attack
from netopsy.training.robust import fit_robust

CLASSES = 10


@dataclass(frozen=True)
class DigitNetwork:
    """Which network, and how it is trained; with a ``radius`` it is trained against projected gradient noise."""

    network: str = "cnn"
    """``cnn`` (two convolutions of 32 and 64 channels), ``small cnn`` (4 and 8) or ``mlp`` (16 hidden units)."""
    steps: int = 400
    batch_size: int = 60
    lr: float = 5e-3
    radius: float = 0.0
    """Of the noise per pixel that it is trained against, in five steps; 0 for plain training."""


def _mlp(seed: int, classes: int) -> nn.Module:
    return initialise(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, classes)), "he_normal", seed=seed
    )


def _cnn(seed: int, classes: int) -> nn.Module:
    return initialise(
        nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(1024, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        ),
        "he_normal",
        seed=seed,
    )


def _small_cnn(seed: int, classes: int) -> nn.Module:
    return lenet((4, 8), (16,), kernel=3, size=8, classes=classes, seed=seed)


NETWORKS: Mapping[str, Callable[[int, int], nn.Module]] = {"cnn": _cnn, "small cnn": _small_cnn, "mlp": _mlp}


def digit_network(setting: DigitNetwork, seed: int) -> nn.Module:
    """The network with weights and an order of the images of its own seed, in evaluation mode; kept on disk."""
    model = lookup("network", setting.network, NETWORKS)(derive(seed, "init"), CLASSES)
    model.load_state_dict(kept(train_digits, setting=setting, seed=seed))
    return model.eval()


def train_digits(setting: DigitNetwork, seed: int) -> dict[str, Tensor]:
    """The trained weights."""
    train, _ = digit_images()
    model = lookup("network", setting.network, NETWORKS)(derive(seed, "init"), CLASSES)
    recipe = Recipe(steps=setting.steps, batch_size=setting.batch_size, lr=setting.lr, schedule="onecycle")
    if setting.radius:
        attack = Attack(setting.radius, setting.radius / 4, 5)
        fit_robust(model, train, recipe, attack, seed=derive(seed, "order"))
    else:
        fit(model, train, recipe, seed=derive(seed, "order"))
    return model.state_dict()


def digit_images() -> tuple[Dataset, Dataset]:
    """1,297 digits to train on and 500 that no network saw, pixels from 0 to 1."""
    return digits_split(sizes=(1297, 500))  # type: ignore[return-value]
