"""arXiv: what it announces each day, papers by their number, and the whole of an archive as it changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from netopsy.core.errors import InputError
from netopsy.feed.fetching import Answer, Endpoint, Fetcher, SourceError
from netopsy.feed.identifiers import PaperId
from netopsy.feed.records import Record, date_of, record

NAME = "arxiv"
VARIABLE = "NETOPSY_ARXIV_ENDPOINT"
RSS, API, OAI = "https://rss.arxiv.org", "https://export.arxiv.org", "https://oaipmh.arxiv.org"
GAP = 3.0
"""Seconds between two questions to any of them."""
ZONE = ZoneInfo("America/New_York")
"""Whose midnight begins a day of announcements."""
TOGETHER = 100

_ATOM, _API, _OAI = (
    "{http://www.w3.org/2005/Atom}",
    "{http://a9.com/-/spec/opensearch/1.1/}",
    "{http://www.openarchives.org/OAI/2.0/}",
)
_OWN, _DC, _RAW = (
    "{http://arxiv.org/schemas/atom}",
    "{http://purl.org/dc/elements/1.1/}",
    "{http://arxiv.org/OAI/arXivRaw/}",
)
PREFACE = re.compile(r"^arXiv:\S+\s+Announce Type:\s*\S+\s+Abstract:\s*", re.DOTALL)
"""What its feeds put before an abstract."""

Bad = Callable[[str, str], object]


class ForgottenPlaceError(SourceError):
    """A long list cannot be gone on with where it was left: it must be begun anew."""


def announced(
    fetcher: Fetcher, endpoint: Endpoint, archives: Sequence[str], known: Mapping[str, Any], now: datetime, bad: Bad
) -> tuple[Answer | None, Iterator[Record]]:
    """What it announces today in some of its archives, such as ``cs.LG``, and the answer with its marks.

    Replacements of papers are no news and are left out. ``None`` where nothing has changed since.
    """
    marks = {"etag": known.get("etag") or "", "last-modified": known.get("last_modified") or ""}
    answer = fetcher.get(endpoint, now, path=f"/atom/{'+'.join(archives)}", known=marks)
    return answer, iter(()) if answer is None else _announced(answer.xml(), now, bad)


def _announced(root: Element, now: datetime, bad: Bad) -> Iterator[Record]:
    if root.tag != f"{_ATOM}feed":
        raise SourceError("the answer is no list of announcements")
    day = _day(root.findtext(f"{_ATOM}updated"), now)
    for number, one in enumerate(root.iterfind(f"{_ATOM}entry"), 1):
        kind = one.findtext(f"{_OWN}announce_type") or "new"
        if kind.startswith("replace"):
            continue
        name = (one.findtext(f"{_ATOM}id") or "").rpartition(":")[2]
        people = one.findtext(f"{_DC}creator") or ""
        authors = [each.findtext(f"{_ATOM}name") for each in one.iterfind(f"{_ATOM}author")]
        yield from _one(
            f"announcement {number}",
            bad,
            title=one.findtext(f"{_ATOM}title"),
            names=[f"arxiv:{name}"],
            authors=people.split(", ") if people else authors,
            abstract=PREFACE.sub("", (one.findtext(f"{_ATOM}summary") or "").strip()),
            categories=[each.get("term") for each in one.iterfind(f"{_ATOM}category")],
            published=_day(one.findtext(f"{_ATOM}published"), now),
            day=day,
        )


def by_number(
    fetcher: Fetcher, endpoint: Endpoint, papers: Sequence[PaperId], now: datetime, bad: Bad
) -> Iterator[Record]:
    """The newest version of papers of those arXiv numbers, a hundred at a time."""
    numbers = [each.value for each in papers if each.kind == "arxiv"]
    for start in range(0, len(numbers), TOGETHER):
        some = numbers[start : start + TOGETHER]
        asked: dict[str, str | int] = {"id_list": ",".join(some), "max_results": TOGETHER}
        answer = fetcher.get(endpoint, now, path="/api/query", parameters=asked)
        assert answer is not None
        root = answer.xml()
        found = list(root.iterfind(f"{_ATOM}entry"))
        if not found and (root.findtext(f"{_API}totalResults") or "0").strip() != "0":
            raise SourceError("its page is empty, and it says that there are papers")
        for one in found:
            address = one.findtext(f"{_ATOM}id") or ""
            dois = [one.findtext(f"{_OWN}doi") or ""]
            yield from _one(
                address,
                bad,
                title=one.findtext(f"{_ATOM}title"),
                names=[address.replace("http://", "https://"), *dois],
                authors=[each.findtext(f"{_ATOM}name") for each in one.iterfind(f"{_ATOM}author")],
                abstract=one.findtext(f"{_ATOM}summary") or "",
                categories=[each.get("term") for each in one.iterfind(f"{_ATOM}category")],
                published=date_of(one.findtext(f"{_ATOM}published")),
            )


def harvested(
    fetcher: Fetcher, endpoint: Endpoint, archive: str, since: date | None, token: str | None, now: datetime, bad: Bad
) -> Iterator[tuple[list[Record], str | None]]:
    """An archive such as ``cs`` page by page: the records of a page, and the token that the next one is asked with."""
    while True:
        first = {"verb": "ListRecords", "metadataPrefix": "arXivRaw", "set": archive}
        first |= {} if since is None else {"from": since.isoformat()}
        asked = {"verb": "ListRecords", "resumptionToken": token} if token else first
        answer = fetcher.get(endpoint, now, path="/oai", parameters=asked)
        assert answer is not None
        root = answer.xml()
        error = root.find(f"{_OAI}error")
        if error is not None:
            if error.get("code") == "noRecordsMatch":
                return
            code = error.get("code")
            raise (ForgottenPlaceError if code == "badResumptionToken" else SourceError)(
                f"it answers {code}: {error.text}"
            )
        listed = root.find(f"{_OAI}ListRecords")
        if listed is None:
            raise SourceError("the answer holds no records")
        page = [found for one in listed.iterfind(f"{_OAI}record") for found in _raw(one, bad)]
        following = (listed.findtext(f"{_OAI}resumptionToken") or "").strip() or None
        yield page, following
        if following is not None and following == token:
            raise ForgottenPlaceError("it leads from a page to the same page")
        token = following
        if token is None:
            return


def _raw(one: Element, bad: Bad) -> Iterator[Record]:
    raw = one.find(f"{_OAI}metadata/{_RAW}arXivRaw")
    if raw is None:  # a paper that was taken down
        return
    versions = [each.get("version", "") for each in raw.iterfind(f"{_RAW}version")]
    dates = [each.findtext(f"{_RAW}date") for each in raw.iterfind(f"{_RAW}version")]
    name = f"{raw.findtext(f'{_RAW}id')}{versions[-1] if versions else ''}"
    dois = (raw.findtext(f"{_RAW}doi") or "").split()[:1]
    yield from _one(
        name,
        bad,
        title=raw.findtext(f"{_RAW}title"),
        names=[f"arxiv:{name}", *dois],
        authors=(raw.findtext(f"{_RAW}authors") or "").replace(" and ", ", ").split(", "),
        abstract=raw.findtext(f"{_RAW}abstract") or "",
        categories=(raw.findtext(f"{_RAW}categories") or "").split(),
        published=_rfc(dates[0]) if dates else None,
    )


def _one(where: str, bad: Bad, **fields: Any) -> Iterator[Record]:
    try:
        yield record(NAME, **fields)
    except InputError as error:
        bad(where, str(error))


def _day(text: str | None, now: datetime) -> date:
    try:
        moment = datetime.fromisoformat(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZONE)).astimezone(ZONE).date()
    except (ValueError, OverflowError):
        return _rfc(text) or now.astimezone(ZONE).date()


def _rfc(text: str | None) -> date | None:
    try:
        return parsedate_to_datetime(text or "").astimezone(ZONE).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
