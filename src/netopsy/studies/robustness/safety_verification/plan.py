"""What is measured: the configuration, the presets, and the names in the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LAYERS: Mapping[str, tuple[str, str]] = {
    "mlp": ("1", "2"),
    "small cnn": ("classifier.fc1", "classifier.act1"),
    "cnn": ("5", "6"),
}
"""Two hidden layers of each network: before and behind a rectifier."""
NAMES: Mapping[str, str] = {"mlp": "perceptron", "small cnn": "small convolutional", "cnn": "convolutional"}
SEARCH, SIGN = "exhaustive search", "sign method"
SAFE, UNSAFE, OPEN = "safe", "unsafe", "not decided"
ALIKE = 0.05
"""Share of pairs that may contradict the refinement of grids."""
SHOWN = 6


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    networks: tuple[str, ...] = ("mlp", "small cnn")
    steps: int = 400
    n_dims: int = 5
    images: int = 10
    """Whose grids are also enumerated point by point."""
    spans: tuple[float, ...] = (0.15, 0.4)
    counts: tuple[int, ...] = (1, 2)
    decided: float = 0.3
    """Radius up to which regions are decided by mixed-integer programming; beyond it few would be in time."""
    refined: int = 15
    """Images whose regions are taken to the hidden layers."""
    radii: tuple[float, ...] = (0.03, 0.1, 0.3)
    nodes: int = 100
    """Branches of the solver."""
    searched: int = 150
    rounds: int = 12
    layers: int = 0
    """Hidden layers that the search goes on to where the input yields nothing."""
    pairs: int = 200
    """Pairs that must be decided at both layers."""


PRESETS = {
    "smoke": Config(
        seeds=1, networks=("mlp",), steps=100, n_dims=3, images=2, refined=2, radii=(0.1,), searched=6, rounds=6
    ),
    "laptop": Config(),
    "paper": Config(networks=("mlp", "small cnn", "cnn"), images=40, refined=40, searched=200, rounds=150, layers=1),
}
