"""How letters go out, by the address that the settings name."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from netopsy.core.errors import InputError, require
from netopsy.feed.database import beside
from netopsy.feed.mail.answers import Transport
from netopsy.feed.mail.maildir import Maildir
from netopsy.feed.mail.smtp import Server, Smtp
from netopsy.feed.mail.verp import domain_of
from netopsy.feed.settings import Settings

FOLDER = "mail"
"""Beside the database, where nothing else is said."""
SECURITY = {"smtp": ("starttls", 587), "smtps": ("tls", 465), "smtp+plain": ("plain", 25)}
WANTED = "maildir:FOLDER, smtp://USER@HOST:587, smtps://USER@HOST:465 or, on this machine, smtp+plain://localhost:25"


def transport_at(settings: Settings, *, timeout: float = 60.0) -> Transport:
    """The way that ``settings.mail`` names; a folder beside the database where it names none.

    Args:
        timeout: seconds that a server may take for anything.

    Raises:
        InputError: an address that is none, a password in it, a file that cannot be read.
    """
    kind, _, rest = settings.mail.partition(":")
    if not settings.mail:
        return Maildir(beside(settings.database, FOLDER))
    if kind == "maildir":
        require(rest, f"mail must be {WANTED}; the folder is not named")
        return Maildir(Path(rest).expanduser().absolute())
    require(kind in SECURITY, f"mail must be {WANTED}, got one that begins with {kind[:20]!r}")
    return Smtp(_server(settings), timeout=timeout)


def _server(settings: Settings) -> Server:
    try:
        parts = urlsplit(settings.mail)
        port, asked = parts.port, dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise InputError(f"mail must be {WANTED}; what follows the kind cannot be read") from None
    security, usual = SECURITY[parts.scheme]
    require(
        parts.password is None, "mail must not hold a password: it is read from the file that mail_password_file names"
    )
    require(parts.hostname and parts.path in ("", "/"), f"mail must be {WANTED}; it names no server")
    require(set(asked) <= {"ca"}, f"mail may ask for ca=FILE alone, got {', '.join(sorted(asked))[:80]!r}")
    host = str(parts.hostname)
    require(
        security != "plain" or _is_here(host), "smtp+plain:// is for a server on this machine; elsewhere use smtp://"
    )
    ca = asked.get("ca", "")
    require(not ca or Path(ca).is_file(), f"mail asks for certificates in {ca[:200]!r}, which is no file")
    return Server(
        host=host,
        port=port or usual,
        security=security,
        user=_user(parts),
        password=_password(settings) if parts.username else "",
        ca=ca,
        called=domain_of(settings),
    )


def _user(parts: SplitResult) -> str:
    return unquote(parts.username or "")


def _password(settings: Settings) -> str:
    require(settings.mail_password_file, "mail names a user, so mail_password_file must name the file of the password")
    try:
        return Path(settings.mail_password_file).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise InputError(f"the password of the mail server cannot be read: {why}") from None


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
