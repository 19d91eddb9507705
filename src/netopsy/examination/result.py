"""What an examination found."""

from __future__ import annotations

import html
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Number
from netopsy.core.texts import table_text
from netopsy.examination.reading import Absence, Reading

if TYPE_CHECKING:
    from netopsy.examination.report import Form

Table = tuple[tuple[str, ...], ...]
"""Rows below a head."""


@dataclass(frozen=True, repr=False)
class Findings:
    """What instruments gave, and what they did not; shows itself as a report in a notebook."""

    name: str
    readings: tuple[Reading, ...]
    absences: tuple[Absence, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    """What was examined and with what: shown at the head of the report."""
    seconds: float = 0.0
    warning: str = ""
    """What is to be known before all else: a network at chance, too few samples."""

    def __repr__(self) -> str:
        absent = f", {len(self.absences)} not shown" if self.absences else ""
        seen = ", ".join(self.findings) or "no instrument"
        return f"<{type(self).__name__} of {self.name}: findings of {seen}{absent}>"

    @property
    def form(self) -> Form:
        """Of the report."""
        from netopsy.examination.report import ONE_NETWORK

        return ONE_NETWORK

    @property
    def tables(self) -> Mapping[str, Table]:
        """Tables for a spreadsheet that lie beside the report, by file name."""
        return {}

    @property
    def findings(self) -> dict[str, Finding]:
        """Instrument name to what it saw."""
        return {reading.instrument.name: reading.finding for reading in self.readings}

    def to_html(self) -> str:
        """The report: one page that needs nothing else."""
        from netopsy.examination.report import page

        return page(self.name, self.facts, self.readings, self.absences, self.warning, self.form)

    def to_json(self) -> dict[str, Any]:
        """The findings as plain values, without pictures."""
        return {
            "name": self.name,
            "facts": dict(self.facts),
            "warning": self.warning,
            "seconds": round(self.seconds, 2),
            "findings": [
                {
                    "instrument": reading.instrument.name,
                    "chapter": reading.instrument.chapter,
                    "title": reading.instrument.title,
                    "papers": list(reading.instrument.papers),
                    "sentence": reading.finding.sentence,
                    "glance": reading.finding.glance,
                    "verdict": reading.finding.verdict,
                    "advice": reading.finding.advice,
                    "figures": {name: _finite(value) for name, value in reading.finding.figures.items()},
                    "table": [list(row) for row in reading.finding.table],
                    "code": reading.finding.code,
                    "seconds": round(reading.seconds, 2),
                }
                for reading in self.readings
            ],
            "absences": [
                {"instrument": absence.instrument.name, "reason": absence.reason, "failed": absence.failed}
                for absence in self.absences
            ],
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write ``report.html``, ``report.json`` and the tables into a folder, or the page alone to a .html path.

        Returns:
            the path of the page.

        Raises:
            InputError: the place cannot be written to.
        """
        target = Path(path)
        page = target if target.suffix == ".html" else target / "report.html"
        try:
            texts = {page: self.to_html()}
            if page is not target:
                texts[page.with_suffix(".json")] = json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n"
                texts |= {page.with_name(name): table_text(rows) for name, rows in self.tables.items()}
            page.parent.mkdir(parents=True, exist_ok=True)
            for place, text in texts.items():
                _write(place, text)
        except OSError as error:
            raise InputError(f"the report cannot be written to {page}: {error.strerror or error}") from error
        return page

    def _repr_html_(self) -> str:
        """The report in a frame, so that neither its style nor the notebook's spoils the other."""
        page = html.escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:80vh;border:0" sandbox="allow-scripts"></iframe>'


@dataclass(frozen=True, repr=False)
class Examination(Findings):
    """All findings on one network."""

    mistakes: Table = ()
    """Every wrong answer, the surest first, below a head: sample, label, answer, confidence, label's probability."""

    @property
    def tables(self) -> Mapping[str, Table]:
        """``mistakes.csv``."""
        return {"mistakes.csv": self.mistakes}


def _finite(value: Number) -> Number | None:
    """JSON knows no NaN and no infinity; they become ``null``."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
