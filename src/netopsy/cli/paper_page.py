"""The page of one paper in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from netopsy.catalogue import Paper
from netopsy.cli.verdicts import print_parts, print_verdict, wide_console
from netopsy.core.texts import plain

if TYPE_CHECKING:
    from netopsy.lab.evidence import Evidence


def print_page(paper: Paper, evidence: Evidence | None) -> None:
    """Print everything known about ``paper``; text is wrapped at 100 columns, commands and links are never broken."""
    from netopsy.lab.evidence import stale

    console = wide_console()
    _prose(console, paper.title, style="bold")
    _prose(console, f"{paper.authors} · {paper.venue}, {paper.year}")
    _line(console, paper.url)
    if paper.code:
        _line(console, f"https://github.com/{paper.code} (the authors' code)")
    _prose(console, f"{paper.slug} · {paper.room} · {paper.status}", style="dim")
    console.print()
    _prose(console, paper.summary)
    console.print()
    _prose(console, ", ".join(paper.keywords), style="dim")
    if paper.methods:
        _heading(console, "Methods")
        _methods(console, paper.methods)
    if paper.claims:
        _heading(console, "Claims")
        verdicts = {verdict["claim"]: verdict for verdict in evidence.verdicts} if evidence else {}
        for number, claim in enumerate(paper.claims):
            if number:
                console.print()
            _claim(console, claim.id, claim.text, claim.criterion, claim.paper_value, verdicts.get(claim.id))
    if evidence:
        seeds = f", {evidence.seeds} seeds" if evidence.seeds is not None else ""
        console.print()
        _prose(console, f"Recorded with the preset {evidence.preset}{seeds}, {evidence.seconds:.0f} s.", style="dim")
        changed = stale(evidence)
        if changed:
            _prose(console, f"Older than its code or criteria: {', '.join(changed)}.", style="yellow")
    if paper.status == "ready":
        _heading(console, "Re-test it")
        _line(console, f"  netopsy reproduce {paper.slug}")
    else:
        console.print()
        console.print("Its methods and its study are not written yet.", style="dim")


def _methods(console: Console, names: Sequence[str]) -> None:
    from netopsy.catalogue.methods import describe

    for module, group in groupby(names, key=lambda dotted: dotted.rpartition(".")[0]):
        console.print(Text(f"  from {module} import", style="dim"), soft_wrap=True)
        for dotted in group:
            try:
                line = describe(dotted)
            except ImportError as error:  # a library that only this room needs may be missing
                _line(console, f"  {dotted.rpartition('.')[2]}")
                _prose(console, f"cannot be imported: {error}", indent=4, style="red")
                continue
            _line(console, f"  {line.call}")
            _prose(console, line.does.replace("``", ""), indent=4, style="dim")


def _claim(
    console: Console, name: str, text: str, criterion: str, paper_value: str, verdict: Mapping[str, Any] | None
) -> None:
    print_verdict(console, name, verdict)
    _prose(console, text, indent=4)
    _prose(console, f"Criterion: {criterion}", indent=4, style="dim")
    _prose(console, f"In the paper: {paper_value}", indent=4, style="dim")
    print_parts(console, verdict)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold underline"))


def _prose(console: Console, text: str, indent: int = 0, style: str = "") -> None:
    width = min(100, console.width) if console.is_terminal else 100
    margin = " " * indent
    for line in textwrap.wrap(
        plain(text), width, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    ):
        console.print(Text(line, style=style), soft_wrap=True)


def _line(console: Console, text: str) -> None:
    console.print(plain(text), soft_wrap=True, markup=False)
