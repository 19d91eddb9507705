"""The claims' answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from netopsy.lab import Part, Tables, above, below, mean_interval, paired_difference
from netopsy.studies.robustness.feature_guided_attack.plan import (
    GAME,
    JACOBIAN,
    KEYPOINTS,
    PLAYERS,
    PLAYOUTS,
    PRUNED,
    RANDOM,
    TREE,
    Config,
)

UNIT = "networks"


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """The game against the saliency map, keypoints against random regions, the optimum reached, the players' order."""
    pixels = tables.wide("attacks", reached=True)
    beside = {f"mean L0, {name}": pixels[name].mean() for name in (GAME, JACOBIAN, PRUNED)}
    asked = tables["success"]["asked"].mean()
    beside |= {
        "game less the reduced attack": paired_difference(pixels[GAME], pixels[PRUNED]),
        "images the saliency map attack changes": tables.rows("attacks", method=JACOBIAN)["reached"].mean(),
        "queries a search": asked,
    }
    more = paired_difference(pixels[GAME], pixels[JACOBIAN])
    yield "feature-guided-attack-1", below(f"L0, {GAME} less {JACOBIAN}", more, 1.0, unit=UNIT, beside=beside)
    success = tables["success"].groupby("seed")["value"].mean()
    yield "feature-guided-attack-1", above("success of the game", mean_interval(success), 0.9, unit=UNIT)

    guided = tables.wide("regions")
    beside = {f"mean L0, regions {name}": guided[name].mean() for name in (KEYPOINTS, RANDOM)}
    beside["images with keypoints"] = tables["regions"]["keypoints"].mean()
    beside["searches that succeed"] = tables["regions"]["success"].mean()
    less = paired_difference(guided[KEYPOINTS], guided[RANDOM])
    yield "feature-guided-attack-2", below(f"L0, {KEYPOINTS} less {RANDOM}", less, 0.0, unit=UNIT, beside=beside)

    reached = tables.wide("optimum")
    beside = {
        "playouts alone": mean_interval(reached[PLAYOUTS]),
        "tree search less playouts alone": paired_difference(reached[TREE], reached[PLAYOUTS]),
        "images with an adversarial subset": len(tables.rows("optimum", method=TREE)),
    }
    share = mean_interval(reached[TREE])
    yield "feature-guided-attack-3", above("share of images at the optimum", share, 0.6, unit=UNIT, beside=beside)

    if reached[PLAYOUTS].mean() >= reached[TREE].mean():
        yield "feature-guided-attack-3", "Playouts alone, for as many queries and without a tree, reach it as often."

    worth = tables.wide("players")
    beside = {f"value, {name}": worth[name].mean() for name in PLAYERS}
    for first, second in pairwise(PLAYERS):
        gap = paired_difference(worth[first], worth[second])
        yield "feature-guided-attack-4", above(f"{first} less {second}", gap, 0.0, unit=UNIT, beside=beside)
