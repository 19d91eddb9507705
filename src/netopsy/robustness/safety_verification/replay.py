"""A counterexample run through the network once more, and held against the region that it should lie in."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from netopsy.core.layers import INPUT
from netopsy.robustness.checks import Bounds
from netopsy.robustness.safety_verification.question import LEAST_MARGIN, Question
from netopsy.robustness.safety_verification.verdict import SHOWN, Status, Verdict

ROUNDING = 1e-6
"""Relative: how far the last digit of a point of the grid may carry it out of the region."""


def replayed(verdict: Verdict, model: nn.Module, bounds: Bounds | None) -> Verdict:
    """The verdict as the network gives it now: unchanged where the counterexample breaks the class again.

    Otherwise its status is "unknown", with the reason.
    """
    assert verdict.counterexample is not None
    question = Question(model, verdict.image, verdict.region, bounds, LEAST_MARGIN, 1, read=verdict.layer != "")
    point = verdict.counterexample
    outside = _outside(question, point)
    found = None if outside else question.broken(point[None])
    if found is not None and question.predicted == verdict.predicted:
        status: Status = "unsafe" if verdict.layer == INPUT else "layer-unsafe"
        seen = {"evaluated": question.evaluated, "proved": 0, "reason": "", "assumptions": SHOWN[status]}
        return replace(verdict, status=status, found=found.label, **seen)  # type: ignore[arg-type]
    reason = "it lies outside the region" if outside else "the network gives it the class of the image"
    if question.predicted != verdict.predicted:
        reason = f"the network gives the image class {question.predicted}, not {verdict.predicted}"
    return replace(verdict, status="unknown", counterexample=None, found=None, reason=reason, assumptions="")


def _outside(question: Question, point: Tensor) -> bool:
    if point.shape != question.centre.shape:
        return True
    low, high = question.box.low[0], question.box.high[0]
    slack = max(ROUNDING, torch.finfo(question.centre.dtype).eps) * (1 + low.abs().maximum(high.abs())) * (high > low)
    value = point.double()
    return not bool(((value >= low - slack) & (value <= high + slack)).all())  # what is no number is outside
