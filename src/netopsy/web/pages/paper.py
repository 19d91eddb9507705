"""One paper: what it is about, what became of its claims, its figures, methods and neighbours, what is said of it."""

from __future__ import annotations

import math
import re
from functools import cache
from itertools import groupby
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select

from netopsy.core.errors import InputError
from netopsy.feed import Entry, schema
from netopsy.feed import comments as talk
from netopsy.feed.identifiers import parse
from netopsy.feed.syndication import Channel, write
from netopsy.web.security import SANDBOXED
from netopsy.web.site import Site, site_of
from netopsy.web.visitor import visitor_of

router = APIRouter(include_in_schema=False)
THREADS = 20
"""Comments a page, with the answers to them."""
_SIZE = re.compile(rb'<svg[^>]*?\bviewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"')


@router.get("/papers/{name:path}")
def paper(request: Request, name: str, comments: int = 1) -> HTMLResponse:
    """The page of the paper of that slug, arXiv number or DOI."""
    site = site_of(request)
    wanted = parse(name)
    try:
        entry = entry_named(site, name)
    except HTTPException as error:
        if wanted is None or wanted.kind != "arxiv":
            raise
        return site.page(request, "missing.html", status=404, name=f"arXiv:{wanted.value}", why=error.detail)
    known = site.papers.get(entry.slug or "")
    evidence = site.evidence.get(entry.slug or "")
    verdicts = {verdict["claim"]: verdict for verdict in evidence.verdicts} if evidence else {}
    methods = groupby(known.methods if known else (), key=lambda dotted: dotted.rpartition(".")[0])
    visitor = visitor_of(request)
    with site.feed.engine.connect() as connection:
        said = talk.of_paper(connection, entry.id, account=visitor.account, moderator=visitor.moderator)
    pages = max(1, math.ceil(len(said) / THREADS))
    page = min(max(1, comments), pages)
    figures = [(each, *_size(path)) for each, path in (evidence.figures.items() if evidence else ())]
    return site.page(
        request,
        "paper.html",
        entry=entry,
        known=known,
        evidence=evidence,
        claims=[(claim, verdicts.get(claim.id)) for claim in (known.claims if known else ())],
        methods=[(module, [each.rpartition(".")[2] for each in those]) for module, those in methods],
        figures=figures,
        similar=site.similar(entry),
        said=said[(page - 1) * THREADS : page * THREADS],
        many=sum(one.state == "shown" for each in said for one in (each, *each.answers)),
        page=page,
        pages=pages,
        versions=_versions(site, entry),
        bibtex=known.bibtex if known else write("bibtex", [entry], Channel(""), site.now()).strip(),
    )


@router.get("/figures/{slug}/{name}.svg")
def figure(request: Request, slug: str, name: str) -> Response:
    """A figure of the recorded evidence."""
    found = site_of(request).shown_evidence().get(slug)
    if found is None or name not in found.figures:
        raise HTTPException(404)
    content = found.figures[name].read_bytes()
    return Response(content, media_type="image/svg+xml", headers={"Content-Security-Policy": SANDBOXED})


def entry_named(site: Site, name: str) -> Entry:
    """The paper of that name; 404 with a sentence where it is not in the feed."""
    try:
        return site.feed.show(name, now=site.now())
    except InputError as error:
        raise HTTPException(404, f"{error}.") from None


def _versions(site: Site, entry: Entry) -> list[int]:
    column = schema.paper_version.c
    with site.feed.engine.connect() as connection:
        return list(connection.scalars(select(column.n).where(column.paper == entry.id).order_by(column.n)))


@cache
def _size(path: Path) -> tuple[int, int]:
    """Width and height of a drawing, so that the page does not jump when it comes."""
    with path.open("rb") as file:
        found = _SIZE.search(file.read(4000))
    return (round(float(found[1]) * 4 / 3), round(float(found[2]) * 4 / 3)) if found else (640, 400)
