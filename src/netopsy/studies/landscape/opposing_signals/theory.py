"""The linear model of the theory: where its sharpness ends."""

from __future__ import annotations

import math

from netopsy.core.seeds import derive
from netopsy.lab.cells import Rows
from netopsy.landscape.opposing_signals import TwoLayerLinear, TwoLayerOpposing
from netopsy.studies.landscape.opposing_signals.plan import EXACT, SAMPLED, Theory

WEAK, STRONG, SECOND = 0.0, 0.02, 0.05
"""The start of the flow: weights of the signal, of the strong feature, and of the second layer."""


def theory(settings: Theory) -> Rows:
    """Sharpness at the end of the flow by strength and norm, for exact moments and for those of samples."""
    for strength in settings.strengths:
        for norm in settings.norms:
            model = _model(strength, norm, settings)
            at = {"strength": strength, "norm": norm}
            yield {"method": EXACT, "draw": 0, **at, "value": _end(model, norm, settings)}
            for draw in range(settings.draws):
                sample = model.sampled(settings.samples, seed=derive(draw, "sample", str(strength), str(norm)))
                yield {"method": SAMPLED, "draw": draw, **at, "value": _end(sample, norm, settings)}
    strength, norm = settings.strengths[-1], settings.norms[-1]
    course = _model(strength, norm, settings).flow(_start(settings, 1.0), 1.0, time=4 / norm)
    for time, value in zip(course.times.tolist(), course.sharpness.tolist(), strict=True):
        yield {"measure": "flow", "strength": strength, "norm": norm, "time": time, "value": value}


def _model(strength: float, norm: float, settings: Theory) -> TwoLayerOpposing:
    signal = [norm / math.sqrt(settings.inputs)] * settings.inputs
    return TwoLayerOpposing(strength, signal, p=settings.probability, d2=settings.carriers)


def _start(settings: Theory, strong: float) -> list[float]:
    return [WEAK] * settings.inputs + [strong / math.sqrt(settings.carriers)] * settings.carriers


def _end(model: TwoLayerLinear, norm: float, settings: Theory) -> float:
    found = model.flow(_start(settings, STRONG), SECOND, time=settings.time / norm, points=2)
    return float(found.sharpness[-1])
