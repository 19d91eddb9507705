"""The committed results of real runs: one JSON file a paper, with its figures beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netopsy
from netopsy.catalogue import papers
from netopsy.core.errors import InputError, require
from netopsy.core.paths import path_from
from netopsy.lab.files import make_folder, write, write_json
from netopsy.lab.kept_keys import code_keys_at
from netopsy.lab.swaps import complete_swaps, swapped


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
    now = code_keys_at(evidence.code)
    measures = [place for place, key in evidence.code.items() if now[place] != key]
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
        folder = path_from(folder, "folder of evidence")
        require(folder.is_dir(), f"folder must be one of recorded evidence, and there is none at {str(folder)!r}")
    place = evidence_folder() if folder is None else folder
    if place is not None:
        complete_swaps(place)
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

    File and figures change together or not at all, however the process ends.
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
    complete_swaps(folder)
    target = folder / f"{evidence.paper}.json"
    with swapped(folder, (target.name, evidence.paper)) as staged:
        figures = staged / evidence.paper
        make_folder(figures)
        for name, content in contents.items():
            write(figures / f"{name}.svg", content)
        write_json(staged / target.name, evidence.to_json())
    return target


def check_not_larger(folder: Path, paper: str, preset: str, seeds: int | None, presets: Sequence[str]) -> None:
    """Raise `InputError` where ``folder`` holds a record of ``paper`` that is larger than what would replace it.

    ``presets`` are those of the study, the smallest first; of one preset, the record with more seeds is larger.
    """
    target = folder / f"{paper}.json"
    if not target.is_file():
        return
    complete_swaps(folder)
    known = _load(target)

    def size(preset: str, seeds: int | None) -> tuple[int, int]:
        return presets.index(preset) if preset in presets else -1, seeds or 0

    require(
        size(known.preset, known.seeds) <= size(preset, seeds),
        f"record: {paper} has a larger record, {_told(known.preset, known.seeds)}, than {_told(preset, seeds)} would"
        " make; replace (--replace) puts the smaller in its place",
    )


def _told(preset: str, seeds: int | None) -> str:
    return preset if seeds is None else f"{preset} with {seeds} seed{'s' * (seeds > 1)}"
