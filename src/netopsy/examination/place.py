"""Where a report may be written without harming anything that is there."""

from __future__ import annotations

from pathlib import Path

from netopsy.core.errors import InputError, require

MARK = '<meta name="generator" content="netopsy'
"""By this a report is known as ours."""


def report_place(out: Path) -> Path:
    """``out`` if a report may go there: a folder that is new, empty or holds a report, or such a file ending in .html.

    Raises:
        InputError: something else is there.
    """
    out = out.expanduser()
    page = out if out.suffix == ".html" else out / "report.html"
    for parent in page.parents:
        if parent.exists():
            require(parent.is_dir(), f"--out {str(out)!r} cannot be written: {str(parent)!r} is a file")
            break
    try:
        if page.exists():
            require(
                page.is_file() and _is_ours(page),
                f"--out {str(out)!r} is left as it is: {page.name} there is no report of netopsy; choose another place",
            )
        elif page is not out and out.exists() and any(out.iterdir()):
            raise InputError(
                f"--out {str(out)!r} is left as it is: it is not empty and holds no report; choose another folder"
            )
    except OSError as error:
        raise InputError(f"--out {str(out)!r} cannot be looked into: {error.strerror}") from error
    return out


def _is_ours(page: Path) -> bool:
    with page.open(encoding="utf-8", errors="replace") as file:
        return MARK in file.read(4096)
