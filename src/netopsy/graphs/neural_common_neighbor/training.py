"""Training an encoder and a predictor together to tell links from pairs that are none."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.arguments import checked
from netopsy.core.drawing import panel, style
from netopsy.core.errors import require
from netopsy.core.modes import check_model, evaluating, training
from netopsy.core.progress import Task
from netopsy.core.seeds import derive, generator, seeded
from netopsy.graphs.adjacency import GraphLike, undirected_edges
from netopsy.graphs.link_metrics import link_metrics
from netopsy.graphs.link_split import LinkSplit, draw_non_links
from netopsy.graphs.networks import APPNP, GCN
from netopsy.graphs.neural_common_neighbor.blocks import PureGCN, normalised
from netopsy.graphs.neural_common_neighbor.neighbourhoods import LinkGraph, Pairs, checked_pairs, link_graph
from netopsy.graphs.neural_common_neighbor.predictors import PairPredictor
from netopsy.graphs.propagation import Features, check_features

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class LinkRecipe:
    """How links are learned; epochs, batches and rates are the paper's for Cora, which also drops 0.4 of the links."""

    epochs: int = 100
    batch_size: int = 1152
    encoder_lr: float = 4.3e-3
    predictor_lr: float = 2.4e-3
    edge_dropout: float = 0.0
    """The share of the links that the predictor does not see, drawn for each batch."""
    negatives: Literal["unobserved", "never linked"] = "unobserved"
    """What training tells links from: pairs without an observed link, as one has to where the missing links are not
    known; or such that no link held out is among them."""
    ks: tuple[int, ...] = (20, 50, 100)
    """For which K hits at K are measured."""
    select: str = "AP"
    """The measure on validation links that decides which epoch's model is handed back."""

    def __post_init__(self) -> None:
        require(self.epochs >= 1, f"epochs must be at least 1, got {self.epochs}")
        require(self.batch_size >= 1, f"batch_size must be at least 1, got {self.batch_size}")
        require(0 <= self.edge_dropout < 1, f"edge_dropout must be at least 0 and below 1, got {self.edge_dropout}")
        require(
            self.negatives in ("unobserved", "never linked"),
            f"negatives must be 'unobserved' or 'never linked', got {self.negatives!r}",
        )


@dataclass(frozen=True, eq=False)
class LinkResult:
    """A trained encoder with its predictor, and how well they do on links that were held out."""

    encoder: nn.Module
    """A copy, at the epoch that did best on the validation links by the recipe's ``select``."""
    predictor: PairPredictor
    metrics: dict[str, float]
    """On the test links, each measure at the epoch that was best in it on the validation links."""
    validation: dict[str, float]
    """The best of each measure on the validation links."""
    epochs: dict[str, int]
    """When that was."""
    losses: tuple[float, ...]
    """Mean training loss by epoch."""

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """The training loss by epoch."""
        ax = panel(ax)
        ax.plot(self.losses)
        ax.set(xlabel="epoch", ylabel="training loss")
        return ax


