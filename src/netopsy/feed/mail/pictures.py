"""The picture of a paper in a letter: a figure of its recorded evidence, made once and kept."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from netopsy.core.errors import InputError
from netopsy.core.paths import cache_folder
from netopsy.lab.evidence import load_evidence

WIDTH = 560
"""Pixels."""
LARGEST, MOST = 14_000, 30_000
"""Bytes of a picture, and of all pictures of a letter."""
COLOURS = 64
LAST = "cost"
"""The figure that says least of a paper."""


@dataclass(frozen=True)
class Picture:
    """A picture as a letter holds it."""

    cid: str
    """What its HTML calls it."""
    alt: str
    width: int
    height: int
    size: int
    """Bytes."""
    content: bytes = field(compare=False, repr=False)
    """PNG in base64, in lines that end in CRLF."""


@cache
def picture_of(slug: str) -> Picture | None:
    """The first of the paper's figures that is small enough as a picture; ``None`` where there is none."""
    evidence = load_evidence().get(slug)
    figures = {} if evidence is None else evidence.figures
    for name in sorted(figures, key=lambda each: (each == LAST, each)):
        content = _kept(figures[name])
        if content is not None and len(content) <= LARGEST:
            return _made(slug, name, content)
    return None


def _made(slug: str, name: str, content: bytes) -> Picture:
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=["PNG"]) as opened:
        width, height = opened.size
    return Picture(
        cid=f"{slug}.{name}@netopsy",
        alt=f"A figure of what was measured here: {name.replace('-', ' ')}",
        width=width,
        height=height,
        size=len(content),
        content=base64.encodebytes(content).replace(b"\n", b"\r\n"),
    )


def _kept(figure: Path) -> bytes | None:
    """The figure as PNG, from the folder for caches where it was drawn before."""
    try:
        svg = figure.read_bytes()
    except OSError:
        return None
    kept = cache_folder() / "pictures" / f"{hashlib.blake2b(svg, digest_size=16).hexdigest()}-{WIDTH}-{COLOURS}.png"
    with contextlib.suppress(OSError):
        content = kept.read_bytes()
        if content.startswith(b"\x89PNG") and content.endswith(b"IEND\xaeB`\x82"):
            return content
    try:
        content = _drawn(svg)
    except InputError:  # not a figure that was drawn here
        return None
    with contextlib.suppress(OSError):  # it is drawn again next time
        from netopsy.core.files import replacing

        kept.parent.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as unfinished:
            unfinished.write_bytes(content)
    return content


def _drawn(svg: bytes) -> bytes:
    from PIL import Image

    from netopsy.feed.mail.painting import painted

    few = Image.fromarray(painted(svg, WIDTH)).quantize(COLOURS, method=Image.Quantize.FASTOCTREE)
    written = io.BytesIO()
    few.save(written, "PNG", optimize=True)
    return written.getvalue()
