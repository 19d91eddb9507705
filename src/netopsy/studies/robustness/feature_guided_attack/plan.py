"""The numbers of the experiment, and the names in its tables."""

from __future__ import annotations

from dataclasses import dataclass

from netopsy.lab.subjects.digit_networks import DigitNetwork

GAME, JACOBIAN, PRUNED = "game", "Jacobian saliency", "Jacobian saliency, reduced"
KEYPOINTS, RANDOM = "keypoints", "random"
TREE, PLAYOUTS = "tree search", "playouts alone"
PLAYERS = ("cooperative", "random", "adversarial")
PIXELS = 64
"""Of an image: what a search that fails counts as."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    network: DigitNetwork = DigitNetwork()  # noqa: RUF009 - frozen
    attacked: int = 20
    """Images a network on which the game meets the Jacobian's saliency map, and its queries an image."""
    attack_queries: int = 3000
    guided: int = 30
    """Images on which regions of keypoints meet random ones, and the queries."""
    region_queries: int = 500
    boards: int = 12
    """Images whose most salient pixels make a board, how many pixels, and the queries."""
    board_pixels: int = 14
    board_queries: int = 4000
    played: int = 8
    """Images on which the second players meet, and the queries."""
    player_queries: int = 1000


PRESETS = {
    "smoke": Config(
        seeds=1,
        network=DigitNetwork(network="small cnn", steps=40),
        attacked=2,
        attack_queries=150,
        guided=2,
        region_queries=60,
        boards=2,
        board_pixels=6,
        board_queries=100,
        played=1,
        player_queries=100,
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=10,
        attacked=500,
        attack_queries=20_000,
        guided=500,
        boards=500,
        played=100,
        player_queries=20_000,
    ),
}
