"""Confidence at many points that are made of a few images each, no more of them at a time than a batch holds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.shapes import Labels
from netopsy.robustness.checks import check_labels
from netopsy.robustness.level_set_traversal.checks import check_count
from netopsy.robustness.queries import Classifier, Queries


def confidence_at(
    model: Classifier,
    label: Labels,
    count: int,
    points: Callable[[slice], Tensor],
    *,
    batch_size: int,
) -> Float[Tensor, "batch points"]:
    """Confidence in each label at ``count`` points, on the device of the labels.

    ``points(rows)`` makes those of some rows, ``[rows, count, channels, height, width]``.
    """
    check_count(batch_size, "batch_size")
    asked, found = Queries(model, batch_size=batch_size), []
    together = max(1, batch_size // count)
    for start in range(0, len(label), together):
        rows = slice(start, start + together)
        made = points(rows)
        probabilities = asked.probabilities(made.flatten(0, 1))
        check_labels(label, len(label), probabilities.shape[1], "label")
        own = label[rows].cpu().long().repeat_interleave(count)
        found.append(probabilities.gather(1, own[:, None]).view(-1, count))
    return torch.cat(found).to(label.device)
