"""`netopsy papers` lists and searches the catalogue, `netopsy show` tells all about one paper."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from netopsy.cli.terminal import say
from netopsy.core.errors import lookup, require

if TYPE_CHECKING:
    from netopsy.catalogue import Paper
    from netopsy.catalogue.search import Hit


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command()(papers)
    app.command()(show)


def papers(
    query: Annotated[str | None, typer.Argument(help="Search by meaning, in your own words.")] = None,
    room: Annotated[str | None, typer.Option(help="Only papers of this room, such as sparsity.")] = None,
    status: Annotated[str | None, typer.Option(help="Only papers that are ready, or planned.")] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most this many; 10 for a search and all otherwise, unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the papers, or those that QUERY asks for."""
    from netopsy.catalogue import ROOMS, Status, in_room

    if room is not None:
        lookup("room", room, ROOMS)
    if status is not None:
        lookup("status", status, {name: name for name in get_args(Status)})
    require(limit is None or limit >= 1, f"--limit must be at least 1, got {limit}")

    def wanted(paper: Paper) -> bool:
        return room in (None, paper.room) and status in (None, paper.status)

    if query is None:
        found = [paper for each in ROOMS for paper in in_room(each) if wanted(paper)][:limit]
        if as_json:
            _print_json([_record(paper) for paper in found])
        else:
            _list(found)
    else:
        hits = [hit for hit in _search(query) if wanted(hit.paper)][: limit or 10]
        if as_json:
            _print_json([_hit_record(hit) for hit in hits])
        else:
            _list_hits(hits)


def show(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="A paper, as `netopsy papers` lists it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Print the paper's BibTeX entry.")] = False,
) -> None:
    """Tell all about one paper: what it is about, its methods, its claims and what re-testing them found."""
    from netopsy.catalogue import paper
    from netopsy.cli.paper_page import print_page
    from netopsy.lab import load_evidence

    require(not (as_json and bibtex), "--json and --bibtex exclude each other")
    chosen = paper(slug)
    if bibtex:
        say(chosen.bibtex)
        return
    evidence = load_evidence().get(slug)
    if as_json:
        recorded = None if evidence is None else evidence.to_json()
        _print_json(_record(chosen) | {"evidence": recorded})
    else:
        print_page(chosen, evidence)


def _search(query: str) -> list[Hit]:
    from rich.console import Console

    from netopsy.catalogue import papers as everything

    with Console(stderr=True).status("reading the catalogue"):
        from netopsy.catalogue.search import search

        return search(query, limit=len(everything()))


def _record(paper: Paper) -> dict[str, Any]:
    return asdict(paper) | {"url": paper.url}


def _hit_record(hit: Hit) -> dict[str, Any]:
    return _record(hit.paper) | {"score": round(hit.score, 4), "passage": hit.passage}


def _print_json(value: Any) -> None:
    say(json.dumps(value, indent=2, ensure_ascii=False, default=dict))


def _list(found: Sequence[Paper]) -> None:
    from netopsy.cli.tables import print_rows

    print_rows(_COLUMNS, _rows(found), cut="title", group="room")
    ready = sum(paper.status == "ready" for paper in found)
    say(f"\n{_count(len(found))}, {ready} ready. `netopsy show SLUG` tells all about one.", err=True)


def _list_hits(hits: Sequence[Hit]) -> None:
    from netopsy.catalogue.search import searches_by_meaning
    from netopsy.cli.tables import print_rows

    print_rows(_COLUMNS, _rows([hit.paper for hit in hits]), cut="title")
    manner = "by meaning" if searches_by_meaning() else "by words only; netopsy[search] adds search by meaning"
    say(f"\n{_count(len(hits))}, nearest first, searched {manner}.", err=True)


_COLUMNS = ("paper", "status", "title", "year", "room")


def _rows(found: Sequence[Paper]) -> list[tuple[str, ...]]:
    """What is shown of each paper; where a run is recorded, how its claims stand takes the place of the status."""
    from netopsy.lab.evidence import load_evidence, standing

    state = {slug: standing(evidence) for slug, evidence in load_evidence().items()}
    return [(each.slug, state.get(each.slug, each.status), each.title, str(each.year), each.room) for each in found]


def _count(number: int) -> str:
    return f"{number} paper" if number == 1 else f"{number} papers"
