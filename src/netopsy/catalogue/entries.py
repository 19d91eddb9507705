"""The entries of the catalogue: what a paper is, which claims it makes, and where they are read from.

One file a paper, ``papers/SLUG.toml``. A claim's criterion is fixed there before its study is run, and is never moved.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

from netopsy.catalogue.tex import tex
from netopsy.core.errors import lookup

Status = Literal["planned", "ready"]

ROOMS: Mapping[str, str] = MappingProxyType(
    {
        "interpretability": "What a network looks at, and what its units stand for",
        "robustness": "Where a network can be fooled, and where it provably cannot",
        "sparsity": "How small a network can be",
        "landscape": "The shape of the loss around a network",
        "representations": "What a network's features have in common with another's",
        "theory": "What can be worked out with pencil and paper",
        "learning": "Better ways to train",
        "restoration": "Repairing images",
        "vision": "Shapes, scenes and segmentation",
        "graphs": "Networks that read graphs",
    }
)
"""The fields of research, in the order they are shown, each with the question it asks."""


@dataclass(frozen=True)
class Claim:
    """Something a paper says that a study can test.

    ``criterion`` is fixed before any run; ``paper_value`` is what the authors measured, in their own setting.
    """

    id: str
    text: str
    criterion: str
    paper_value: str


@dataclass(frozen=True)
class Paper:
    """One paper of the catalogue.

    ``status`` is "ready" when its methods and its study are here, "planned" until then; ``methods`` are dotted names
    that can be imported; ``keywords`` are the terms the field uses; ``code`` is the authors' repository on GitHub as
    "owner/name", empty when none is known.
    """

    slug: str
    title: str
    arxiv: str
    year: int
    venue: str
    authors: str
    room: str
    status: Status
    summary: str
    keywords: tuple[str, ...]
    code: str = ""
    methods: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()

    @property
    def url(self) -> str:
        """Where the paper can be read."""
        return f"https://arxiv.org/abs/{self.arxiv}"

    @property
    def bibtex(self) -> str:
        """A BibTeX entry of the paper as it stands on arXiv, its key the slug.

        >>> print(paper("norm-grad").bibtex.splitlines()[0])
        @misc{norm-grad,
        """
        authors = self.authors.partition(", based on")[0].split(", ")
        fields = {
            "title": f"{{{tex(self.title)}}}",
            "author": " and ".join(map(_bibtex_name, authors)),
            "year": str(self.year),
            "eprint": self.arxiv,
            "archivePrefix": "arXiv",
            "url": self.url,
            "note": tex(self.venue),
        }
        lines = (f"  {name} = {{{value}}}," for name, value in fields.items())
        return "\n".join((f"@misc{{{self.slug},", *lines, "}"))

    def claim(self, claim_id: str) -> Claim:
        """The claim called ``claim_id``; raises `UnknownNameError` naming the nearest ones."""
        return lookup(f"claim of {self.slug}", claim_id, {claim.id: claim for claim in self.claims})


@cache
def papers() -> tuple[Paper, ...]:
    """All papers, in the order of their slugs.

    >>> len(papers())
    51
    """
    entries = {entry.name: entry for entry in files(__package__).joinpath("papers").iterdir()}
    return tuple(
        _paper(name.removesuffix(".toml"), tomllib.loads(entries[name].read_text(encoding="utf-8")))
        for name in sorted(entries)
        if name.endswith(".toml")
    )


def paper(slug: str) -> Paper:
    """The paper called ``slug``; raises `UnknownNameError` (an `InputError`) naming the nearest ones.

    >>> paper("norm-grad").year
    2020
    """
    return lookup("paper", slug, {paper.slug: paper for paper in papers()})


def claim(slug: str, claim_id: str) -> Claim:
    """One claim of one paper.

    >>> claim("lottery-ticket", "lottery-ticket-1").id
    'lottery-ticket-1'
    """
    return paper(slug).claim(claim_id)


def in_room(room: str) -> tuple[Paper, ...]:
    """The papers of one room; raises `UnknownNameError` for a room that does not exist."""
    lookup("room", room, ROOMS)
    return tuple(paper for paper in papers() if paper.room == room)


def _paper(slug: str, table: dict[str, Any]) -> Paper:
    claims = tuple(Claim(**{key: _one_line(text) for key, text in entry.items()}) for entry in table.pop("claims", ()))
    methods = tuple(table.pop("methods", ()))
    prose = {"summary": _one_line(table["summary"]), "keywords": tuple(table["keywords"])}
    return Paper(slug, **table | prose, methods=methods, claims=claims)


def _bibtex_name(name: str) -> str:
    """The name; in braces where it is a family name of several words, which would be taken for given names."""
    return f"{{{tex(name)}}}" if " " in name and "." not in name else tex(name)


def _one_line(text: str) -> str:
    return " ".join(text.split())