@checked
def fit_link_predictor(
    encoder: nn.Module,
    predictor: PairPredictor,
    x: Features,
    split: LinkSplit,
    *,
    target_link_removal: bool = True,
    recipe: LinkRecipe | None = None,
    seed: int = 0,
) -> LinkResult:
    """Train ``predictor(encoder(x, edges), graph, pairs)`` with Adam, as many fresh negatives as links in each batch.

    Both are trained in place; copies of the best epoch are handed back. The test links have no part in choosing it.

    Args:
        encoder: any network of the form ``(x, edge_index) -> [nodes, hidden]``. Its parameters and those of the
            predictor have learning rates of their own.
        x: node features ``[nodes, channels]``; they must not be made from the links.
        split: as `random_link_split` gives it.
        target_link_removal: take the links of a batch out of the graph, both ways, for the encoder and for the
            neighbourhoods of links and negatives alike; otherwise a link to be predicted is seen.
        seed: of batches, negatives and dropout.

    Raises:
        InputError: features that do not fit the graph or are not finite, or an unknown measure to select by.

    Source: Wang et al. 2024, Section 4 and the reference implementation.

    >>> from netopsy.graphs.neural_common_neighbor import GAEPredictor, random_link_split
    >>> split = random_link_split(torch.combinations(torch.arange(8)).T[:, ::2], 0.2, 0.2)
    >>> recipe = LinkRecipe(epochs=2, ks=(1,))
    >>> found = fit_link_predictor(PureGCN(8, 4), GAEPredictor(4), torch.eye(8), split, recipe=recipe)
    >>> sorted(found.metrics)
    ['AP', 'AUC', 'Hits@1', 'MRR']
    """
    recipe = recipe or LinkRecipe()
    check_model(encoder)
    check_model(predictor)
    graph = link_graph(split.observed)
    require(x.ndim == 2 and len(x) == split.nodes, f"x must be [{split.nodes}, channels], got {tuple(x.shape)}")
    check_features(x)
    known = link_metrics(torch.zeros(1), torch.zeros(_fewest(split)), recipe.ks)
    require(recipe.select in known, f"select must be one of {', '.join(known)}, got {recipe.select!r}")
    optimiser = torch.optim.Adam(
        [
            {"params": encoder.parameters(), "lr": recipe.encoder_lr},
            {"params": predictor.parameters(), "lr": recipe.predictor_lr},
        ]
    )
    best, losses = _Best(recipe.select), []
    random = generator(derive(seed, "batches"))
    with seeded(derive(seed, "dropout")), Task("learning links", recipe.epochs) as task:
        for epoch in range(recipe.epochs):
            sums = 0.0
            with training(encoder), training(predictor):
                for links, numbers, negatives in _batches(graph, split, recipe, random):
                    seen = graph.without(numbers) if target_link_removal else graph
                    loss = link_loss(encoder, predictor, x, seen, links, negatives, edge_dropout=recipe.edge_dropout)
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    sums += float(loss.detach()) * links.shape[1]
            losses.append(sums / (len(graph.columns) // 2))
            best.update(epoch, encoder, predictor, x, graph, split, recipe)
            task.advance(note=f"{recipe.select} {best.validation[recipe.select]:.3f}")
    return LinkResult(*best.models, best.metrics, best.validation, best.epochs, tuple(losses))


def link_loss(
    encoder: nn.Module,
    predictor: PairPredictor,
    x: Features,
    adj: GraphLike | LinkGraph,
    links: Pairs,
    negatives: Int[Tensor, "2 negatives"],
    *,
    edge_dropout: float = 0.0,
) -> Float[Tensor, ""]:
    """``-log sigmoid(z)`` over links plus ``-log sigmoid(-z)`` over negatives, each a mean, on the graph as given."""
    graph = link_graph(adj)
    embeddings = embed(encoder, x, graph)
    if edge_dropout:
        graph = thinned_graph(graph, edge_dropout)
    pairs = torch.cat([links, negatives], 1)
    logits = predictor.scores(embeddings, graph, *checked_pairs(pairs, graph.nodes))
    positive, negative = logits.split([links.shape[1], negatives.shape[1]])
    return functional.softplus(-positive).mean() + functional.softplus(negative).mean()


@checked
@torch.no_grad()
def score_pairs(
    encoder: nn.Module,
    predictor: PairPredictor,
    x: Features,
    adj: GraphLike | LinkGraph,
    pairs: Pairs,
    *,
    batch_size: int = 65536,
) -> Float[Tensor, "pairs"]:
    """Logits of pairs in evaluation mode: the encoder once for the whole graph, then the pairs batch by batch.

    Raises:
        InputError: pairs out of range or of a node with itself.

    >>> from netopsy.graphs.neural_common_neighbor import NCNPredictor, PureGCN
    >>> encoder, predictor = PureGCN(2, 4), NCNPredictor(4)
    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> score_pairs(encoder, predictor, torch.eye(3, 2), path, torch.tensor([[0], [2]])).shape
    torch.Size([1])
    """
    require(batch_size >= 1, f"batch_size must be at least 1, got {batch_size}")
    graph = link_graph(adj)
    first, second = checked_pairs(pairs, graph.nodes)
    with evaluating(encoder), evaluating(predictor):
        embeddings = embed(encoder, x, graph)
        parts = [
            predictor.scores(embeddings, graph, first[begin : begin + batch_size], second[begin : begin + batch_size])
            for begin in range(0, len(first), batch_size)
        ]
    return torch.cat(parts) if parts else embeddings.new_zeros(0)


def embed(encoder: nn.Module, x: Features, graph: LinkGraph) -> Float[Tensor, "nodes hidden"]:
    """What the encoder makes of the graph. Those of this room get the normalised matrix, any other the edge index."""
    if isinstance(encoder, PureGCN | GCN | APPNP):
        return encoder(x, normalised(graph))
    return encoder(x, graph.edge_index.to(x.device))


def thinned_graph(graph: LinkGraph, share: float) -> LinkGraph:
    """The graph without links drawn with this chance from torch's global state, each with both its ways."""
    number = int(graph.edges.max(initial=-1)) + 1
    gone = torch.rand(number) < share
    return graph.without(gone.nonzero().flatten())


class _Best:
    """Each measure at the epoch that was best in it on the validation links."""

    def __init__(self, select: str) -> None:
        self.select = select
        self.metrics: dict[str, float] = {}
        self.validation: dict[str, float] = {}
        self.epochs: dict[str, int] = {}
        self.models: tuple[nn.Module, PairPredictor]

    def update(
        self,
        epoch: int,
        encoder: nn.Module,
        predictor: PairPredictor,
        x: Tensor,
        graph: LinkGraph,
        split: LinkSplit,
        recipe: LinkRecipe,
    ) -> None:
        parts = (split.validation, split.validation_negatives, split.test, split.test_negatives)
        scores = score_pairs(encoder, predictor, x, graph, torch.cat(parts, 1)).cpu()
        links, others, test_links, test_others = scores.split([part.shape[1] for part in parts])
        known = tuple(k for k in recipe.ks if k <= _fewest(split))
        now = link_metrics(links, others, known)
        better = [name for name, value in now.items() if value > self.validation.get(name, -1.0)]
        if not better:
            return
        test = link_metrics(test_links, test_others, known)
        for name in better:
            self.validation[name], self.metrics[name], self.epochs[name] = now[name], test[name], epoch
        if self.select in better:
            self.models = copy.deepcopy(encoder), copy.deepcopy(predictor)


def _fewest(split: LinkSplit) -> int:
    return min(split.validation_negatives.shape[1], split.test_negatives.shape[1])


def _batches(
    graph: LinkGraph, split: LinkSplit, recipe: LinkRecipe, random: torch.Generator
) -> Iterator[tuple[Pairs, Int[Tensor, "links"], Pairs]]:
    """The links of each batch, their numbers, and as many negatives: fresh ones in each epoch."""
    links = undirected_edges(graph.matrix)
    avoided = graph
    if recipe.negatives == "never linked":
        avoided = link_graph(torch.cat([split.train, split.validation, split.test], 1), nodes=split.nodes)
    count = links.shape[1]
    order = torch.randperm(count, generator=random)
    negatives = draw_non_links(avoided.matrix, count, random)
    for numbers, others in zip(order.split(recipe.batch_size), negatives.split(recipe.batch_size, 1), strict=True):
        yield links[:, numbers], numbers, others
