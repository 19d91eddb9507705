"""Which instruments run: those that apply, the ones of most worth first, until the budget is spent."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from netopsy.core.contained import contained
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.reading import Absence
from netopsy.examination.stopwatch import unhindered

BUDGET = 120.0
"""Seconds, unless told otherwise."""
ASKING = 4
"""Forward passes that it may take to find out whether an instrument applies, and what it costs."""
PLANNED = 0.85
"""Of the budget, what instruments may take by their estimates: some take longer, and loading and the first look at the
network take time, too."""
LONG, NOTICED = 0.7, 0.1
"""Seconds of so many passes from which an instrument is asked only where they are left; and of asking, from which they
count."""


if TYPE_CHECKING:

    class Timed(Protocol):
        """What is examined, as far as its cost goes."""

        @property
        def seconds_a_call(self) -> float:
            """Of a forward pass of a single sample."""

        @property
        def seconds_a_sample(self) -> float:
            """Of a forward pass, in a batch."""

    T = TypeVar("T", bound=Timed)
else:
    T = TypeVar("T")  # asking whether something is timed would time it


def planned(
    chosen: Sequence[Instrument[T]], subject: T, budget: float, senseless: str | None = None
) -> dict[str, Absence]:
    """The instruments that will not run, by name, and why.

    Only which instruments run depends on the budget, and nothing of what they do. An instrument of worth 0 always runs;
    one that does not fit leaves its time to those after it. What it takes to ask them counts; where a single pass takes
    so long that asking an instrument would go beyond the budget, it is not asked.

    Args:
        senseless: why the instruments that have a worth would say nothing.
    """
    absences: dict[str, Absence] = {}
    asking = ASKING * subject.seconds_a_call
    slow, spent, all_of_them, planned_for = asking > LONG, 0.0, 0.0, PLANNED * budget
    for instrument in sorted(chosen, key=lambda each: each.worth):
        if slow and instrument.worth and (senseless or spent + asking + LONG > planned_for):
            needed = math.ceil((all_of_them + asking + LONG) / PLANNED)
            late = f"no time is left to find out whether it applies; `--budget {needed}` or more may bring it in"
            absences[instrument.name] = Absence(instrument, senseless or late)
            continue
        start = unhindered()
        try:
            with contained("the network, or the instrument itself,"):
                reason = instrument.applies(subject) or (senseless if instrument.worth else None)
                cost = 0.0 if reason is not None else seconds_of(instrument, subject)
        except NotNow as error:
            reason = str(error)
        except Exception as error:
            absences[instrument.name] = broken(instrument, error)
            continue
        finally:
            took = unhindered() - start
            if took > NOTICED:
                spent, all_of_them = spent + took, all_of_them + took
        if reason is not None:
            absences[instrument.name] = Absence(instrument, reason)
            continue
        all_of_them += cost  # with a larger budget, what comes before it comes in, too
        if instrument.worth and spent + cost > planned_for:
            needed = math.ceil(all_of_them / PLANNED)
            spent_on = f"it takes about {cost:.0f} s here, more than is left of the budget of {budget:g} s"
            absences[instrument.name] = Absence(instrument, f"{spent_on}; `--budget {needed}` brings it in")
        else:
            spent += cost
    return absences


def seconds_of(instrument: Instrument[T], subject: T) -> float:
    """About how long an instrument takes here."""
    return instrument.beside + instrument.passes(subject) * subject.seconds_a_sample


def broken(instrument: Instrument[Any], error: Exception) -> Absence:
    """The absence of an instrument that raised ``error``; with ``NETOPSY_DEBUG`` set, the error itself."""
    if os.environ.get("NETOPSY_DEBUG"):
        raise error
    first = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
    return Absence(instrument, f"it broke off with {type(error).__name__}: {first}", failed=True)
