"""What came of handing a letter over."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from netopsy.core.texts import plain, shortened

_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"']+@[^\s<>()\[\]:;,\"']+")


class Outcome(Enum):
    """What is to be done about a letter after a try."""

    SENT = "sent"
    AGAIN = "again"
    """Not now: the server asks to be tried later."""
    UNREACHABLE = "unreachable"
    """There is no use in trying any other letter either: no connection, no encryption, no leave to send."""
    REFUSED = "refused"
    """The server has no such mailbox, and never will."""
    REJECTED = "rejected"
    """The server will not have this letter; the mailbox may be well."""
    UNCERTAIN = "uncertain"
    """The letter was handed over, and no answer came."""


@dataclass(frozen=True)
class Answer:
    """An outcome, and what the server said."""

    outcome: Outcome
    reply: str


@dataclass(frozen=True)
class Envelope:
    """A letter as it is handed over."""

    message_id: str
    sender: str
    """The return path."""
    to: str
    content: bytes
    again: bool = False
    """Whether it has been tried before."""


class Transport(ABC):
    """A way that letters go."""

    exact: bool = False
    """Whether handing a letter over twice leaves one."""

    @abstractmethod
    def send(self, envelope: Envelope) -> Answer:
        """Hand one letter over; never raises for what a server does."""

    def trouble(self) -> str:
        """Why no letter can go out, found out without sending one; empty where nothing is wrong."""
        return ""

    @abstractmethod
    def close(self) -> None:
        """End the connection, if there is one."""


def said(reply: object, code: int | None = None) -> str:
    """What a server said as one short line without any address in it.

    >>> said(b"5.1.1 <ada@example.org>\\r\\nunknown\\x07", 550)
    '550 5.1.1 <address> unknown'
    """
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    line = _ADDRESS.sub("address", " ".join(plain(text).split()))
    return shortened(f"{code} {line}".strip() if code is not None else line, 200)
