"""Images that are classified for the same reasons, and the concepts those reasons are made of."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.seeds import check_seed
from netopsy.core.shapes import Images
from netopsy.interpretability.concept_lens.checks import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Plane = Literal["auto", "umap", "tsne", "pca"]
Normalise = Literal["image", "concept"]

_MOST_CLUSTERS = 10
_TOP = 3
_EXAMPLES = 12
_FEWEST = 10
"""Images for every cluster that the silhouette may choose from; with fewer it follows chance."""


@dataclass(frozen=True, eq=False)
class StrategyGraph:
    """Clusters of images by why they got their class, and how the concepts take part; from `strategy_graph`."""

    phi: Scores
    """Importances, an image a row, as given."""
    indices: Int[Tensor, "batch"]
    """Which of the caller's images the rows are."""
    clusters: Int[Tensor, "batch"]
    """The cluster of each image, the largest cluster first; cluster 0 alone where none could be told apart."""
    silhouette: float
    """How clearly the clusters stand apart, at most 1; NaN for a single one."""
    plane: Float[Tensor, "batch 2"]
    """The images laid out so that neighbours have the same reasons."""
    prevalence: Float[Tensor, "concepts"]
    """Share of the images whose most important concept this is."""
    reliability: Float[Tensor, "concepts"]
    """Share of right answers among those; NaN where there are none, or where nobody said which are right."""
    together: Float[Tensor, "concepts concepts"]
    """Share of the images that have both concepts among their three most important ones; 0 on the diagonal."""
    sizes: Int[Tensor, "clusters"]
    mean_phi: Float[Tensor, "clusters concepts"]
    examples: tuple[Tensor, ...]
    """For each cluster the images (rows of `phi`) closest to its middle."""

    def plot(self, images: Images | None = None) -> Figure:
        """The images in a plane, the graph of the concepts, what each cluster rests on, and its images where given.

        Args:
            images: the caller's own images, of which `indices` speaks.
        """
        from netopsy.interpretability.concept_lens.strategy_plot import draw_concepts, draw_images, draw_reasons, panels

        shown = () if images is None else tuple(images[self.indices[rows]] for rows in self.examples)
        figure, (left, middle, right) = panels(shown)
        draw_images(left, self.plane, self.clusters)
        draw_concepts(middle, self.prevalence, self.reliability, self.together)
        draw_reasons(right, self.mean_phi)
        return figure


@checked
def strategy_graph(
    phi: Scores,
    correct: Bool[Tensor, "batch"] | None = None,
    *,
    clusters: int | None = None,
    normalise: Normalise = "image",
    plane: Plane = "auto",
    seed: int = 0,
) -> StrategyGraph:
    """Group images of one predicted class by their concept importances.

    Importances are normalised; k-means groups the images, into the number of clusters with the largest mean silhouette
    unless told otherwise: from 2 to 10, and at most one for every ten images.

    Args:
        phi: importances ``[batch, concepts]`` of images predicted to be of one class.
        correct: which of them are right.
        clusters: how many, if not to be chosen by the silhouette.
        normalise: ``"image"`` brings each image's importances to length 1, as the paper does. ``"concept"`` takes off
            each concept's mean and divides by its spread instead (not in the paper): a concept that all images of the
            class share, and that is large, then no longer hides those that tell them apart.
        plane: how rows are laid out in two dimensions: UMAP, t-SNE or principal components; ``"auto"`` takes UMAP where
            it is installed, otherwise t-SNE, and principal components for fewer than 30 images.

    Raises:
        InputError: fewer images than clusters, importances that are not finite, an unknown layout.

    Source: Fel et al. 2023, the section on strategic cluster graphs; the formulas of nodes and edges are unconfirmed.

    >>> graph = strategy_graph(torch.tensor([[9.0, 0.1], [8.0, 0.0], [0.2, 5.0], [7.0, 0.2]]), clusters=2)
    >>> graph.clusters.tolist(), graph.prevalence.tolist()
    ([0, 0, 1, 0], [0.75, 0.25])
    """
    _check(phi, correct, clusters, normalise, plane)
    check_seed(seed)
    phi = phi.detach().cpu().float()
    rows = torch.nn.functional.normalize(phi, dim=1) if normalise == "image" else _standardised(phi)
    found, silhouette = _grouped(rows.double().numpy(), clusters, seed % 2**32)
    order = np.argsort(-np.bincount(found), kind="stable")
    labels = torch.from_numpy(np.argsort(order)[found])
    count = int(labels.max()) + 1
    sizes = labels.bincount(minlength=count)
    members = torch.nn.functional.one_hot(labels, count).float()
    middles = members.T @ rows / sizes[:, None]
    closest = (rows - middles[labels]).norm(dim=1)
    examples = []
    for number in range(count):
        own = (labels == number).nonzero()[:, 0]
        examples.append(own[closest[own].argsort(stable=True)][:_EXAMPLES])
    first = torch.nn.functional.one_hot(phi.argmax(1), phi.shape[1]).float()
    right = torch.full((len(phi),), torch.nan) if correct is None else correct.cpu().float()
    top = torch.zeros_like(phi).scatter_(1, phi.topk(min(_TOP, phi.shape[1]), 1).indices, 1.0)
    together = top.T @ top / len(phi)
    return StrategyGraph(
        phi=phi,
        indices=torch.arange(len(phi)),
        clusters=labels,
        silhouette=silhouette,
        plane=_laid_out(rows, plane, seed % 2**32),
        prevalence=first.mean(0),
        reliability=(first.T @ right.nan_to_num()) / first.sum(0) * (1.0 if correct is not None else torch.nan),
        together=together.fill_diagonal_(0.0),
        sizes=sizes,
        mean_phi=members.T @ phi / sizes[:, None],
        examples=tuple(examples),
    )


