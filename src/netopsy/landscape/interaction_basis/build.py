"""The interaction basis of a network's layers, and the bases it is compared with."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.capture import layer_activations
from netopsy.core.errors import require
from netopsy.core.layers import Layer
from netopsy.core.progress import track
from netopsy.core.seeds import generator
from netopsy.landscape.interaction_basis.basis import InteractionBasis, eigen, with_constant
from netopsy.landscape.interaction_basis.ranks import RowSpace
from netopsy.landscape.interaction_basis.sections import check_count, check_sequence, jacobian_root, to_rows

Target = Literal["output", "next"]


@dataclass(frozen=True)
class _Node:
    """What is known of a layer's activations."""

    mean: Tensor
    root: Tensor
    """Its square is the mean outer product of the activations less `mean`, which is 0 without centring."""
    shape: tuple[int, ...]


@checked
def interaction_basis(
    model: nn.Module,
    layers: Sequence[Layer],
    inputs: Tensor,
    *,
    target: Target = "output",
    output: Literal["identity", "pca"] = "identity",
    center: bool = True,
    threshold: float | int = 1e-12,
    n_sources: int | None = None,
    batch_size: int = 512,
    seed: int | torch.Generator = 0,
) -> InteractionBasis:
    """Features of each layer that do not depend on how it is parametrised, ordered by their effect on the output.

    From the last layer to the first: directions in which the activations do not vary are dropped and the others
    whitened; then those in which the target does not change are dropped, and the features are the eigenvectors of the
    target's mean squared Jacobian. So the features are uncorrelated with mean squares ``eigenvalues``, the Jacobian's
    Gram matrix with respect to them is the identity, and an invertible linear map of the layer that the next one undoes
    changes at most their signs. An image's places, and a sequence's steps, are samples of one layer: the Gram matrix of
    the activations is a mean over them, the Jacobian's a sum.

    Source: the paper's section on the interaction basis. The Jacobian of ``target="output"`` is to the last of
    ``layers`` (unconfirmed in the text); ``"next"`` is the local variant of arXiv 2405.10928, to the next layer's own
    features. The constant is kept apart from all other features, whether or not ``center`` takes the mean off.

    Args:
        model: runs in evaluation mode; convert it with ``.double()`` where rounding matters.
        layers: names or submodules, in the order of the forward pass, ``""`` for the input. Each must depend on the
            input by way of the one before alone. The last one, such as the network's last module, is the output.
        inputs: a batch.
        target: what the features are to have an effect on.
        output: the basis of the last layer.
        center: take the mean off the activations.
        threshold: eigenvalues up to so much of the largest one are dropped, twice a layer.
        n_sources: random sums of outputs and positions to differentiate instead of each of them.
        batch_size: samples that go through together.
        seed: for those sums.

    Raises:
        InputError: layers that are not in sequence, or that share parameters, inputs that do not go through, an
            option out of range.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> basis = interaction_basis(mlp([64, 8, 10], seed=0), ["flatten", "act1", "output"], digits()[:200].inputs)
    >>> [basis.C[layer].shape[1] for layer in basis.layers][1:]  # one of them the constant
    [9, 11]
    """
    require(target in ("output", "next"), f"target must be 'output' or 'next', got {target!r}")
    require(output in ("identity", "pca"), f"output must be 'identity' or 'pca', got {output!r}")
    check_count("n_sources", n_sources, optional=True)
    names, nodes = _nodes(model, layers, inputs, center, threshold, batch_size)
    random = generator(seed)
    last = names[-1]
    found = {last: _principal(nodes[last], threshold) if output == "pca" else _identity(nodes[last])}
    for place in track(range(len(names) - 2, -1, -1), "interaction basis"):
        end = last if target == "output" else names[place + 1]
        inward = found[end][0]

        def columns(rows: Tensor, inward: Tensor = inward) -> Tensor:
            return rows @ inward.to(rows)

        effect = jacobian_root(
            model, names[place], end, inputs, columns, sources=n_sources, random=random, batch_size=batch_size
        )
        found[names[place]] = _interacting(nodes[names[place]], effect.to(nodes[last].root), threshold)
    return _joined(names, nodes, found, "interaction" if target == "output" else "local interaction")


