"""What one instrument gave: a finding, or none and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netopsy.core.finding import Finding
from netopsy.examination.instrument import Instrument


@dataclass(frozen=True)
class Reading:
    """One instrument's finding."""

    instrument: Instrument[Any]
    finding: Finding
    seconds: float


@dataclass(frozen=True)
class Absence:
    """An instrument that gave no finding, and why."""

    instrument: Instrument[Any]
    reason: str
    failed: bool = False
    """Whether it broke, rather than did not apply."""