def numbered(graph: StrategyGraph, indices: Int[Tensor, "batch"]) -> StrategyGraph:
    """The same graph, of the images that the caller knows by ``indices``."""
    return replace(graph, indices=indices.cpu())


def _grouped(rows: np.ndarray, clusters: int | None, seed: int) -> tuple[np.ndarray, float]:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    distinct = len(np.unique(rows.round(5), axis=0))
    most = min(_MOST_CLUSTERS, max(2, len(rows) // _FEWEST), len(rows) - 1, distinct)
    numbers = [clusters] if clusters else range(2, most + 1)
    best, labels = float("nan"), np.zeros(len(rows), dtype=np.int64)
    for number in numbers:
        found = KMeans(number, n_init=10, random_state=seed).fit_predict(rows).astype(np.int64)
        kinds = len(np.unique(found))
        score = float(silhouette_score(rows, found)) if 1 < kinds < len(rows) else float("nan")
        if clusters or not score <= best:
            best, labels = score, found
    return np.unique(labels, return_inverse=True)[1], best


def _laid_out(rows: Tensor, plane: Plane, seed: int) -> Tensor:
    if plane == "auto":
        plane = "pca" if len(rows) < 30 else "umap" if importlib.util.find_spec("umap") else "tsne"
    if plane == "umap":
        require(importlib.util.find_spec("umap"), "plane='umap' needs the package umap-learn; take 'tsne' or 'pca'")
        made = importlib.import_module("umap").UMAP(random_state=seed).fit_transform(rows.numpy())
        return torch.from_numpy(np.asarray(made)).float()
    if plane == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (len(rows) - 1) / 3)
        made = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows.double().numpy())
        return torch.from_numpy(made).float()
    centred = rows - rows.mean(0)
    left, singular, _ = torch.linalg.svd(centred, full_matrices=False)
    flat = torch.zeros(len(rows), 2)
    kept = min(2, len(singular))
    flat[:, :kept] = left[:, :kept] * singular[:kept]
    return flat


def _standardised(phi: Scores) -> Scores:
    centred = phi - phi.mean(0)
    spread = centred.square().mean(0).sqrt()
    return centred * torch.where(spread > 1e-6 * spread.max(), 1 / spread, 0)


def _check(phi: object, correct: object, clusters: object, normalise: object, plane: object) -> None:
    got = tuple(phi.shape) if isinstance(phi, Tensor) else type(phi).__name__
    require(
        isinstance(phi, Tensor) and phi.ndim == 2 and phi.numel() > 0,
        f"phi must be importances [batch, concepts] of at least one image, got {got}",
    )
    assert isinstance(phi, Tensor)
    require(phi.isfinite().all(), "phi holds NaN or infinite values; they must be finite")
    if correct is not None:
        good = isinstance(correct, Tensor) and correct.shape == (len(phi),) and correct.dtype == torch.bool
        require(good, f"correct must be a bool for each of the {len(phi)} images")
    if clusters is not None:
        whole = isinstance(clusters, int) and not isinstance(clusters, bool)
        require(
            whole and 1 <= clusters <= len(phi),  # type: ignore[operator]
            f"clusters must be an int from 1 to the number of images, {len(phi)}, got {clusters!r}",
        )
    if normalise not in get_args(Normalise):
        raise UnknownNameError("normalise", normalise, get_args(Normalise))
    if plane not in get_args(Plane):
        raise UnknownNameError("plane", plane, get_args(Plane))
