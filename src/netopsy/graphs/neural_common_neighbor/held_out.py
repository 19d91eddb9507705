"""A link predictor beside plain rules and a network without common neighbours, on links held out of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, panel, style
from netopsy.core.errors import lookup, require
from netopsy.core.seeds import generator
from netopsy.graphs.adjacency import GraphLike, as_adjacency
from netopsy.graphs.link_metrics import link_metrics
from netopsy.graphs.link_split import LinkSplit, random_link_split
from netopsy.graphs.neural_common_neighbor.blocks import PureGCN
from netopsy.graphs.neural_common_neighbor.completion import NCNCPredictor
from netopsy.graphs.neural_common_neighbor.heuristics import RULES, pair_rule
from netopsy.graphs.neural_common_neighbor.predictors import GAEPredictor, NCNPredictor
from netopsy.graphs.neural_common_neighbor.training import LinkRecipe, LinkResult, fit_link_predictor, score_pairs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_FEATURES, _HIDDEN, _KS = 64, 64, (10, 50, 100)
_MODELS = {"ncn": NCNPredictor, "ncnc": NCNCPredictor}
MODELS = tuple(_MODELS)
"""Common neighbours as they are, or completed."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A trained model, and what it and others make of links that none of them has seen."""

    model: LinkResult
    x: Float[Tensor, "nodes features"]
    """The random features it was trained on."""
    split: LinkSplit
    measures: pd.DataFrame
    """One row a rule or model, the model last; hits at K only where every part has so many pairs that are no links."""

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """Area under the ROC curve and average precision of each."""
        ax = panel(ax, 4.6, 4.4)
        for number, name in enumerate(("AUC", "AP")):
            places = np.arange(len(self.measures)) + 0.36 * (number - 0.5)
            ax.barh(places, self.measures[name], 0.34, color=PALETTE[number], alpha=0.8, label=name)
            for place, value in zip(places, self.measures[name], strict=True):
                ax.text(float(value) + 0.01, place, f"{value:.3f}", va="center", fontsize=7, color=INK)
        ax.set_yticks(range(len(self.measures)), list(self.measures.index))
        ax.set(xlim=(0, 1.12), xlabel="on the links held out")
        ax.invert_yaxis()
        ax.legend(loc="upper center", bbox_to_anchor=(0.45, 1.12), ncols=2)
        return ax

    @style()
    def plot_probabilities(self, ax: Axes | None = None, *, least: float | None = None) -> Axes:
        """How the model's probabilities tell links held out from pairs without a link; ``least`` is marked."""
        ax = panel(ax, 5.4, 4.4)
        parts = (("links held out", self.split.test), ("pairs without a link", self.split.test_negatives))
        for (text, pairs), color in zip(parts, PALETTE, strict=False):
            logits = score_pairs(self.model.encoder, self.model.predictor, self.x, self.split.observed, pairs)
            bins = np.linspace(0, 1, 26).tolist()
            ax.hist(logits.sigmoid().numpy(), bins, color=color, alpha=0.6, label=text)
        if least is not None:
            ax.axvline(least, color=INK, linestyle=":", label="least of the pairs written")
        ax.set(xlabel="probability by the model", ylabel="pairs")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=3)
        return ax


def compare_on_held_out(
    graph: GraphLike, model: str = "ncn", *, epochs: int = 60, held_out: float = 0.2, seed: int = 0
) -> HeldOut:
    """Train a model to tell links, and compare it on links held out.

    Beside it stand the rules of `pair_rule` and, with the same budget, a graph network without common neighbours. Nodes
    have random features: these tell them apart and are not made from the links, which are to be predicted.

    Args:
        model: "ncn", common neighbours as they are, or "ncnc", completed, which is slower.
        epochs: passes over the links in training.
        held_out: the share of the links to compare on; half as many choose the epoch.
        seed: of the split, the features, the networks and their training.

    Raises:
        InputError: an unknown model, an option out of range, or a graph with too few links for the split.

    >>> import networkx as nx
    >>> found = compare_on_held_out(nx.karate_club_graph(), epochs=1)
    >>> found.measures.index.tolist()
    ['common neighbours', 'Adamic-Adar', 'resource allocation', 'GAE', 'NCN']
    """
    kind = lookup("model", model, _MODELS)
    require(0 < held_out <= 0.5, f"held_out must be a share above 0 and up to 0.5, got {held_out}")
    adjacency = as_adjacency(graph)
    split = random_link_split(adjacency, held_out / 2, held_out, seed)
    recipe = LinkRecipe(epochs=epochs, batch_size=max(16, min(1152, split.train.shape[1] // 8)), ks=_KS)
    x = torch.randn(split.nodes, _FEATURES, generator=generator(seed))
    rows, result = {}, None
    for rule in RULES:
        links, others = (pair_rule(split.observed, pairs, rule) for pairs in (split.test, split.test_negatives))
        rows[rule] = link_metrics(links, others, _KS)
    for name, predictor in (("GAE", GAEPredictor), (model.upper(), kind)):
        encoder = PureGCN(_FEATURES, _HIDDEN, 2, seed=seed)
        result = fit_link_predictor(encoder, predictor(_HIDDEN, seed=seed), x, split, recipe=recipe, seed=seed)
        rows[name] = result.metrics
    assert result is not None
    import pandas as pd

    measures = pd.DataFrame(rows).T.dropna(axis=1)
    order = ("AUC", "AP", "MRR", *(f"Hits@{k}" for k in _KS))
    return HeldOut(result, x, split, measures[[name for name in order if name in measures]])
