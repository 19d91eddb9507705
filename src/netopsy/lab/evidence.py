"""The committed results of real runs: one JSON file a paper, with its figures beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netopsy
from netopsy.catalogue import papers
from netopsy.core.errors import InputError, require
from netopsy.lab.files import make_folder, write, write_json
from netopsy.lab.version import code_key_of


@dataclass(frozen=True)
class Evidence:
    """What one recorded run found.

    Each verdict has the keys of `Verdict.to_json`; ``seconds`` is the time its cells took, added up; ``figures`` are
    SVG files; ``code`` holds the key of each measure under its place, ``"package.module:function"``. Records of before
    0.2 have no ``code``, and verdicts without parts.
    """

    paper: str
    preset: str
    seeds: int | None
    seconds: float
    environment: Mapping[str, Any]
    verdicts: Sequence[Mapping[str, Any]]
    figures: Mapping[str, Path]
    code: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values, without the figures."""
        return {name: _plain(getattr(self, name)) for name in _FIELDS} | {"seconds": round(self.seconds, 2)}


_FIELDS = ("paper", "preset", "seeds", "seconds", "environment", "code", "verdicts")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return [dict(entry) for entry in value] if isinstance(value, list | tuple) else value


def standing(evidence: Evidence) -> str:
    """How its claims stand, in a few words: "3 of 4 hold"."""
    answers = [verdict["verdict"] for verdict in evidence.verdicts]
    return f"{answers.count('holds')} of {len(answers)} hold"


def stale(evidence: Evidence) -> list[str]:
    """What has changed since the record was made, empty if nothing has.

    The places of measures whose code key is another now, or that are gone, and the claims whose criterion is no longer
    the catalogue's. `UNKNOWN_CODE` stands for the measures of a record that holds no code keys.
    """
    from netopsy.lab.judging import criterion_hash

    claims = {claim.id: claim for paper in papers() if paper.slug == evidence.paper for claim in paper.claims}
    measures = [place for place, key in evidence.code.items() if code_key_of(place) != key]
    moved = [
        verdict["claim"]
        for verdict in evidence.verdicts
        if verdict["claim"] in claims
        and criterion_hash(verdict["criterion"]) != criterion_hash(claims[verdict["claim"]].criterion)
    ]
    return [*(measures if evidence.code else [UNKNOWN_CODE]), *moved]


UNKNOWN_CODE = "no code key was recorded"


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
        return Evidence(**{name: entry[name] for name in _FIELDS if name in entry}, figures=figures)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"evidence file {path} cannot be read: {type(error).__name__}: {error}") from None


def record_evidence(evidence: Evidence, folder: Path) -> Path:
    """Write one paper's evidence and copy its figures below ``folder``, in place of what was recorded before.

    Raises `InputError` for a figure that is too large for a page, before anything is written.
    """
    from netopsy.core.drawing import LARGEST_SVG

    contents = {name: path.read_bytes() for name, path in evidence.figures.items()}
    for name, content in contents.items():
        require(
            len(content) <= LARGEST_SVG,
            f"figure {name!r} of {evidence.paper} takes {len(content) / 1000:.0f} kB as SVG, and a page has room for"
            f" {LARGEST_SVG // 1000}: draw fewer or smaller pictures",
        )
    make_folder(folder)
    figures = folder / evidence.paper
    if figures.exists():
        shutil.rmtree(figures)
    make_folder(figures)
    for name, content in contents.items():
        write(figures / f"{name}.svg", content)
    target = folder / f"{evidence.paper}.json"
    write_json(target, evidence.to_json())
    return target
