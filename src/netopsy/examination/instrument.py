"""An instrument: a method pointed at a trained network. Each is one file in `netopsy.examination.instruments`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Generic, TypeVar

from netopsy.core.errors import UnknownNameError, require
from netopsy.core.finding import Finding
from netopsy.examination.chapters import CHAPTERS, Chapter, ComparedChapter
from netopsy.examination.subject import Subject

S = TypeVar("S")
"""What an instrument is pointed at: a `Subject`, or a pair of them."""


class NotNow(Exception):  # noqa: N818 - no error: an instrument says that it cannot do its work this time
    """Raised by an instrument that applies but cannot work this time; the message says why."""


@dataclass(frozen=True)
class Instrument(Generic[S]):
    """How an instrument is known, when it applies, and what it does.

    A module of `netopsy.examination.instruments` that holds one, called ``INSTRUMENT``, is found by itself; so is one
    of `netopsy.examination.comparison.instruments`, for two networks.
    """

    name: str
    """A short name, as in ``--instruments saliency,calibration``."""
    title: str
    """The heading over its finding."""
    chapter: Chapter | ComparedChapter
    examine: Callable[[S], Finding]
    applies: Callable[[S], str | None] = lambda subject: None
    """``None`` where the instrument applies; otherwise why not, in a sentence."""
    papers: tuple[str, ...] = ()
    """Slugs of the papers whose methods it uses."""
    term: str = ""
    """What the field calls it, where the title does not say."""
    order: int = 50
    """Place within its chapter, small numbers first."""
    passes: Callable[[S], float] = lambda subject: 0.0
    """About how many forward passes of one sample it takes at the subject's depth, a backward pass counted as two."""
    beside: float = 0.7
    """Seconds that it takes beside the network: its pictures, and what it computes with the answers."""
    worth: int = 0
    """Where the budget is not enough for all, the instruments of the lowest number come first."""


def instruments(names: Sequence[str] = ()) -> tuple[Instrument[Subject], ...]:
    """All instruments or those called ``names``, in the order of the report.

    Raises:
        UnknownNameError: there is no instrument of that name.

    >>> [instrument.name for instrument in instruments(["pruning", "accuracy"])]
    ['accuracy', 'pruning']
    """
    from netopsy.examination import instruments as package

    return instruments_in(package, CHAPTERS, names)


def instruments_in(package: ModuleType, chapters: Sequence[str], names: Sequence[str]) -> tuple[Instrument[S], ...]:
    """The instruments that the modules of a package hold, or those called ``names``, in the order of the chapters.

    Raises:
        UnknownNameError: there is no instrument of that name.
    """
    found: list[Instrument[S]] = []
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            found.append(importlib.import_module(f"{package.__name__}.{module.name}").INSTRUMENT)
    by_name = {instrument.name: instrument for instrument in found}
    require(len(by_name) == len(found), f"two instruments have one name among {[each.name for each in found]}")
    for name in names:
        if name not in by_name:
            raise UnknownNameError("instrument", name, by_name)
    chosen = [instrument for instrument in found if not names or instrument.name in names]
    return tuple(sorted(chosen, key=lambda i: (chapters.index(i.chapter), i.order, i.name)))