@checked
def pca_basis(
    model: nn.Module,
    layers: Sequence[Layer],
    inputs: Tensor,
    *,
    center: bool = True,
    threshold: float | int = 1e-12,
    rotate: int | None = None,
    batch_size: int = 512,
) -> InteractionBasis:
    """Principal components of every layer but the last, whose features are its own units: the basis to compare with.

    Args:
        rotate: turn each layer's components, other than the last's, at random with this seed: as many directions,
            chosen by nothing.

    The other arguments are those of `interaction_basis`.

    Raises:
        InputError: what `interaction_basis` refuses.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> basis = pca_basis(mlp([64, 8, 10], seed=0), ["act1", "output"], digits()[:200].inputs)
    >>> basis.C["act1"].shape
    torch.Size([9, 9])
    """
    names, nodes = _nodes(model, layers, inputs, center, threshold, batch_size)
    kind = "pca" if rotate is None else "rotated"
    found = {name: _principal(nodes[name], threshold) for name in names[:-1]}
    if rotate is not None:
        random = generator(rotate)
        found = {name: _turned(nodes[name], inward, random) for name, (inward, _, _) in found.items()}
    return _joined(names, nodes, {**found, names[-1]: _identity(nodes[names[-1]])}, kind)


@checked
def neuron_basis(
    model: nn.Module, layers: Sequence[Layer], inputs: Tensor, *, center: bool = True, batch_size: int = 512
) -> InteractionBasis:
    """The units themselves as features.

    Arguments are those of `interaction_basis`.

    Raises:
        InputError: what `interaction_basis` refuses.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> neuron_basis(mlp([64, 8, 10], seed=0), ["act1", "output"], digits()[:200].inputs).C["act1"].shape
    torch.Size([9, 9])
    """
    names, nodes = _nodes(model, layers, inputs, center, 0.0, batch_size)
    return _joined(names, nodes, {name: _identity(nodes[name]) for name in names}, "neuron")


_Maps = tuple[Tensor, Tensor, Tensor]
"""Into the features, back, and their mean squares."""


def _nodes(
    model: nn.Module, layers: Sequence[Layer], inputs: Tensor, center: bool, threshold: float | int, batch_size: int
) -> tuple[list[str], dict[str, _Node]]:
    require(0 <= threshold < 1, f"threshold must lie in [0, 1), got {threshold}")
    check_count("batch_size", batch_size)
    names = check_sequence(model, layers, inputs)
    seen, shapes = {name: RowSpace() for name in names}, {}
    for some in inputs.split(batch_size):
        for name, values in layer_activations(model, some, names).items():
            shapes[name] = tuple(values.shape[1:])
            rows = to_rows(values).flatten(0, 1).double().cpu()
            seen[name].update(torch.cat([rows.new_ones(len(rows), 1), rows], 1))
    nodes = {}
    for name, own in seen.items():
        root = own.root()  # its first row is about the constant: the mean; the others are what is left without
        size = root.shape[1] - 1
        if own.count <= size:
            warnings.warn(
                f"layer {name!r} has {size} units and was seen {own.count} times: some of its directions are dropped "
                "for want of inputs",
                stacklevel=4,
            )
        mean = root[0, 1:] / root[0, 0]
        centred = root[1:, 1:] if len(root) > 1 else torch.zeros_like(root[:, 1:])
        nodes[name] = _Node(
            mean if center else torch.zeros_like(mean), centred if center else root[:, 1:], shapes[name]
        )
    return names, nodes


def _identity(node: _Node) -> _Maps:
    unit = torch.eye(len(node.mean), dtype=torch.float64)
    return unit, unit, node.root.square().sum(0)


def _principal(node: _Node, threshold: float | int) -> _Maps:
    values, vectors = eigen(node.root, threshold)
    return vectors, vectors.T, values


def _turned(node: _Node, inward: Tensor, random: torch.Generator) -> _Maps:
    size = inward.shape[1]
    turn = torch.linalg.qr(torch.randn(size, size, generator=random, dtype=torch.float64)).Q
    own = inward @ turn
    return own, own.T, (node.root @ own).square().sum(0)


def _interacting(node: _Node, effect: Tensor, threshold: float | int) -> _Maps:
    """Whiten, then turn to the eigenvectors of the Jacobian's Gram matrix, and scale by its eigenvalues' roots."""
    values, vectors = eigen(node.root, threshold)
    whiten, colour = vectors / values.sqrt(), values.sqrt()[:, None] * vectors.T
    strengths, turn = eigen(effect @ colour.T, threshold)
    return whiten @ turn * strengths.sqrt(), (turn / strengths.sqrt()).T @ colour, strengths


def _joined(names: Sequence[str], nodes: dict[str, _Node], found: dict[str, _Maps], kind: str) -> InteractionBasis:
    both = {name: with_constant(found[name][0], found[name][1], nodes[name].mean) for name in names}
    return InteractionBasis(
        layers=tuple(names),
        C={name: into for name, (into, _) in both.items()},
        C_pinv={name: back for name, (_, back) in both.items()},
        eigenvalues={name: torch.cat([torch.ones(1, dtype=torch.float64), found[name][2]]) for name in names},
        shapes={name: nodes[name].shape for name in names},
        kind=kind,
    )
