"""Whether a decision learned on some conditions holds on others: cross-condition generalisation performance."""

from __future__ import annotations

from itertools import product
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch
from netopsy.core.errors import lookup, require
from netopsy.core.seeds import generator
from netopsy.representations.representational_geometry.kernels import check_labels
from netopsy.representations.representational_geometry.parallelism import nearest_pairs


@checked
def ccgp(
    points: Tensor,
    conditions: Int[Tensor, " samples"],
    labels: Float[Tensor, " samples"],
    *,
    pairs: Literal["matched", "all"] = "matched",
    noise: float | int | None = None,
    max_splits: int | None = None,
    seed: int = 0,
) -> float:
    """Accuracy on a held-out pair of conditions, one of either label, of a linear support vector machine that is
    trained on the others; the mean over pairs.

    Chance is 0.5; below that the label is coded in opposite directions. Points are centred on what is trained on and
    brought to a mean square of 1, so that their scale does not matter.

    Args:
        points: ``[samples, ...]``.
        conditions: the number of each sample's condition; whole conditions are held out, never some of their samples.
        labels: -1 or 1 for each sample, one and the same within a condition.
        pairs: those held out: every condition with its partner of the other label, matched by least squared distances
            of their means; or all, among them those across a diagonal, about which nothing that is left says anything.
        noise: standard deviation of what is added to the points that are tested (the reference code takes 0.5).
        max_splits: so many pairs at most, drawn at random.

    Raises:
        InputError: labels that differ within a condition, fewer than 2 conditions of a label, or values that are not
            finite.

    >>> square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> ccgp(square, torch.arange(4), square[:, 0]), ccgp(square, torch.arange(4), square.prod(1))
    (1.0, 0.0)
    """
    check_batch(points, "points")
    check_labels(labels[:, None])
    same = len(points) == len(conditions) == len(labels)
    require(same, f"points, conditions and labels differ: {len(points)}, {len(conditions)}, {len(labels)}")
    require(noise is None or noise >= 0, f"noise must be at least 0, got {noise}")
    require(max_splits is None or max_splits >= 1, f"max_splits must be at least 1, got {max_splits}")
    lookup("pairs", pairs, dict.fromkeys(("matched", "all")))
    sides = []
    for sign in (1, -1):
        own = conditions[labels == sign].unique()
        require(len(own) >= 2, f"labels must have at least 2 conditions of {sign}, got {len(own)}")
        sides.append(own.tolist())
    shared = sorted(set(sides[0]) & set(sides[1]))
    require(not shared, f"labels must be the same within a condition; condition {shared[:1]} has both")
    random = generator(seed)
    rows = points.detach().flatten(1).double().cpu()
    number, sign_of = conditions.cpu().numpy(), labels.cpu().numpy()
    splits = list(product(*sides))
    if pairs == "matched":
        known = sides[0] + sides[1]
        means = np.stack([rows.numpy()[number == each].mean(0) for each in known])
        matched = nearest_pairs(means, np.arange(len(known)) < len(sides[0]))
        splits = [(known[one], known[other]) for one, other in matched]
    if max_splits is not None and max_splits < len(splits):
        splits = [splits[at] for at in torch.randperm(len(splits), generator=random)[:max_splits].tolist()]
    moved = rows if not noise else rows + noise * torch.randn(rows.shape, generator=random, dtype=rows.dtype)
    return float(np.mean([_held_out(rows.numpy(), moved.numpy(), number, sign_of, pair) for pair in splits]))


def _held_out(
    rows: np.ndarray, moved: np.ndarray, conditions: np.ndarray, labels: np.ndarray, pair: tuple[int, int]
) -> float:
    from sklearn.svm import SVC

    kept = ~np.isin(conditions, pair)
    middle = rows[kept].mean(0)
    seen, tested = rows[kept] - middle, moved - middle
    size = np.sqrt((seen**2).sum(1).mean())
    if size <= 1e-12 * max(float(np.abs(rows).max()), 1e-300):
        return 0.5  # nothing to tell conditions apart by
    seen, tested = seen / size, tested / size
    machine = SVC(kernel="precomputed", class_weight="balanced").fit(seen @ seen.T, labels[kept])
    hits = []
    for each in pair:
        own = conditions == each
        hits.append(float((machine.predict(tested[own] @ seen.T) == labels[own]).mean()))
    return float(np.mean(hits))
