"""The rule book: how measured numbers answer a claim.

A study's judge yields the id of a claim with a `Part` (a rule, an estimate with its interval, a threshold) or with a
remark. `conclude` joins the parts of each claim to a `Verdict`, adds the criterion, and refuses a claim without a part.

The unit of an interval is what was drawn independently: a training run, a graph, a generator. Never images, nodes or
rotations seen by one and the same network.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.lab.statistics import Estimate

Answer: TypeAlias = Literal["holds", "does not hold", "undecided"]
Beside: TypeAlias = Mapping[str, Any]
"""Numbers, estimates or words that are shown beside a part and decide nothing."""


@runtime_checkable
class Claim(Protocol):
    """What a paper says: anything with an id, the criterion fixed before the run, and the paper's own value."""

    @property
    def id(self) -> str: ...
    @property
    def criterion(self) -> str: ...
    @property
    def paper_value(self) -> str | float | None: ...


@dataclass(frozen=True)
class Part:
    """One question of a claim, answered. Comes from `above`, `below`, `between`, `gain`, `exact`, `most`, `open_part`.

    ``rule`` is the rule in words, thresholds included; ``slack`` is how far the answer is from tipping, in widths of
    the interval: positive where the rule is met. ``unit`` says what the interval is over.
    """

    name: str
    rule: str
    answer: Answer
    estimate: Estimate | None = None
    slack: float = math.nan
    unit: str = "runs"
    beside: Beside = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The part as JSON values; what is not finite becomes ``None``."""
        return {
            "name": self.name,
            "rule": self.rule,
            "answer": self.answer,
            **_estimate_json(self.estimate),
            "unit": self.unit,
            "beside": {name: _beside_json(value) for name, value in self.beside.items()},
        }


@checked
def above(
    name: str, estimate: Estimate, threshold: float = 0.0, *, unit: str = "runs", beside: Beside | None = None
) -> Part:
    """Holds if the whole interval lies above ``threshold``; does not hold if all of it lies at or below.

    >>> above("gain", Estimate(0.3, 0.2, 0.4, 5), 0.25).answer
    'undecided'
    """
    answer = _answer(estimate.low > threshold, estimate.high <= threshold)
    slack = _in_widths(estimate.low - threshold, estimate)
    return Part(name, f"interval above {threshold:g}", answer, estimate, slack, unit, beside or {})


@checked
def below(
    name: str, estimate: Estimate, threshold: float = 0.0, *, unit: str = "runs", beside: Beside | None = None
) -> Part:
    """Holds if the whole interval lies below ``threshold``; does not hold if all of it lies at or above."""
    answer = _answer(estimate.high < threshold, estimate.low >= threshold)
    slack = _in_widths(threshold - estimate.high, estimate)
    return Part(name, f"interval below {threshold:g}", answer, estimate, slack, unit, beside or {})


@checked
def between(
    name: str, estimate: Estimate, low: float, high: float, *, unit: str = "runs", beside: Beside | None = None
) -> Part:
    """Holds if the whole interval lies within ``[low, high]``; does not hold if all of it lies outside.

    An equivalence is asked of a 90% interval (two one-sided tests at 5%).
    """
    require(low <= high, f"low must not exceed high, got {low} and {high}")
    answer = _answer(low <= estimate.low and estimate.high <= high, estimate.high < low or estimate.low > high)
    slack = _in_widths(min(estimate.low - low, high - estimate.high), estimate)
    return Part(name, f"interval within [{low:g}, {high:g}]", answer, estimate, slack, unit, beside or {})


@checked
def gain(
    name: str,
    estimate: Estimate,
    margin: float = 0.0,
    *,
    floor: float = 0.0,
    unit: str = "runs",
    beside: Beside | None = None,
) -> Part:
    """Holds if the mean reaches ``margin`` and the whole interval lies above ``floor``; does not hold if the whole
    interval lies below ``margin``.
    """
    answer = _answer(estimate.value >= margin and estimate.low > floor, estimate.high < margin)
    slack = _in_widths(min(estimate.value - margin, estimate.low - floor), estimate)
    rule = f"mean at least {margin:g}, interval above {floor:g}"
    return Part(name, rule, answer, estimate, slack, unit, beside or {})


@checked
def exact(name: str, error: float | int, tolerance: float = 0.0, *, beside: Beside | None = None) -> Part:
    """An identity: holds if ``error`` is at most ``tolerance``, does not hold if it is not; there is no interval."""
    known = not math.isnan(error)
    answer = _answer(known and error <= tolerance, known and error > tolerance)
    slack = math.inf if answer == "holds" else -math.inf
    estimate = Estimate(float(error), math.nan, math.nan, 1)
    return Part(name, f"at most {tolerance:g}, exactly", answer, estimate, slack, "", beside or {})


@checked
def most(name: str, parts: Sequence[Part], wanted: int, *, beside: Beside | None = None) -> Part:
    """Holds if at least ``wanted`` of ``parts`` do; does not hold if so many fail that it cannot.

    The estimate shown is the one that decides: that of the ``wanted``-th strongest part.
    """
    require(1 <= wanted <= len(parts), f"wanted must lie between 1 and {len(parts)} parts, got {wanted}")
    ordered = sorted(parts, key=_strength, reverse=True)
    deciding = ordered[wanted - 1]
    fail = sum(part.answer == "does not hold" for part in parts)
    answer = _answer(sum(part.answer == "holds" for part in parts) >= wanted, fail > len(parts) - wanted)
    shown: dict[str, Any] = {part.name: part.estimate for part in parts}
    rule = f"{deciding.rule}, for at least {wanted} of {len(parts)}"
    return Part(name, rule, answer, deciding.estimate, deciding.slack, deciding.unit, {**shown, **(beside or {})})


@checked
def open_part(name: str, estimate: Estimate | None = None, *, why: str, beside: Beside | None = None) -> Part:
    """A part that this run cannot decide; ``why`` says what is missing."""
    return Part(name, why, "undecided", estimate, beside=beside or {})


@dataclass(frozen=True)
class Verdict:
    """A claim's answer: that of its parts together, with the weakest part's number in front.

    A claim holds if all its parts do, and does not hold if any does not.
    """

    claim: str
    verdict: Answer
    criterion: str
    parts: tuple[Part, ...]
    paper_value: str | float | None = None
    note: str = ""

    @property
    def weakest(self) -> Part:
        """The part that decides: of those with the worst answer, the one furthest from holding."""
        return min(self.parts, key=_strength)

    @property
    def estimate(self) -> float | None:
        """The weakest part's number."""
        found = self.weakest.estimate
        return None if found is None else found.value

    @property
    def interval(self) -> tuple[float, float] | None:
        """The weakest part's interval."""
        found = self.weakest.estimate
        return None if found is None else found.interval

    @property
    def rule(self) -> str:
        """The weakest part's rule, in words."""
        return self.weakest.rule

    def part(self, name: str) -> Part:
        """The part called ``name``; raises `InputError` if there is none."""
        for each in self.parts:
            if each.name == name:
                return each
        raise InputError(f"{self.claim} has no part {name!r}: it has {', '.join(each.name for each in self.parts)}")

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return {
            "claim": self.claim,
            "verdict": self.verdict,
            "criterion": self.criterion,
            "criterion_hash": criterion_hash(self.criterion),
            "rule": self.rule,
            "weakest": self.weakest.name,
            **_estimate_json(self.weakest.estimate),
            "parts": [part.to_json() for part in self.parts],
            "paper_value": _finite(self.paper_value),
            "note": self.note,
        }


