"""What came of a job as files in a folder: JSON, pictures, tables, a report; and as a page reads them."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

from netopsy.core.finding import Finding
from netopsy.core.texts import plain, table_text
from netopsy.lab.files import make_folder, write, write_json
from netopsy.web.runs.carry_out import Outcome

RESULT = "result.json"
FOLDER = "result"
"""Of a job's folder: where its results lie."""
MOST_ROWS = 50_000
"""Rows of a study's table that are written as CSV."""
KINDS = {
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}
_SIZE = re.compile(r"<svg[^>]*?\bviewBox=[\"'][\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)[\"']")


def write_results(outcome: Outcome, folder: Path) -> dict[str, Any]:
    """Write all files of an outcome into a folder; what ``result.json`` says."""
    make_folder(folder)
    findings = [_written(folder, number, *each) for number, each in enumerate(outcome.findings, start=1)]
    told: dict[str, Any] = {
        "title": outcome.title,
        "findings": findings,
        "absences": [plain(each) for each in outcome.absences],
        "report": None,
    }
    if outcome.examination is not None:
        outcome.examination.save(folder)
        told["report"] = "report.html"
    if outcome.rows is not None:
        _rows(outcome.rows, folder / "rows.csv")
    told["files"] = [*sorted(each.name for each in folder.iterdir() if each.suffix in KINDS), RESULT]
    write_json(folder / RESULT, told)
    return told


def write_whole(outcome: Outcome, folder: Path) -> None:
    """`write_results` into the folder ``result`` of a job's folder, which is there whole or not at all."""
    unfinished, place = folder / f"{FOLDER}.part", folder / FOLDER
    shutil.rmtree(unfinished, ignore_errors=True)
    write_results(outcome, unfinished)
    shutil.rmtree(place, ignore_errors=True)
    os.replace(unfinished, place)


def read_results(folder: Path) -> dict[str, Any] | None:
    """What ``result.json`` in a job's folder says; ``None`` where it is not there."""
    try:
        found = json.loads((folder / FOLDER / RESULT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def result_file(folder: Path, name: str) -> Path | None:
    """The file of a job's results that is called so; ``None`` where its results list none of that name."""
    told = read_results(folder)
    path = folder / FOLDER / name
    return path if told is not None and name in told["files"] and path.is_file() and not path.is_symlink() else None


def _written(folder: Path, number: int, title: str, finding: Finding) -> dict[str, Any]:
    pictures = []
    for place, picture in enumerate(finding.pictures, start=1):
        name = f"picture-{number}-{place}.svg"
        write(folder / name, picture.svg.encode())
        width, height = _size(picture.svg)
        told = {"description": plain(picture.description), "caption": plain(picture.caption)}
        pictures.append({"file": name, "width": width, "height": height} | told)
    table = f"table-{number}.csv" if finding.table else None
    if table:
        write(folder / table, table_text(finding.table).encode())
    return {
        "title": title,
        "sentence": plain(finding.sentence),
        "reading": plain(finding.reading),
        "advice": plain(finding.advice),
        "verdict": finding.verdict,
        "figures": {plain(name): _finite(value) for name, value in finding.figures.items()},
        "table": [[plain(str(cell)) for cell in row] for row in finding.table],
        "table_file": table,
        "pictures": pictures,
        "code": finding.code,
    }


def _rows(source: Path, target: Path) -> None:
    import pandas as pd

    rows = pd.read_parquet(source).head(MOST_ROWS)
    write(target, table_text([list(rows.columns), *rows.itertuples(index=False)]).encode())


def _finite(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()  # a number of numpy's
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _size(svg: str) -> tuple[int, int]:
    """Width and height of a drawing in pixels, so that the page does not jump when it comes."""
    found = _SIZE.search(svg[:4000])
    return (round(float(found[1]) * 4 / 3), round(float(found[2]) * 4 / 3)) if found else (640, 400)
