"""Learning-rate schedules as functions of the step, so that training can start at any step.

Each gives the factor on the largest learning rate.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

_RISE, _START, _END = 0.3, 1 / 25, 1 / (25 * 1e4)  # the usual one-cycle shape, as in torch's OneCycleLR


def cosine(step: int, steps: int) -> float:
    """Half a cosine from 1 to 0 over all steps (Loshchilov and Hutter 2017, equation 5, one cycle)."""
    return _cosine_between(1.0, 0.0, step / steps)


def onecycle(step: int, steps: int) -> float:
    """Up along a cosine for 30 % of the steps, then down to next to nothing (Smith and Topin 2018)."""
    peak = _RISE * steps - 1
    if step <= peak:
        return _cosine_between(_START, 1.0, step / peak if peak > 0 else 1.0)
    return _cosine_between(1.0, _END, min(1.0, (step - peak) / max(steps - 1 - peak, 1)))


def multistep(step: int, milestones: Sequence[int], decay: float) -> float:
    """Times ``decay`` at each milestone."""
    return decay ** bisect_right(sorted(milestones), step)


def _cosine_between(start: float, end: float, at: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * at))