@checked
def conclude(claims: Sequence[Claim], found: Iterable[tuple[str, Part | str]]) -> list[Verdict]:
    """One verdict a claim, in the order of ``claims``.

    Raises `InputError` for a claim without a part, for a part of a claim that is none, and for two parts of one name.
    """
    parts: dict[str, dict[str, Part]] = {claim.id: {} for claim in claims}
    notes: dict[str, list[str]] = {claim.id: [] for claim in claims}
    for name, item in found:
        require(name in parts, f"{name!r} is no claim of the paper: its claims are {', '.join(parts)}")
        if isinstance(item, str):
            notes[name].append(item)
            continue
        require(isinstance(item, Part), f"{name} must be answered by parts, got {type(item).__name__}")
        require(item.name not in parts[name], f"{name} has two parts called {item.name!r}")
        parts[name][item.name] = item
    unanswered = [name for name, own in parts.items() if not own]
    require(not unanswered, f"claims without an answer: {', '.join(unanswered)}")
    return [
        Verdict(
            claim.id,
            _joined(list(parts[claim.id].values())),
            claim.criterion,
            tuple(parts[claim.id].values()),
            claim.paper_value,
            " ".join(notes[claim.id]),
        )
        for claim in claims
    ]


@checked
def criterion_hash(criterion: str) -> str:
    """What a record keeps of a criterion, so that one that was moved is noticed; layout does not count."""
    return hashlib.blake2b(" ".join(criterion.split()).encode(), digest_size=8).hexdigest()


_ORDER: Mapping[Answer, int] = {"does not hold": 0, "undecided": 1, "holds": 2}


def _strength(part: Part) -> tuple[int, float]:
    return _ORDER[part.answer], -math.inf if math.isnan(part.slack) else part.slack


def _joined(parts: Sequence[Part]) -> Answer:
    return min((part.answer for part in parts), key=lambda answer: _ORDER[answer])


def _answer(holds: bool, fails: bool) -> Answer:
    """Comparisons with NaN are false, so an interval that could not be measured leaves the claim undecided."""
    if holds:
        return "holds"
    return "does not hold" if fails else "undecided"


def _in_widths(distance: float, estimate: Estimate) -> float:
    width = estimate.high - estimate.low
    if width > 0 or math.isnan(width):
        return distance / width
    return math.copysign(math.inf, distance)


def _estimate_json(estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {"estimate": None, "interval": None}
    ends = [_finite(end) for end in estimate.interval]
    known = any(end is not None for end in ends)
    sample = {"n": estimate.n, "confidence": estimate.confidence} if known else {}
    return {"estimate": _finite(estimate.value), "interval": ends if known else None, **sample}


def _beside_json(value: Any) -> Any:
    if isinstance(value, Estimate):
        return _estimate_json(value)
    if isinstance(value, str | bool | None):
        return value
    return _finite(value.item() if hasattr(value, "item") else value)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
