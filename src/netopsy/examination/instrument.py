"""An instrument: a method pointed at a trained network. Each is one file in `netopsy.examination.instruments`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from netopsy.core.errors import require
from netopsy.examination.chapters import CHAPTERS, Chapter
from netopsy.examination.finding import Finding
from netopsy.examination.subject import Subject


class NotNow(Exception):  # noqa: N818 - no error: an instrument says that it cannot do its work this time
    """Raised by an instrument that applies but cannot work this time; the message says why."""


@dataclass(frozen=True)
class Instrument:
    """How an instrument is known, when it applies, and what it does.

    A module of `netopsy.examination.instruments` that holds one, called ``INSTRUMENT``, is found by itself.
    """

    name: str
    """A short name, as in ``--instruments saliency,calibration``."""
    title: str
    """The heading over its finding."""
    chapter: Chapter
    examine: Callable[[Subject, float], Finding]
    """Called with the subject and the seconds it may take."""
    applies: Callable[[Subject], str | None] = lambda subject: None
    """``None`` where the instrument applies; otherwise why not, in a sentence."""
    papers: tuple[str, ...] = ()
    """Slugs of the papers whose methods it uses."""
    order: int = 50
    """Place within its chapter, small numbers first."""
    share: float = 1.0
    """Its part of the time, relative to the others."""


def instruments() -> tuple[Instrument, ...]:
    """All instruments, in the order of the report."""
    from netopsy.examination import instruments as package

    found = []
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            found.append(importlib.import_module(f"{package.__name__}.{module.name}").INSTRUMENT)
    names = [instrument.name for instrument in found]
    require(len(set(names)) == len(names), f"two instruments have one name among {names}")
    return tuple(sorted(found, key=lambda i: (CHAPTERS.index(i.chapter), i.order, i.name)))
