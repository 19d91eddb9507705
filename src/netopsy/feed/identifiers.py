"""What a paper is called: one key for all the ways of writing its arXiv number or its DOI."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from netopsy.core.errors import InputError
from netopsy.core.texts import shortened

Kind = Literal["arxiv", "doi", "file"]

_NEW = re.compile(
    r"(?P<id>(?P<year>\d\d)(?P<month>0[1-9]|1[0-2])\.(?P<number>\d{4,5}))(?:v(?P<version>[1-9]\d{0,3}))?", re.ASCII
)
_OLD = re.compile(
    r"(?P<archive>[a-z]+(?:-[a-z]+)?)(?:\.[A-Za-z]{2}|\.[a-z]+-[a-z]+)?"
    r"/(?P<id>(?:9[1-9]|0[0-7])(?:0[1-9]|1[0-2])\d{3})(?:v(?P<version>[1-9]\d{0,3}))?",
    re.ASCII,
)
_DOI = re.compile(r"10\.[0-9]{4,9}/[^\s\"<>]+")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
LONGEST = 250
"""Characters of a DOI."""
_FILE = re.compile(r"[0-9a-f]{64}")
_ARXIV_DOI = "10.48550/arxiv."
_ARCHIVES = frozenset(
    [
        *("acc-phys", "adap-org", "alg-geom", "ao-sci", "astro-ph", "atom-ph", "bayes-an", "chao-dyn", "chem-ph"),
        *("cmp-lg", "comp-gas", "cond-mat", "cs", "dg-ga", "funct-an", "gr-qc", "hep-ex", "hep-lat", "hep-ph"),
        *("hep-th", "math", "math-ph", "mtrl-th", "nlin", "nucl-ex", "nucl-th", "patt-sol", "physics", "plasm-ph"),
        *("q-alg", "q-bio", "quant-ph", "solv-int", "supr-con"),
    ]
)
_PAGES = {
    "arxiv.org": re.compile(r"/(?:abs|pdf|html|format|ps|src|e-print)/(.+?)(?:\.pdf)?/?"),
    "huggingface.co": re.compile(r"/papers/([^/]+)/?"),
    "alphaxiv.org": re.compile(r"/(?:abs|pdf|overview)/(.+?)(?:\.pdf)?/?"),
    "doi.org": re.compile(r"/(10\..+)"),
    "dx.doi.org": re.compile(r"/(10\..+)"),
}


@dataclass(frozen=True)
class PaperId:
    """The name of a paper, whichever version of it was named."""

    kind: Kind
    value: str
    version: int | None = None

    @property
    def key(self) -> str:
        """As it is stored: ``"arxiv:2004.02866"``, ``"doi:10.1/x"`` in lower case, ``"file:"`` and a SHA-256."""
        return f"{self.kind}:{self.value}"

    @property
    def url(self) -> str:
        """Where the paper can be read; empty for one that came from a file without any name."""
        places = {"arxiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}
        return places[self.kind] + quote(self.value, safe="/:;()@!$,*=") if self.kind in places else ""


def parse(text: str) -> PaperId | None:
    """The paper that ``text`` names, ``None`` where it names none.

    Taken are arXiv numbers of both styles with or without version, DOIs (the one of an arXiv copy is that copy), keys
    as `PaperId.key` writes them, and addresses of pages of arxiv.org, huggingface.co, alphaxiv.org and doi.org. A name
    must be the whole text: nothing is looked for inside of others.

    >>> parse("https://arxiv.org/pdf/2004.02866v1.pdf")
    PaperId(kind='arxiv', value='2004.02866', version=1)
    >>> parse("math.GT/0309136").key, parse("10.48550/arXiv.2004.02866").key, parse("2013.00001")
    ('arxiv:math/0309136', 'arxiv:2004.02866', None)
    """
    text = text.strip()
    if _ADDRESS.match(text):
        return _from_address(text)
    if text.casefold().startswith("file:"):
        return PaperId("file", text[5:]) if _FILE.fullmatch(text[5:]) else None
    stripped = re.sub(r"^(?:arxiv|doi):\s*", "", text, flags=re.IGNORECASE)
    return _arxiv(stripped) or _doi(stripped)


def identified(text: str) -> PaperId:
    """`parse`, where a paper must be named.

    Raises:
        InputError: nothing is.
    """
    found = parse(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(
            f"a paper is named by its arXiv number or DOI, such as 2004.02866, got {shortened(repr(text))}"
        )
    return found


def of_content(title: str, authors: str) -> PaperId:
    """A name for a paper that has none, from its title and authors, however they are spaced and capitalised."""
    titled, people = (" ".join(re.findall(r"\w+", each.casefold())) for each in (title, authors))
    words = f"{titled or title} {people}".strip()  # a title may be without any letter
    return PaperId("file", hashlib.sha256(words.encode("utf-8", "ignore")).hexdigest())


def _arxiv(text: str) -> PaperId | None:
    new = _NEW.fullmatch(text)
    if new is not None:
        digits = 5 if int(new["year"]) >= 15 else 4
        known = int(new["year"]) >= 7 and len(new["number"]) == digits
        return PaperId("arxiv", new["id"], _number(new["version"])) if known else None
    old = _OLD.fullmatch(text)
    if old is not None and old["archive"] in _ARCHIVES:
        return PaperId("arxiv", f"{old['archive']}/{old['id']}", _number(old["version"]))
    return None


def _doi(text: str) -> PaperId | None:
    text = text.casefold()
    if text.startswith(_ARXIV_DOI):
        return _arxiv(text.removeprefix(_ARXIV_DOI))
    fine = len(text) <= LONGEST and text.isprintable() and _DOI.fullmatch(text)
    return PaperId("doi", text) if fine else None


def _from_address(text: str) -> PaperId | None:
    try:
        address = urlsplit(text)
        host = (address.hostname or "").removeprefix("www.").removeprefix("export.")
    except ValueError:
        return None
    page = _PAGES.get(host)
    if page is None or address.scheme not in ("http", "https"):
        return None
    found = page.fullmatch(unquote(address.path))
    return None if found is None else _arxiv(found[1]) or _doi(found[1])


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
