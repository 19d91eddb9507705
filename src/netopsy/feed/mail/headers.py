"""Headers of a letter: what comes from outside can neither end a header nor begin another one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.header import Header
from email.parser import BytesHeaderParser
from email.policy import compat32, default
from email.utils import formataddr
from functools import lru_cache
from typing import Any

from netopsy.core.errors import InputError, require
from netopsy.core.texts import plain

LONGEST_LINE = 998
LONGEST_SUBJECT = 150
OWN = ("To", "Message-ID", "List-Unsubscribe")
"""Headers that no two letters have in common."""
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_NAMED = re.compile(r"(.*)<([^<>]*)>")
_PARSER = BytesHeaderParser(policy=default)
_PLAIN = BytesHeaderParser(policy=compat32)
"""Takes headers apart and no value: enough where values are ASCII without encoded words, and much faster."""


def cleaned(text: str, most: int = LONGEST_SUBJECT) -> str:
    """One line that holds no controls and nothing that a reader of headers takes for an encoded word.

    >>> cleaned("A =?utf-8?q?x=0D=0ABcc=3A_e=40x=2Eorg?=")
    'A = ?utf-8?q?x=0D=0ABcc=3A_e=40x=2Eorg?='
    >>> cleaned("one\\r\\nBcc: e@x.org")
    'one Bcc: e@x.org'
    """
    line = " ".join(plain(text).replace("=?", "= ?").split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def encoded(text: str) -> str:
    """A cleaned line as it stands in a header: as it is in ASCII, otherwise in encoded words."""
    return text if text.isascii() else Header(text, "utf-8").encode(linesep="\r\n")


def mailbox(address: str) -> str:
    """An address without a name, as it stands in a header and in an envelope.

    Raises:
        InputError: it is none, or one that only some servers take; it is not repeated.
    """
    require(
        _ADDRESS.fullmatch(address), "an address of a letter must be written in plain ASCII, such as ada@example.org"
    )
    return address


def named_mailbox(sender: str) -> tuple[str, str]:
    """The cleaned name and the address of ``netopsy <netopsy@localhost>``."""
    found = _NAMED.fullmatch(plain(sender).strip())
    name, address = found.groups() if found else ("", sender)
    return cleaned(name.strip().strip('"'), 60), mailbox(address)


def written(fields: Sequence[tuple[str, str]]) -> bytes:
    """The headers and the empty line after them, of names with decoded values; they are read again to be sure.

    Raises:
        InputError: what is read is not what was written.
    """
    own = tuple(each for each in fields if each[0] in OWN)
    shared = tuple(each for each in fields if each[0] not in OWN)
    return _shared(shared) + _lines(own, _PLAIN) + b"\r\n"


@lru_cache(maxsize=64)
def _shared(fields: tuple[tuple[str, str], ...]) -> bytes:
    """What many letters have in common is read again once."""
    return _lines(fields, _PARSER)


def _lines(fields: tuple[tuple[str, str], ...], parser: BytesHeaderParser[Any]) -> bytes:
    odd = [name for name, value in fields if name not in ("From", "Subject") and "=?" in value]
    require(not odd, f"{' and '.join(odd)} of a letter must not look like an encoded word")
    try:
        lines = "".join([f"{name}: {_value(name, value)}\r\n" for name, value in fields]).encode("ascii")
    except UnicodeEncodeError:
        raise InputError("the headers of a letter must be written in ASCII") from None
    read = parser.parsebytes(lines + b"\r\n")
    found = [(name, _read(name, str(value))) for name, value in read.items()]
    fine = found == [(name, _read(name, value)) for name, value in fields] and not read.get_payload()
    require(fine, "a header of a letter is not read as it was written, so it is not sent")
    require(max(map(len, lines.split(b"\r\n"))) <= LONGEST_LINE, "a header of a letter is longer than 998 characters")
    return lines


def _value(name: str, value: str) -> str:
    if name == "From":
        return formataddr(named_mailbox(value), charset="utf-8")
    return encoded(value) if name == "Subject" else value


def _read(name: str, value: str) -> str | tuple[str, str]:
    return named_mailbox(value) if name == "From" else value
