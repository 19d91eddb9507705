"""What the concept-lens study measures on a network that names single objects, and what concepts cost."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.seeds import derive, generator
from netopsy.core.split import split_model
from netopsy.interpretability.concept_lens import (
    ConceptExtractor,
    ConceptLens,
    c_mu_fidelity,
    concept_importance,
    deletion_curve,
    dictionary_stability,
    extraction_report,
    insertion_curve,
)
from netopsy.interpretability.concept_lens.masking import every_subset, masked_scores
from netopsy.interpretability.concept_lens.places import as_the_layer, channels_last
from netopsy.lab.costs import milliseconds
from netopsy.models import small_conv_net
from netopsy.studies.interpretability._single_objects import Objects

OPTIMAL = ("gi", "ig", "oc", "ri")
"""Scores that the theorems speak of."""
RANKED = ("gi", "ig", "oc", "ri", "sb", "sg", "sq", "vg", "sa")
RANDOM = "random"
ORDERS = 5
"""Random orders that their mean is taken over."""
EXTRACTIONS = ("pca", "nmf", "kmeans")
MEASURES = ("relative l2", "sparsity", "instability", "frechet", "ood", "agreement")


def affine(
    model: nn.Module, train: Objects, test: Objects, layer: str, n_concepts: int, images: int
) -> Iterator[dict[str, Any]]:
    """By score and class: how far deletion and insertion are from the best order, and the mean C-muFidelity."""
    exact = copy.deepcopy(model).double()
    classes = test.labels.unique().tolist()
    for number, those, lens in _lenses(exact, train, test, layer, n_concepts, -(-images // len(classes)), None):
        codes, function = lens.encode(those), lens.score(number)
        best = best_orders(function, codes)
        for method in RANKED:
            phi = concept_importance(function, codes, method)  # type: ignore[arg-type]
            curves = deletion_curve(function, codes, phi), insertion_curve(function, codes, phi)
            gaps = [float((curve.mean(1) - most).abs().max()) for curve, most in zip(curves, best, strict=True)]
            yield {
                "measure": "affine",
                "layer": layer,
                "class": number,
                "method": method,
                "images": len(codes),
                "deletion": gaps[0],
                "insertion": gaps[1],
                "mu": float(c_mu_fidelity(function, codes, phi).nanmean()),
            }


def best_orders(
    function: Callable[[Tensor], Tensor], codes: Tensor
) -> tuple[Float[Tensor, "batch"], Float[Tensor, "batch"]]:
    """The lowest mean of the deletion curve and the highest of the insertion curve over all orders of the concepts."""
    concepts = codes.shape[-1]
    values = masked_scores(function, codes, every_subset(concepts, codes)[None], 4096)
    orders = torch.tensor(list(itertools.permutations(range(concepts))), device=codes.device)
    without = torch.zeros(len(orders), concepts + 1, dtype=torch.int64, device=codes.device)
    without[:, 1:] = (2**orders).cumsum(1)
    kept = 2**concepts - 1 - without
    return values[:, kept].mean(2).amin(1), values[:, without].mean(2).amax(1)


def extraction(
    model: nn.Module, train: Objects, layer: str, n_concepts: int, splits: int, per_half: int, seed: int
) -> Iterator[dict[str, Any]]:
    """The measures of each method for one half of a class's images, and how far its bank is from the other half's."""
    classes, random = train.labels.unique().tolist(), generator(derive(seed, "halves"))
    split = split_model(model, layer, train.images[:2])
    for number in range(splits):
        own = (train.labels == classes[number % len(classes)]).nonzero()[:, 0].cpu()
        own = own[torch.randperm(len(own), generator=random)][: 2 * per_half]
        with torch.no_grad():
            grids = [channels_last(split.head(train.images[part]), layer) for part in own.chunk(2)]
        shape, halves = grids[0].shape[:-1], [grid.reshape(-1, grid.shape[-1]) for grid in grids]

        @torch.no_grad()
        def head(rows: Tensor, shape: Any = shape) -> Tensor:
            return split.tail(as_the_layer(rows.unflatten(0, shape)))

        for method in EXTRACTIONS:
            made = [ConceptExtractor(method, n_concepts, random_state=number).fit(half) for half in halves]  # type: ignore[arg-type]
            report = extraction_report(halves[0], made[0], head=head, seed=number)
            report["instability"] = dictionary_stability(made[0].bank_, made[1].bank_, signed=method != "pca")
            yield {"measure": "extraction", "layer": layer, "split": number, "method": method, **report}


def ranking(
    model: nn.Module,
    train: Objects,
    test: Objects,
    layer: str,
    n_concepts: int,
    to_fit: int,
    per_class: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """By class and score: fidelity, and the curves it is the mean of."""
    for number, those, lens in _lenses(model, train, test, layer, n_concepts, per_class, to_fit):
        codes, function = lens.encode(those), lens.score(number)
        scored: dict[str, list[Tensor]] = {
            method: [concept_importance(function, codes, method, seed=seed)]  # type: ignore[arg-type]
            for method in RANKED
        }
        random = generator(derive(seed, "orders", number))
        scored[RANDOM] = [torch.rand(len(codes), n_concepts, generator=random).to(codes) for _ in range(ORDERS)]
        for method, phis in scored.items():
            curves = {
                kind: torch.stack([curve(function, codes, phi).mean(0) for phi in phis]).mean(0)
                for kind, curve in (("deletion", deletion_curve), ("insertion", insertion_curve))
            }
            mu = c_mu_fidelity(function, codes, phis[0]).nanmean()
            common = {"layer": layer, "class": number, "method": method}
            means = {kind: float(curve.mean()) for kind, curve in curves.items()}
            yield {"measure": "ranking", **common, "images": len(codes), **means, "mu": float(mu)}
            for kind, curve in curves.items():
                for step, value in enumerate(curve.tolist()):
                    yield {"measure": "curve", **common, "kind": kind, "step": step, "value": value}


def cost(sides: Sequence[int], concepts: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Milliseconds for 8 images at the third convolution, the fastest of three, by side and by number of concepts."""
    model = small_conv_net(seed=0).eval()
    middle = concepts[min(1, len(concepts) - 1)]
    settings = [("side", side, middle) for side in sides]
    settings += [("concepts", sides[min(1, len(sides) - 1)], count) for count in concepts]
    for varied, side, count in settings:
        images = torch.rand(8, 1, side, side, generator=torch.Generator().manual_seed(0))
        lens = ConceptLens(model, "features.act3", count).fit(images)
        codes, function = lens.encode(images), lens.score(0)
        ways: dict[str, Callable[[], object]] = {
            "find concepts": lambda images=images, count=count: ConceptLens(model, "features.act3", count).fit(images),  # type: ignore[misc]
            "encode": lambda lens=lens, images=images: lens.encode(images),  # type: ignore[misc]
            "gradient-input": lambda f=function, u=codes: concept_importance(f, u, "gi"),  # type: ignore[misc]
            "occlusion": lambda f=function, u=codes: concept_importance(f, u, "oc", batch_size=64),  # type: ignore[misc]
        }
        for way, work in ways.items():
            at = {"varied": varied, "side": side, "concepts": count}
            yield {"measure": "cost", "method": way, **at, "value": milliseconds(work, rounds=3)}


def _lenses(
    model: nn.Module, train: Objects, test: Objects, layer: str, n_concepts: int, most: int, to_fit: int | None
) -> Iterator[tuple[int, Tensor, ConceptLens]]:
    """For each class the test images that the network takes for it, and the concepts of its training images."""
    kind = next(model.parameters()).dtype
    with torch.no_grad():
        answers = torch.cat([model(some.to(kind)).argmax(1) for some in test.images.split(256)])
        known = torch.cat([model(some.to(kind)).argmax(1) for some in train.images.split(256)])
    for number in test.labels.unique().tolist():
        those = test.images[answers == number][:most].to(kind)
        own = train.images[(train.labels == number) & (known == number)][:to_fit].to(kind)
        if len(those) == 0 or len(own) < 2:
            continue
        yield number, those, ConceptLens(model, layer, n_concepts).fit(own)
