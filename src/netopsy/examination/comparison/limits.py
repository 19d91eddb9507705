"""Limits on the differences between two networks, so that a comparison can stand in a training pipeline."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netopsy.core.errors import InputError, UnknownNameError
from netopsy.examination.comparison.differences import Difference

_TESTS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_ENDS = ("", ".low", ".high")
NAMES = (
    "accuracy",
    "agreement",
    "lost",
    "gained",
    "worst-class",
    "ece",
    "nll",
    "brier",
    "parameters",
    "operations",
)
"""What `differences` can hold."""
WITHOUT_INTERVAL = ("worst-class", "parameters", "operations")


@dataclass(frozen=True)
class Limit:
    """A condition that must not come true, such as ``accuracy < -0.5``."""

    name: str
    end: str
    """``""`` for the estimate, ``.low`` or ``.high`` for an end of its interval."""
    test: str
    value: float

    def __str__(self) -> str:
        return f"{self.name}{self.end} {self.test} {self.value:g}"


def limits_from(text: str) -> list[Limit]:
    """Conditions with commas between them: a name of `NAMES`, ``<``, ``<=``, ``>`` or ``>=``, and a number.

    ``accuracy.high < 0`` looks at the upper end of the 95 % interval: it comes true where B is surely worse.

    Raises:
        InputError: none of this.

    >>> [str(limit) for limit in limits_from("accuracy < -0.5, ece.low>1")]
    ['accuracy < -0.5', 'ece.low > 1']
    """
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([a-z-]+)(\.[a-z]+)?\s*(<=|>=|<|>)\s*(\S+)\s*", part)
        if match is None:
            raise InputError(
                f"a limit must be like 'accuracy < -0.5', with commas between several, got {part.strip()!r}"
            )
        name, end, test, number = match[1], match[2] or "", match[3], match[4]
        if name not in NAMES:
            raise UnknownNameError("difference", name, NAMES)
        if end not in _ENDS:
            raise InputError(f"a limit can look at {name}, {name}.low or {name}.high, got {name + end!r}")
        if end and name in WITHOUT_INTERVAL:
            raise InputError(f"{name} has no interval, so that there can be no limit on {name}{end}")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"a limit must end in a number, got {number!r}")
        found.append(Limit(name, end, test, value))
    return found


def beyond(limits: Sequence[Limit], found: Mapping[str, Difference]) -> list[str]:
    """Sentences on the limits that are broken.

    Raises:
        InputError: a limit on what this comparison does not hold.
    """
    broken = []
    for limit in limits:
        difference = found.get(limit.name)
        if difference is None:
            raise InputError(f"these networks and data give no {limit.name}, on which there is a limit")
        ends = {"": difference.value, ".low": difference.low, ".high": difference.high}
        value = ends[limit.end]
        if value is None:
            raise InputError(f"{limit.name} has no interval, so that there can be no limit on {limit.name}{limit.end}")
        if not math.isfinite(value) or _TESTS[limit.test](value, limit.value):
            unit = f" {difference.unit}" if difference.unit else ""
            broken.append(f"{difference.words}{limit.end}: {value:+.4g}{unit}, and the limit was {limit}")
    return broken
