"""Instruments at work, one after the other: one that breaks does not stop the others."""

from __future__ import annotations

import time
from collections.abc import Sequence

from netopsy.core.contained import contained
from netopsy.core.drawing import style
from netopsy.core.errors import require
from netopsy.core.finding import Finding
from netopsy.core.progress import Task
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.planning import T, broken, planned
from netopsy.examination.reading import Absence, Reading


def turned(
    chosen: Sequence[Instrument[T]], subject: T, budget: float, senseless: str | None
) -> tuple[tuple[Reading, ...], tuple[Absence, ...]]:
    """What each instrument gave, in their order, and why others gave nothing.

    Args:
        budget: seconds for all together; see `planned`.
        senseless: why the instruments that have a worth would say nothing.
    """
    readings: list[Reading] = []
    absences: list[Absence] = []
    with Task("examining", len(chosen)) as task:
        left_out = planned(chosen, subject, budget, senseless)
        for instrument in chosen:
            task.advance(0, note=instrument.title)
            result = left_out.get(instrument.name) or _use(instrument, subject)
            if isinstance(result, Reading):
                readings.append(result)
            else:
                absences.append(result)
            task.advance()
    return tuple(readings), tuple(absences)


def _use(instrument: Instrument[T], subject: T) -> Reading | Absence:
    start = time.perf_counter()
    try:
        with contained("the network, or the instrument itself,"), style():
            finding = instrument.examine(subject)
            require(isinstance(finding, Finding), f"it must return a Finding, got {type(finding).__name__}")
    except NotNow as reason:
        return Absence(instrument, str(reason))
    except Exception as error:
        return broken(instrument, error)
    return Reading(instrument, finding, time.perf_counter() - start)
