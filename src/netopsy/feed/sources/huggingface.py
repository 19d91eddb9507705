"""The daily papers of Hugging Face: which arXiv papers its readers listed on a day, and their votes there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from netopsy.core.errors import InputError
from netopsy.feed.fetching import Endpoint, Fetcher, SourceError
from netopsy.feed.records import Record, date_of, record

NAME = "huggingface"
ENDPOINT, VARIABLE = "https://huggingface.co", "HF_ENDPOINT"
PAGE, MOST_PAGES = 100, 50

Bad = Callable[[str, str], object]


def read(fetcher: Fetcher, endpoint: Endpoint, day: date, now: datetime, bad: Bad) -> Iterator[Record]:
    """The papers of one of its days."""
    for page in range(MOST_PAGES):
        asked: dict[str, str | int] = {"date": day.isoformat(), "p": page, "limit": PAGE}
        answer = fetcher.get(endpoint, now, path="/api/daily_papers", parameters=asked)
        assert answer is not None
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise SourceError("the answer is not JSON") from None
        if not isinstance(found, list):
            raise SourceError("the answer is not a list of papers")
        for number, one in enumerate(found):
            try:
                yield _of(one, day)
            except (InputError, AttributeError, TypeError) as error:
                bad(f"{day} page {page}, paper {number + 1}", str(error))
        if len(found) < PAGE:
            return


def _of(one: Any, day: date) -> Record:
    paper = one["paper"] if isinstance(one, dict) and isinstance(one.get("paper"), dict) else one
    return record(
        NAME,
        title=paper.get("title"),
        names=[f"arxiv:{paper.get('id')}"],
        authors=[each.get("name") for each in paper.get("authors") or [] if isinstance(each, dict)],
        abstract=paper.get("summary") or "",
        published=date_of(paper.get("publishedAt")),
        day=day,
        upvotes=paper.get("upvotes"),
    )
