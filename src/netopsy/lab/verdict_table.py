"""A verdict as a table of strings, one row a part: the terminal and the site both draw this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Recorded = Mapping[str, Any]
"""A verdict or one of its parts, as `Verdict.to_json` and `Part.to_json` write them."""


class PartRow(NamedTuple):
    """One part of a claim: what was asked, the rule, the estimate and what it is over, the answer, numbers beside."""

    part: str
    rule: str
    estimate: str
    answer: str
    beside: str


def part_rows(verdict: Recorded) -> list[PartRow]:
    """The table of a verdict; empty for a record of before 0.2, which has no parts.

    >>> part = {"name": "gain", "rule": "interval above 0", "answer": "holds", "estimate": 0.3, "interval": [0.2, 0.4]}
    >>> (row,) = part_rows({"parts": [part | {"n": 5, "confidence": 0.95, "unit": "runs", "beside": {"dense": 0.91}}]})
    >>> row.estimate, row.beside
    ('0.3 [0.2, 0.4] over 5 runs', 'dense 0.91')
    """
    return [
        PartRow(
            part["name"],
            part["rule"],
            measured(part, unit=part.get("unit", "")),
            part["answer"],
            "; ".join(f"{name} {_value(value)}".rstrip() for name, value in part.get("beside", {}).items()),
        )
        for part in verdict.get("parts", ())
    ]


def measured(found: Recorded | None, *, unit: str = "") -> str:
    """An estimate with its interval, and with ``unit`` what the interval is over: "0.3 [0.2, 0.4] over 5 runs"."""
    if not found or found.get("estimate") is None:
        return ""
    text = _number(found["estimate"])
    if found.get("interval"):
        low, high = found["interval"]
        text += f" [{'-inf' if low is None else _number(low)}, {'inf' if high is None else _number(high)}]"
        confidence = found.get("confidence", 0.95)
        text += f" ({confidence:.0%})" if confidence != 0.95 else ""
    return text + (f" over {found['n']} {unit}" if unit and found.get("n") else "")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return measured(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not measured"
    return _number(value)


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
