"""How the paper trains on each of the citation networks, and what it reports there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRecipe:
    """The numbers that differ from one citation network to the next, and the Hits@100 that the paper reports."""

    encoder_lr: float
    predictor_lr: float
    batch_size: int
    input_dropout: float
    """Of the features."""
    encoder_dropout: float
    predictor_dropout: float
    edge_dropout: float
    completion: Mapping[str, float]
    """What NCNC takes beside."""
    reported: Mapping[str, float]
    """From memory."""


RECIPES: Mapping[str, PublishedRecipe] = {
    "cora": PublishedRecipe(
        *(4.3e-3, 2.4e-3, 1152, 0.7, 0.05, 0.05, 0.4),
        completion={"scale": 4.3, "offset": 2.8, "pt": 0.75, "alpha": 1.0},
        reported={"NCN": 0.891, "NCNC": 0.897},
    ),
    "citeseer": PublishedRecipe(
        *(8.5e-3, 7.8e-3, 384, 0.4, 0.75, 0.55, 0.0),
        completion={"scale": 6.5, "offset": 4.4, "pt": 0.75, "alpha": 0.4},
        reported={"NCN": 0.916, "NCNC": 0.935},
    ),
    "pubmed": PublishedRecipe(
        *(9.7e-3, 2e-3, 2048, 0.3, 0.1, 0.05, 0.0),
        completion={"scale": 5.3, "offset": 0.5, "pt": 0.5, "alpha": 0.3},
        reported={"NCN": 0.791, "NCNC": 0.813},
    ),
}
"""The published settings of Wang et al. 2024, all with one layer of 256 units without weights in its averages."""
