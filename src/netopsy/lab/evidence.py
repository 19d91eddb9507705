"""The committed results of real runs: one JSON file a paper, with its figures beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netopsy
from netopsy.core.errors import InputError, require
from netopsy.lab.files import make_folder, write, write_json


@dataclass(frozen=True)
class Evidence:
    """What one recorded run found. Each verdict has the keys ``claim``, ``verdict``, ``criterion``, ``estimate``,
    ``interval``, ``paper_value`` and ``detail``; ``seconds`` is the time its cells took, added up; ``figures`` are SVG
    files."""

    paper: str
    preset: str
    seeds: int | None
    seconds: float
    environment: Mapping[str, Any]
    verdicts: Sequence[Mapping[str, Any]]
    figures: Mapping[str, Path]


def evidence_folder() -> Path | None:
    """Where evidence lies: ``docs/evidence`` of a source checkout, or what an installed netopsy brings with it."""
    package = Path(netopsy.__file__).parent
    return checkout_folder() or next((found for found in [package / "_evidence"] if found.is_dir()), None)


def checkout_folder() -> Path | None:
    """``docs/evidence`` of the source checkout netopsy is imported from; ``None`` for an installed copy."""
    root = Path(netopsy.__file__).parents[2]
    return root / "docs" / "evidence" if (root / "pyproject.toml").is_file() and (root / "docs").is_dir() else None


def load_evidence(folder: str | Path | None = None) -> dict[str, Evidence]:
    """All recorded evidence by paper, in alphabetical order; raises `InputError` naming a file that cannot be read."""
    if folder is not None:
        require(Path(folder).is_dir(), f"folder must be one of recorded evidence, and there is none at {str(folder)!r}")
    place = evidence_folder() if folder is None else Path(folder)
    return {} if place is None else {path.stem: _load(path) for path in sorted(place.glob("*.json"))}


def _load(path: Path) -> Evidence:
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        figures = {figure.stem: figure for figure in sorted((path.parent / path.stem).glob("*.svg"))}
        fields = ("paper", "preset", "seeds", "seconds", "environment", "verdicts")
        return Evidence(**{name: entry[name] for name in fields}, figures=figures)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"evidence file {path} cannot be read: {type(error).__name__}: {error}") from None


def record_evidence(evidence: Evidence, folder: Path) -> Path:
    """Write one paper's evidence and copy its figures below ``folder``, in place of what was recorded before."""
    make_folder(folder)
    figures = folder / evidence.paper
    if figures.exists():
        shutil.rmtree(figures)
    make_folder(figures)
    for name, path in evidence.figures.items():
        write(figures / f"{name}.svg", path.read_bytes())
    target = folder / f"{evidence.paper}.json"
    write_json(
        target,
        {
            "paper": evidence.paper,
            "preset": evidence.preset,
            "seeds": evidence.seeds,
            "seconds": round(evidence.seconds, 2),
            "environment": dict(evidence.environment),
            "verdicts": [dict(verdict) for verdict in evidence.verdicts],
        },
    )
    return target
