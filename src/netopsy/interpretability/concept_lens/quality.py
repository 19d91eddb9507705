"""How good a concept bank is, before any importance: error, sparsity, stability, distances, agreement."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.interpretability.concept_lens.checks import Bank, Rows, check_rows
from netopsy.interpretability.concept_lens.extraction import ConceptExtractor
from netopsy.interpretability.frechet import frechet_distances

ZERO = 1e-6
"""Codes smaller than this count as absent."""


@checked
def extraction_report(
    activations: Rows,
    extractor: ConceptExtractor,
    *,
    head: Callable[[Tensor], Tensor] | None = None,
    splits: int = 0,
    neighbours: int = 5,
    most: int = 2000,
    seed: int = 0,
) -> dict[str, float]:
    """The paper's measures of an extraction, for a fitted extractor on ``activations``.

    ``relative l2``: |A - UV| / |A|; ``sparsity``: share of codes below 1e-6; ``frechet``: `frechet_distance` of A and
    UV; ``ood``: `out_of_distribution` of UV; with ``head``: ``agreement``, the share of rows with the same largest
    output; with ``splits``: ``instability``, see `instability`.

    Args:
        head: from activations ``[n, channels]`` to outputs ``[n, classes]``.
        splits: of the activations, for the instability; 0 leaves it out.
        neighbours, most: of `out_of_distribution`.

    Raises:
        InputError: an extractor that was not fitted, or was to another number of channels.

    Source: Fel et al. 2023, the table of extraction methods; its OOD score is unconfirmed.

    >>> activations = torch.rand(40, 6, generator=torch.Generator().manual_seed(0))
    >>> report = extraction_report(activations, ConceptExtractor("pca", 6).fit(activations))
    >>> report["relative l2"] < 1e-4
    True
    """
    check_rows(activations)
    codes = extractor.encode(activations)
    rebuilt = extractor.decode(codes)
    report = {
        "relative l2": float((activations - rebuilt).norm() / activations.norm().clamp_min(ZERO)),
        "sparsity": sparsity(codes),
        "frechet": frechet_distance(activations, rebuilt),
        "ood": out_of_distribution(activations, rebuilt, neighbours=neighbours, most=most, seed=seed),
    }
    if head is not None:
        same = head(activations).argmax(1) == head(rebuilt).argmax(1)
        report["agreement"] = float(same.float().mean())
    if splits:
        report["instability"] = instability(activations, extractor, splits=splits, seed=seed)
    return report


def sparsity(codes: Float[Tensor, "..."]) -> float:
    """The share of codes that are 0 but for rounding."""
    return float((codes.abs() < ZERO).double().mean())


@checked
def dictionary_stability(V1: Bank, V2: Bank, *, signed: bool = True) -> float:
    """How far two banks differ: 1 less the mean cosine of their directions, matched one to one for the largest sum.

    0 means the same bank, whatever the order and the lengths; larger is less stable, as in the paper's table.

    Args:
        signed: False for banks whose signs mean nothing (PCA): the size of the cosine counts.

    Raises:
        InputError: banks of two shapes.

    >>> bank = torch.eye(3)
    >>> dictionary_stability(bank, 2 * bank.flip(0))
    0.0
    """
    require(V1.ndim == 2 and V1.shape == V2.shape, f"banks must have one shape, got {[*V1.shape]} and {[*V2.shape]}")
    from scipy.optimize import linear_sum_assignment

    one, other = (torch.nn.functional.normalize(bank.double(), dim=1) for bank in (V1, V2))
    cosine = one @ other.T
    cosine = cosine if signed else cosine.abs()
    pairs = linear_sum_assignment(cosine.cpu().numpy(), maximize=True)
    return max(0.0, 1 - float(cosine[pairs].mean()))


def instability(activations: Rows, extractor: ConceptExtractor, *, splits: int = 10, seed: int = 0) -> float:
    """`dictionary_stability` between banks of disjoint halves of the rows, averaged over random splits."""
    return sum(instabilities(activations, extractor, splits=splits, seed=seed)) / splits


def instabilities(
    activations: Rows, extractor: ConceptExtractor, *, splits: int = 10, seed: int = 0, groups: int = 1
) -> list[float]:
    """The same, split by split.

    Args:
        groups: so many rows on end belong together (the positions of one image) and stay in one half.
    """
    require(splits >= 1, f"splits must be at least 1, got {splits}")
    random, found = generator(seed), []
    blocks = activations.unflatten(0, (-1, groups))
    for _ in range(splits):
        order = torch.randperm(len(blocks), generator=random).to(activations.device)
        half = len(order) // 2
        banks = [
            _like(extractor).fit(blocks[part].flatten(0, 1)).bank_ for part in (order[:half], order[half : 2 * half])
        ]
        found.append(dictionary_stability(*banks, signed=extractor.method != "pca"))
    return found


def frechet_distance(A: Rows, B: Float[Tensor, "others channels"]) -> float:
    """Between Gaussians fitted to two sets of rows: ``|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2))``.

    Source: Dowson and Landau 1982; Heusel et al. 2017 for activations.

    >>> a = torch.tensor([[0.0], [2.0]])
    >>> frechet_distance(a, a + 3)
    9.0
    """
    return float(frechet_distances(A[None], B)[0])


def out_of_distribution(
    real: Rows, made: Float[Tensor, "others channels"], *, neighbours: int = 5, most: int = 2000, seed: int = 0
) -> float:
    """How much farther rows that were made lie from the real ones than these from each other.

    The mean distance of ``made`` to its ``neighbours``-th nearest real row less that of real rows to theirs among the
    others; up to ``most`` rows of each, drawn at random. The paper's own score is unconfirmed.

    >>> real = torch.arange(10.0)[:, None]
    >>> out_of_distribution(real, real + 100, neighbours=1)
    94.5
    """
    require(most >= 2, f"most must be at least 2, got {most}")
    rows = min(len(real), most)
    require(
        0 < neighbours < rows, f"neighbours must be from 1 to {rows - 1}, fewer than the real rows, got {neighbours}"
    )
    random = generator(seed)
    some = torch.randperm(len(real), generator=random)[:most].to(real.device)
    others = torch.randperm(len(made), generator=random)[:most].to(real.device)
    own = torch.cdist(real[some], real[some]).kthvalue(neighbours + 1, dim=1).values  # itself is the nearest
    theirs = torch.cdist(made[others], real[some]).kthvalue(neighbours, dim=1).values
    return float(theirs.mean() - own.mean())


def _like(extractor: ConceptExtractor) -> ConceptExtractor:
    return ConceptExtractor(
        extractor.method,
        extractor.n_concepts,
        alpha=extractor.alpha,
        centre=extractor.centre,
        random_state=extractor.random_state,
    )
