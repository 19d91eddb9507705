"""What B has more or less of than A, as numbers under short names: what a limit can be set on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.calibration import calibration_error
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.comparison.paired import bootstrap_difference, difference_of_shares
from netopsy.examination.subject import Subject
from netopsy.lab.statistics import Estimate, mean_interval, proportion_interval

FEWEST = 10
"""Samples of a class below which its recall says nothing."""


@dataclass(frozen=True)
class Difference:
    """One number, B less A unless its words say otherwise."""

    value: float
    words: str
    unit: str
    low: float | None = None
    high: float | None = None
    """The 95 % interval over samples, where there is one."""


def differences(pair: Pair) -> dict[str, Difference]:
    """All of them; the same at every call."""
    known = pair.notes.get("differences")
    if not isinstance(known, dict):
        known = {**_of_answers(pair), **_of_confidence(pair), **_of_sizes(pair)}
        pair.notes["differences"] = known
    return known


def _over(estimate: Estimate, words: str, unit: str, scale: float = 100) -> Difference:
    return Difference(scale * estimate.value, words, unit, scale * estimate.low, scale * estimate.high)


def _of_answers(pair: Pair) -> dict[str, Difference]:
    a, b = (right.numpy() for right in pair.right)
    same = pair.answers[0] == pair.answers[1]
    recalls = class_recalls(pair)
    falls = [b - a for a, b, count in recalls.values() if count >= FEWEST]
    found = {
        "accuracy": _over(difference_of_shares(a, b), "accuracy", "points"),
        "agreement": _over(proportion_interval(int(same.sum()), len(same)), "samples with the same answer", "%"),
        "lost": _over(proportion_interval(int((a & ~b).sum()), len(a)), "samples that A alone has right", "%"),
        "gained": _over(proportion_interval(int((~a & b).sum()), len(a)), "samples that B alone has right", "%"),
    }
    if falls:
        found["worst-class"] = Difference(100 * min(falls), "recall of the class that loses most", "points")
    return found


def class_recalls(pair: Pair) -> dict[int, tuple[float, float, int]]:
    """Of every class among the labels: the share that A finds, the share that B finds, and how many there are."""
    found = {}
    for number in pair.a.labels.unique().tolist():
        members = pair.a.labels == number
        a, b = (float(right[members].float().mean()) for right in pair.right)
        found[number] = (a, b, int(members.sum()))
    return found


def _of_confidence(pair: Pair) -> dict[str, Difference]:
    n = len(pair.a.labels)
    sure = [subject.probabilities.double().amax(1).numpy() for subject in (pair.a, pair.b)]
    right = [each.double().numpy() for each in pair.right]

    def error(which: NDArray[np.int64]) -> float:
        a, b = (calibration_error(sure[k][which], right[k][which]) for k in (0, 1))
        return b - a

    found = {"ece": _over(bootstrap_difference(error, n, seed=pair.a.seed), "expected calibration error", "points")}
    for name, words, unit, scale, loss in (
        ("nll", "negative log-likelihood of the right class", "nats a sample", 1.0, _log_loss),
        ("brier", "Brier score", "", 1.0, _brier),
    ):
        apart = (loss(pair.b) - loss(pair.a)).numpy()
        if n > 2:
            found[name] = _over(mean_interval(apart), words, unit, scale)
    return found


def _log_loss(subject: Subject) -> Tensor:
    return -subject.scores.double().log_softmax(1).gather(1, subject.labels[:, None])[:, 0]


def _brier(subject: Subject) -> Tensor:
    wanted = np.eye(subject.class_count)[subject.labels.numpy()]
    return (subject.probabilities.double() - subject.probabilities.double().new_tensor(wanted)).square().sum(1)


def _of_sizes(pair: Pair) -> dict[str, Difference]:
    found = {}
    for name, words, of in (
        ("parameters", "parameters", parameters_of),
        ("operations", "operations for one sample", operations_of),
    ):
        a, b = of(pair.a), of(pair.b)
        if a:
            found[name] = Difference(100 * (b - a) / a, words, "%")
    return found


def parameters_of(subject: Subject) -> int:
    """How many numbers were learned."""
    return sum(weight.numel() for weight in subject.model.parameters())


def operations_of(subject: Subject) -> int:
    """Floating-point operations of one forward pass of one sample."""
    return sum(layer.flops for layer in subject.layers)
