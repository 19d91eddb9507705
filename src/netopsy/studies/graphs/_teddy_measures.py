"""What is measured in the teddy study: accuracy by edges removed, tickets of both kinds, weights, and the cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.errors import lookup
from netopsy.core.seeds import derive
from netopsy.data.block_graphs import block_graph
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.attention import GAT
from netopsy.graphs.networks import GCN, GIN, neighbour_sum
from netopsy.graphs.node_classification import NodeRecipe, NodeResult
from netopsy.graphs.propagation import propagator
from netopsy.graphs.teddy import (
    Ticket,
    degree_scores,
    find_ticket,
    magnitude_pruned,
    prune_edges,
    random_scores,
    teddy_scores,
    ugs_tickets,
)
from netopsy.graphs.teddy.edge_masks import Kind
from netopsy.graphs.teddy.ticket import Prepare, Scorer, accuracy, trained
from netopsy.lab.costs import milliseconds
from netopsy.studies.graphs._teddy_data import Nodes, nodes_of

Row = dict[str, Any]
DENSE, TEDDY, RANDOM, INVERTED, DEGREE = "dense", "TEDDY", "random", "inverted", "one step of degrees"
ORDERS = (TEDDY, DEGREE, RANDOM, INVERTED)
UGS, NO_TEACHER, RANDOM_EDGES = "UGS", "TEDDY without teacher", "random edges, as TEDDY else"
PROJECTED, AFTERWARDS = "projected at each step", "pruned once after training"
LAM: Mapping[tuple[str, str], float] = {("citeseer", "GIN"): 10.0}
"""Weight of the distillation where it is not 0.1."""
PREPARE: Mapping[str, Prepare] = {"GCN": propagator, "GIN": neighbour_sum, "GAT": lambda edges, nodes: edges}
KINDS: Mapping[str, Kind] = {"GCN": "normalised", "GIN": "sum", "GAT": "attention"}
"""What UGS needs to know of a network."""
TIMED = ("GCN", "GIN")
"""Networks whose epochs are timed."""


def scorer(order: str, seed: int) -> Scorer:
    """The scores that an order of removal goes by."""
    known: dict[str, Scorer] = {
        TEDDY: teddy_scores,
        DEGREE: degree_scores,
        INVERTED: lambda edges, nodes: -teddy_scores(edges, nodes),
        RANDOM: lambda edges, nodes: random_scores(edges, nodes, seed=derive(seed, "order")),
    }
    return lookup("order", order, known)


def sparsities(level: int) -> tuple[float, float]:
    """The shares of edges and of weights that are gone at a level."""
    return 1 - 0.95**level, 1 - 0.9**level


def by_edges(graph: str, seed: int, nodes: int, hidden: int, epochs: int, shares: Sequence[float]) -> Iterator[Row]:
    """Test accuracy of plain training when a share of the edges is removed, by each order."""
    data = nodes_of(graph, seed, nodes=nodes)
    make, recipe = factory("GCN", data, hidden, seed), NodeRecipe(epochs=epochs, select="accuracy")

    def tested(edges: Tensor) -> float:
        return trained(make(), data, propagator(edges, len(data.x)), recipe, seed=seed).test

    at = {"measure": "edges", "graph": graph, "seed": seed}
    yield {**at, "method": DENSE, "sparsity": 0.0, "value": tested(data.edge_index)}
    for order in ORDERS:
        scores = scorer(order, seed)(data.edge_index, len(data.x))
        for share in shares:
            edges, _ = prune_edges(data.edge_index, scores, share)
            yield {**at, "method": order, "sparsity": share, "value": tested(edges)}


def tickets(
    graph: str,
    network: str,
    seed: int,
    nodes: int,
    hidden: int,
    epochs: int,
    levels: Sequence[int],
    rounds: Sequence[int],
    weights: Sequence[float],
) -> Iterator[Row]:
    """Tickets of TEDDY and its variants at each level, of UGS at each of ``rounds``, and weights pruned in two ways."""
    data = nodes_of(graph, seed, nodes=nodes)
    make, recipe = factory(network, data, hidden, seed), NodeRecipe(epochs=epochs, select="accuracy")
    found: list[NodeResult] = []
    at = {"graph": graph, "network": network, "seed": seed}

    def dense() -> None:
        edges = PREPARE[network](data.edge_index, len(data.x))
        found.append(trained(make(), data, edges, recipe, seed=seed))

    teaching = seconds(dense)
    teacher = found[0]
    yield {**at, "measure": "joint", "method": DENSE, "level": 0, "value": teacher.test, "seconds": teaching}
    ticket = partial(
        find_ticket,
        make,
        data,
        epochs=epochs,
        teacher=teacher.logits,
        lam=LAM.get((graph, network), 0.1),
        recipe=recipe,
        prepare=PREPARE[network],
        seed=seed,
    )
    for level in levels:
        edges, size = sparsities(level)
        ways: dict[str, tuple[float, Callable[[], Ticket]]] = {
            TEDDY: (teaching, partial(ticket, edge_sparsity=edges, weight_sparsity=size)),
            NO_TEACHER: (0.0, partial(ticket, edge_sparsity=edges, weight_sparsity=size, lam=0.0)),
            RANDOM_EDGES: (
                teaching,
                partial(ticket, edge_sparsity=edges, weight_sparsity=size, scores=scorer(RANDOM, seed)),
            ),
        }
        for name, (before, way) in ways.items():
            drawn = way()
            yield {
                **at,
                "measure": "joint",
                "method": name,
                "level": level,
                "edge sparsity": drawn.edge_sparsity,
                "weight sparsity": drawn.weight_sparsity,
                "value": drawn.accuracy,
                "seconds": before + drawn.seconds,
            }
    if rounds:
        kind = KINDS[network]
        for other in ugs_tickets(make, data, levels=rounds, kind=kind, epochs=epochs, recipe=recipe, seed=seed):
            yield {
                **at,
                "measure": "joint",
                "method": UGS,
                "level": other.level,
                "edge sparsity": 1 - float(other.mask.double().mean()),
                "weight sparsity": zeros(other.model),
                "value": other.accuracy,
                "seconds": other.seconds,
            }
    if weights:
        edges, _ = sparsities(10)
        whole = ticket(edge_sparsity=edges, weight_sparsity=0.0)
        operator = PREPARE[network](whole.edge_index, len(data.x))
        for share in weights:
            projected = ticket(edge_sparsity=edges, weight_sparsity=share).accuracy
            once = accuracy(magnitude_pruned(whole.model, share), data, operator)
            for method, value in ((PROJECTED, projected), (AFTERWARDS, once)):
                yield {**at, "measure": "weights", "method": method, "sparsity": share, "value": value}
        yield {**at, "measure": "weights", "method": DENSE, "sparsity": 0.0, "value": whole.accuracy}


def cost(sizes: Sequence[int], shares: Sequence[float], epochs: int) -> Iterator[Row]:
    """Milliseconds to score and to prune by how many edges, and for an epoch by the share of edges removed."""
    for size in sizes:
        graph = block_graph(max(size // 10, 50), 5, mean_degree=20.0, seed=0)
        edges, nodes = edge_index_of(as_adjacency(graph)), len(graph)
        scores = teddy_scores(edges, nodes)
        score = milliseconds(partial(teddy_scores, edges, nodes), rounds=3)
        prune = milliseconds(partial(prune_edges, edges, scores, 0.5), rounds=3)
        for step, value in (("score all edges", score), ("remove half", prune)):
            yield {"measure": "cost by edges", "edges": size, "step": step, "value": value}
    data = nodes_of("blocks", 0, nodes=max(400, max(sizes) // 100))
    graph = block_graph(len(data.x), 5, mean_degree=40.0, seed=0)
    edges = edge_index_of(as_adjacency(graph))
    scores = teddy_scores(edges, len(data.x))
    recipe = NodeRecipe(epochs=epochs, select="accuracy")
    for network in TIMED:
        model, prepare = factory(network, data, 64, 0)(), PREPARE[network]
        for share in (0.0, *shares):
            left, _ = prune_edges(edges, scores, share)
            run = partial(trained, model, data, prepare(left, len(data.x)), recipe)
            yield {
                "measure": "epoch",
                "network": network,
                "sparsity": share,
                "edges": left.shape[1] // 2,
                "value": milliseconds(run, rounds=3) / epochs,
            }


def factory(network: str, data: Nodes, hidden: int, seed: int) -> Callable[[], nn.Module]:
    """Makes the network with its first weights, the same each time."""
    kind: Any = lookup("network", network, {"GCN": GCN, "GIN": GIN, "GAT": GAT})
    return partial(kind, data.x.shape[1], hidden, data.classes, bias=False, seed=derive(seed, "init"))


def zeros(model: nn.Module) -> float:
    """The share of weights that are zero."""
    flat = torch.cat([value.detach().flatten() for value in model.parameters()])
    return float((flat == 0).double().mean())


def seconds(work: Callable[[], Any]) -> float:
    """How long one run took."""
    start = perf_counter()
    work()
    return perf_counter() - start
