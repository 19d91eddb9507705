"""What the concept-lens study measures on a network that classifies single objects, and what concepts cost."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from sklearn.metrics import adjusted_rand_score
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
    strategy_graph,
)
from netopsy.interpretability.concept_lens.best_orders import best_orders
from netopsy.interpretability.concept_lens.layouts import as_the_layer, channels_last
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import growth
from netopsy.lab.pictures import to_text
from netopsy.lab.subjects.answers import answers
from netopsy.lab.subjects.cues import CueSetting, trained_on_cues
from netopsy.lab.subjects.images import ImageSubject, Scenes, scenes_of, trained
from netopsy.models import small_conv_net
from netopsy.studies.interpretability.concept_lens.plan import (
    ACTIVATIONS,
    CODES,
    EXTRACTIONS,
    IMPORTANCE,
    ORDERS,
    PIXELS,
    RANDOM,
    RANKED,
    STANDARDISED,
    Affine,
    Config,
    Splits,
)

Row = dict[str, Any]
CURVES = {"deletion": deletion_curve, "insertion": insertion_curve}


def plan(config: Config) -> Iterable[Cell]:
    """A run: one network and all that is measured on it; a cell for each hidden-cue network; and two for the cost."""
    for seed in range(config.seeds):
        names = ("subject", "layers", "n_concepts", "affine", "splits", "per_class", "to_fit")
        yield Cell.of(concepts, seed=seed, **{name: getattr(config, name) for name in names})
        shown = config.examples if seed == 0 else 0
        yield Cell.of(cues, seed=seed, setting=config.cues, n_concepts=config.n_concepts, examples=shown)
    middle = {"side": config.sides[:2][-1], "concepts": config.concepts[:2][-1]}
    yield Cell.of(cost, by="side", sizes=config.sides, **middle)
    yield Cell.of(cost, by="concepts", sizes=config.concepts, **middle)


def concepts(
    seed: int,
    subject: ImageSubject,
    layers: tuple[str, ...],
    n_concepts: int,
    affine: Affine,
    splits: Splits,
    per_class: int,
    to_fit: int,
) -> Rows:
    """Rows of the measures affine, extraction, ranking and curve."""
    found = trained(subject, seed)
    model, test = found.model, found.scenes
    train = scenes_of(subject, "train", seed).to(test.images.device)
    yield from optimality(model, train, test, affine)
    for layer in layers:
        random = derive(seed, "splits", layer)
        yield from extraction(model, train, layer, n_concepts, splits, random)
        yield from ranking(model, train, test, layer, n_concepts, to_fit, per_class, random)


def optimality(model: nn.Module, train: Scenes, test: Scenes, options: Affine) -> Iterator[Row]:
    """By score and class: how far deletion and insertion are from the best order, and the mean C-muFidelity."""
    exact, each = copy.deepcopy(model).double(), -(-options.images // len(test.labels.unique()))
    for number, those, lens in _lenses(exact, train, test, options.layer, options.concepts, each, None):
        codes, function = lens.encode(those), lens.score(number)
        best = dict(zip(CURVES, best_orders(function, codes), strict=True))
        for method in RANKED:
            phi = concept_importance(function, codes, method)
            curves = {kind: curve(function, codes, phi).mean(1) for kind, curve in CURVES.items()}
            gaps = {kind: (curve - best[kind]).abs().max() for kind, curve in curves.items()}
            at = {"layer": options.layer, "class": number, "method": method, "images": len(codes)}
            yield {"measure": "affine", **at, **gaps, "mu": c_mu_fidelity(function, codes, phi).nanmean()}


def extraction(
    model: nn.Module, train: Scenes, layer: str, n_concepts: int, splits: Splits, seed: int
) -> Iterator[Row]:
    """The measures of each method for one half of a class's images, and how far its bank is from the other half's."""
    classes, random = train.labels.unique().tolist(), generator(derive(seed, "halves"))
    split = split_model(model, layer, train.images[:2])
    for number in range(splits.count):
        own = (train.labels == classes[number % len(classes)]).nonzero()[:, 0].cpu()
        own = own[torch.randperm(len(own), generator=random)][: 2 * splits.per_half]
        with torch.no_grad():
            grids = [channels_last(split.head(train.images[part]), layer) for part in own.chunk(2)]
        shape, halves = grids[0].shape[:-1], [grid.reshape(-1, grid.shape[-1]) for grid in grids]

        @torch.no_grad()
        def head(rows: Tensor, shape: Any = shape) -> Tensor:
            return split.tail(as_the_layer(rows.unflatten(0, shape)))

        for method in EXTRACTIONS:
            made = [ConceptExtractor(method, n_concepts, random_state=number).fit(half) for half in halves]
            report = extraction_report(halves[0], made[0], head=head, seed=number)
            report["instability"] = dictionary_stability(made[0].bank_, made[1].bank_, signed=method != "pca")
            yield {"measure": "extraction", "layer": layer, "split": number, "method": method, **report}


def ranking(
    model: nn.Module, train: Scenes, test: Scenes, layer: str, n_concepts: int, to_fit: int, per_class: int, seed: int
) -> Iterator[Row]:
    """By class and score: fidelity, and the curves it is the mean of."""
    for number, those, lens in _lenses(model, train, test, layer, n_concepts, per_class, to_fit):
        codes, function = lens.encode(those), lens.score(number)
        scored: dict[str, list[Tensor]] = {
            method: [concept_importance(function, codes, method, seed=seed)] for method in RANKED
        }
        random = generator(derive(seed, "orders", number))
        scored[RANDOM] = [torch.rand(len(codes), n_concepts, generator=random).to(codes) for _ in range(ORDERS)]
        for method, phis in scored.items():
            at = {"layer": layer, "class": number, "method": method}
            curves = {
                kind: torch.stack([curve(function, codes, phi).mean(0) for phi in phis]).mean(0)
                for kind, curve in CURVES.items()
            }
            means = {kind: curve.mean() for kind, curve in curves.items()}
            mu = c_mu_fidelity(function, codes, phis[0]).nanmean()
            yield {"measure": "ranking", **at, "images": len(codes), **means, "mu": mu}
            for kind, curve in curves.items():
                for step, value in enumerate(curve):
                    yield {"measure": "curve", **at, "kind": kind, "step": step, "value": value}


def cues(seed: int, setting: CueSetting, n_concepts: int, examples: int) -> Rows:
    """The adjusted Rand index of each grouping with the hidden cue; and some images with their importances."""
    model, train, test = trained_on_cues(setting, seed)
    named = answers(model, test.images)
    yield {"measure": "accuracy", "value": (named == test.labels).float().mean()}
    right = test.of(((named == 1) & (test.labels == 1)).nonzero()[:, 0])
    lens = ConceptLens(model, setting.layer, n_concepts).fit(train.images[train.labels == 1], class_id=1)
    with torch.no_grad():
        seen = lens.split_.head(right.images.to(next(model.parameters()).device))
    phi = lens.importance(right.images, 1, "gi")
    grouped = {
        IMPORTANCE: phi,
        STANDARDISED: phi,
        CODES: lens.encode(right.images),
        ACTIVATIONS: channels_last(seen, setting.layer),
        PIXELS: right.images,
    }
    options: dict[str, Any] = {"clusters": int(right.cues.unique().numel()), "plane": "pca", "seed": seed}
    for name, values in grouped.items():
        normalise: Any = "concept" if name == STANDARDISED else "image"
        found = strategy_graph(values.flatten(1), normalise=normalise, **options).clusters
        index = adjusted_rand_score(right.cues.numpy(), found.numpy())
        yield {"measure": "cluster", "method": name, "images": len(values), "value": index}
    for number in range(min(examples, len(phi))):
        importances = {f"phi{concept}": value for concept, value in enumerate(phi[number].tolist())}
        picture = to_text(right.images[number].mean(0))
        yield {"measure": "image", "cue": int(right.cues[number]), "picture": picture, **importances}


def cost(by: str, sizes: tuple[int, ...], side: int, concepts: int) -> Rows:
    """Milliseconds for 8 images at the third convolution by the images' side, or by the number of concepts."""
    return growth(lambda size: _ways(**{"side": side, "concepts": concepts, by: size}), sizes, rounds=3)


