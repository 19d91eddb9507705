"""What a run says about a claim. A claim holds only if the whole interval says so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, get_args, runtime_checkable

from netopsy.core.errors import require
from netopsy.lab.statistics import Estimate

Answer: TypeAlias = Literal["holds", "does not hold", "undecided"]


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
class Verdict:
    """One claim's answer with the measured number behind it; ``detail`` says in words what was measured."""

    claim: str
    verdict: Answer
    criterion: str
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    paper_value: str | float | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        require(self.verdict in get_args(Answer), f"verdict must be one of {get_args(Answer)}, got {self.verdict!r}")

    @staticmethod
    def of(claim: Claim, verdict: Answer, estimate: Estimate | None = None, detail: str = "") -> Verdict:
        """A verdict reached in any other way than those below."""
        return Verdict(
            claim=claim.id,
            verdict=verdict,
            criterion=claim.criterion,
            estimate=estimate.value if estimate else None,
            interval=estimate.interval if estimate else None,
            paper_value=claim.paper_value,
            detail=detail,
        )

    @staticmethod
    def above(claim: Claim, estimate: Estimate, threshold: float = 0.0, detail: str = "") -> Verdict:
        """Holds if the whole interval lies above ``threshold``, does not hold if all of it lies at or below."""
        return Verdict.of(claim, _answer(estimate.low > threshold, estimate.high <= threshold), estimate, detail)

    @staticmethod
    def exceeds(claim: Claim, difference: Estimate, margin: float, detail: str = "") -> Verdict:
        """Holds if the difference exceeds ``margin`` and its interval lies above 0, fails if all of it is within it."""
        answer = _answer(difference.value > margin and difference.low > 0, difference.high <= margin)
        return Verdict.of(claim, answer, difference, detail)

    @staticmethod
    def below(claim: Claim, estimate: Estimate, threshold: float = 0.0, detail: str = "") -> Verdict:
        """Holds if the whole interval lies below ``threshold``, does not hold if all of it lies at or above."""
        return Verdict.of(claim, _answer(estimate.high < threshold, estimate.low >= threshold), estimate, detail)

    @staticmethod
    def between(claim: Claim, estimate: Estimate, low: float, high: float, detail: str = "") -> Verdict:
        """Holds if the whole interval lies within ``[low, high]``, does not hold if all of it lies outside."""
        require(low <= high, f"low must not exceed high, got {low} and {high}")
        inside = low <= estimate.low and estimate.high <= high
        return Verdict.of(claim, _answer(inside, estimate.high < low or estimate.low > high), estimate, detail)

    @staticmethod
    def undecided(claim: Claim, detail: str) -> Verdict:
        """The run did not measure what the claim needs; ``detail`` says what is missing."""
        return Verdict.of(claim, "undecided", None, detail)

    @staticmethod
    def all_of(claim: Claim, parts: Sequence[Verdict]) -> Verdict:
        """A claim of several parts: holds if all hold, does not hold if any does not.

        The estimate shown is that of the part that decides: the first that fails, else the first undecided, else the
        first. The details of all parts are kept.
        """
        require(len(parts) > 0, "parts must hold at least one verdict, got none")
        answers = [part.verdict for part in parts]
        answer = _answer(all(a == "holds" for a in answers), "does not hold" in answers)
        deciding = parts[answers.index(answer)]
        detail = "; ".join(f"{part.detail}: {part.verdict}" if part.detail else part.verdict for part in parts)
        return Verdict(
            claim.id, answer, claim.criterion, deciding.estimate, deciding.interval, claim.paper_value, detail
        )

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON values; numbers that are not finite become ``None``, an interval without any, too."""
        ends = [_finite(end) for end in self.interval or ()]
        interval = None if all(end is None for end in ends) else ends
        return {
            "claim": self.claim,
            "verdict": self.verdict,
            "criterion": self.criterion,
            "estimate": _finite(self.estimate),
            "interval": interval,
            "paper_value": _finite(self.paper_value),
            "detail": self.detail,
        }


def _answer(holds: bool, fails: bool) -> Answer:
    """Comparisons with NaN are false, so an interval that could not be measured leaves the claim undecided."""
    if holds:
        return "holds"
    return "does not hold" if fails else "undecided"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
