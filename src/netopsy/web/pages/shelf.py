"""The papers that a visitor keeps."""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from netopsy.core.errors import require
from netopsy.core.texts import plain
from netopsy.feed import shelf
from netopsy.feed.database import writing
from netopsy.feed.syndication import Channel, write
from netopsy.web.pages.account import Back, Token
from netopsy.web.pages.paper import entry_named
from netopsy.web.pages.search import LONGEST
from netopsy.web.pages.votes import Name
from netopsy.web.site import site_of
from netopsy.web.visitor import in_place, require_account, same_site

router = APIRouter(include_in_schema=False)
MANY = 200
"""Papers on one page."""
FILES = {"bibtex": ("bib", "application/x-bibtex"), "json": ("json", "application/json"), "csv": ("csv", "text/csv")}


@router.get("/shelf")
def show(request: Request, tag: str = "", q: str = "") -> HTMLResponse:
    """What is kept, narrowed down by a tag and words."""
    require(len(q) <= LONGEST and len(tag) <= LONGEST, f"a search has at most {LONGEST} letters")
    site, visitor = site_of(request), require_account(request)
    account = visitor.account or ""
    with site.feed.engine.connect() as connection:
        everything = shelf.kept(connection, account, site.now())
        found = shelf.kept(connection, account, site.now(), tag=tag, words=q) if tag or q else everything
    tags = sorted(Counter(each for one in everything for each in one.tags).items())
    return site.page(
        request, "shelf.html", found=found[:MANY], matching=len(found), total=len(everything), tags=tags, tag=tag, q=q
    )


@router.get("/shelf/export")
def export(request: Request, format: Literal["bibtex", "json", "csv"] = "bibtex") -> Response:
    """All that is kept, as a file."""
    site, visitor = site_of(request), require_account(request)
    with site.feed.engine.connect() as connection:
        found = shelf.kept(connection, visitor.account or "", site.now())
    if format == "json":
        text = json.dumps([each.to_json() for each in found], ensure_ascii=False, indent=2) + "\n"
    else:
        text = write(format, [each.entry for each in found], Channel("Shelf"), site.now())
    ending, media = FILES[format]
    headers = {"Content-Disposition": f'attachment; filename="shelf.{ending}"'}
    return Response(text, media_type=f"{media}; charset=utf-8", headers=headers)


@router.post("/shelf")
def put(request: Request, form_token: Token = "", save: Name = "", drop: Name = "", back: Back = "/") -> Response:
    """Keep the paper ``save``, or take ``drop`` off the shelf; doing so twice is fine."""
    site, visitor = site_of(request), require_account(request, form_token)
    require(bool(save) != bool(drop), "one paper is kept, or taken off the shelf")
    paper = entry_named(site, save).id if save else plain(drop)  # one that is not shown any more can be taken off, too
    with writing(site.feed.engine) as connection:
        if save:
            shelf.save(connection, visitor.account or "", paper, site.now())
        else:
            shelf.remove(connection, visitor.account or "", paper)
    if in_place(request):
        return JSONResponse({"pressed": bool(save)})
    return RedirectResponse(same_site(back), status_code=303)


@router.post("/shelf/note")
def note(
    request: Request,
    form_token: Token = "",
    paper: Name = "",
    tags: Annotated[str, Form(max_length=2000)] = "",
    note: Annotated[str, Form(max_length=20_000)] = "",
    read: Annotated[bool, Form()] = False,
    back: Back = "/shelf",
) -> Response:
    """Write tags and a note beside a paper."""
    site, visitor = site_of(request), require_account(request, form_token)
    found = entry_named(site, paper).id
    with writing(site.feed.engine) as connection:
        shelf.change(
            connection, visitor.account or "", found, tags=tags.split(","), note=note, read=read, now=site.now()
        )
    return RedirectResponse(f"{same_site(back)}#{quote(found, safe='')}", status_code=303)