def _ways(side: int, concepts: int) -> dict[str, Callable[[], object]]:
    model, images = small_conv_net(seed=0).eval(), torch.rand(8, 1, side, side, generator=generator(0))
    lens = ConceptLens(model, "features.act3", concepts).fit(images)
    codes, function = lens.encode(images), lens.score(0)
    return {
        "find concepts": lambda: ConceptLens(model, "features.act3", concepts).fit(images),
        "encode": lambda: lens.encode(images),
        "gradient-input": lambda: concept_importance(function, codes, "gi"),
        "occlusion": lambda: concept_importance(function, codes, "oc", batch_size=64),
    }


def _lenses(
    model: nn.Module, train: Scenes, test: Scenes, layer: str, n_concepts: int, most: int, to_fit: int | None
) -> Iterator[tuple[int, Tensor, ConceptLens]]:
    """For each class the test images that the network takes for it, and the concepts of its training images."""
    kind = next(model.parameters()).dtype
    named, known = (answers(model, scenes.images) for scenes in (test, train))
    for number in test.labels.unique().tolist():
        those = test.images[named == number][:most].to(kind)
        own = train.images[(train.labels == number) & (known == number)][:to_fit].to(kind)
        if len(those) == 0 or len(own) < 2:
            continue
        yield number, those, ConceptLens(model, layer, n_concepts).fit(own)
