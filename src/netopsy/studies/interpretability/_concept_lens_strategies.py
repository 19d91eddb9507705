"""Positive images grouped by their concepts, and by other things, against the hidden reasons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from netopsy.interpretability.concept_lens import ConceptLens, strategy_graph
from netopsy.interpretability.concept_lens.places import channels_last
from netopsy.studies.interpretability._hidden_cues import CueSetting, trained_on_cues
from netopsy.studies.interpretability._pictures import as_text

IMPORTANCE, STANDARDISED, CODES, ACTIVATIONS, PIXELS = (
    "importance",
    "importance, standardised",
    "codes",
    "activations",
    "pixels",
)
GROUPED = (IMPORTANCE, STANDARDISED, CODES, ACTIVATIONS, PIXELS)


def strategies(setting: CueSetting, n_concepts: int, examples: int, seed: int) -> Iterator[dict[str, Any]]:
    """The adjusted Rand index of each grouping with the hidden cue; and some images with their importances."""
    from sklearn.metrics import adjusted_rand_score

    model, train, test = trained_on_cues(setting, seed)
    device = next(model.parameters()).device
    with torch.no_grad():
        answers = torch.cat([model(some.to(device)).argmax(1).cpu() for some in test.images.split(256)])
    yield {"measure": "accuracy", "value": float((answers == test.labels).float().mean())}
    right = test.of(((answers == 1) & (test.labels == 1)).nonzero()[:, 0])
    lens = ConceptLens(model, setting.layer, n_concepts).fit(train.images[train.labels == 1], class_id=1)
    with torch.no_grad():
        seen = channels_last(lens.split_.head(right.images.to(device)), setting.layer).flatten(1)
    phi = lens.importance(right.images, 1, "gi")
    cues = int(right.cues.unique().numel())
    grouped = {
        IMPORTANCE: phi,
        STANDARDISED: phi,
        CODES: lens.encode(right.images).flatten(1),
        ACTIVATIONS: seen,
        PIXELS: right.images.flatten(1),
    }
    for name, values in grouped.items():
        normalise: Any = "concept" if name == STANDARDISED else "image"
        graph = strategy_graph(values, clusters=cues, normalise=normalise, plane="pca", seed=seed)
        found = adjusted_rand_score(right.cues.numpy(), graph.clusters.numpy())
        yield {"measure": "cluster", "method": name, "images": len(values), "value": float(found)}
    for number in range(min(examples, len(phi))):
        importances = {f"phi{concept}": value for concept, value in enumerate(phi[number].tolist())}
        picture = as_text(right.images[number].mean(0))
        yield {"measure": "image", "cue": int(right.cues[number]), "picture": picture, **importances}
