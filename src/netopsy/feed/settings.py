"""What an operator may set: by the environment or in one TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from urllib.parse import urlsplit

from netopsy.core.errors import InputError, require
from netopsy.feed.addresses import mail_address
from netopsy.feed.database import beside
from netopsy.feed.mail.headers import named_mailbox
from netopsy.feed.secrets import FILE, Secret, secret_at

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PLACES = ("mail_password_file", "secret_file", "token_file", "runs")
"""Settings that name a file or folder."""
VARIABLES = {
    "database": "NETOPSY_FEED",
    "base_url": "NETOPSY_BASE_URL",
    "mail": "NETOPSY_MAIL",
    "sender": "NETOPSY_MAIL_FROM",
    "mail_password_file": "NETOPSY_MAIL_PASSWORD_FILE",
    "secret_file": "NETOPSY_SECRET_FILE",
    "token_file": "NETOPSY_TOKEN_FILE",
    "runs": "NETOPSY_RUNS",
    "moderators": "NETOPSY_MODERATORS",
}


@dataclass(frozen=True)
class Settings:
    """Where things are. What is empty takes its default, which needs no network."""

    database: str = ""
    """``sqlite:///FILE`` or ``postgresql+psycopg://...``; one file of the user's."""
    base_url: str = "http://127.0.0.1:8051"
    """Under which visitors reach the page; what links in mails begin with."""
    mail: str = ""
    """``maildir:FOLDER``, ``smtp://user@host:587``, ``smtps://...``; a folder beside the database."""
    sender: str = "netopsy <netopsy@localhost>"
    """Whom mails come from."""
    mail_password_file: str = ""
    """Holds the password of the mail server."""
    secret_file: str = ""
    """Holds the keys of `netopsy.feed.secrets`; beside the database."""
    token_file: str = ""
    """Holds the token without which no page is shown; whoever has it is taken for the user of this machine."""
    runs: str = ""
    """The folder of what visitors run, which all machines that work on one database share; beside the database."""
    moderators: str = ""
    """Mail addresses, with commas between, of the accounts that moderate; who uses the page on its own machine does."""

    @property
    def local(self) -> bool:
        """Whether nobody but the user of this machine, or who holds the token, reaches the page."""
        if self.token_file:
            return True
        address = urlsplit(self.base_url)
        return address.scheme == "http" and address.hostname in LOOPBACK

    def secret(self) -> Secret:
        """The keys, made at the first use."""
        return secret_at(self.secret_file or beside(self.database, FILE))


def settings(file: str | Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a TOML file (``NETOPSY_SETTINGS`` where none is given), and over them those of the environment.

    Raises:
        InputError: a file that cannot be read, a setting that there is none of, or a value that is none.
    """
    around = os.environ if environment is None else environment
    named = file or around.get("NETOPSY_SETTINGS")
    known = {each.name for each in fields(Settings)}
    found: dict[str, str] = {}
    if named:
        try:
            read = tomllib.loads(Path(named).expanduser().read_text(encoding="utf-8"))
        except (OSError, RuntimeError, ValueError) as error:  # of the file, of ~ in its name, of what is in it
            raise InputError(f"the settings in {str(named)!r} cannot be read: {error}") from None
        for name, value in read.items():
            require(
                name in known, f"there is no setting {name!r} in {str(named)!r}; there are {', '.join(sorted(known))}"
            )
            require(isinstance(value, str), f"setting {name!r} must be text, got {type(value).__name__}")
            found[name] = value
    found |= {name: around[variable] for name, variable in VARIABLES.items() if around.get(variable)}
    made = replace(Settings(), **found)
    require(
        _is_address(made.base_url),
        f"base_url must be an address such as https://papers.example.org, got {made.base_url!r}",
    )
    for name in PLACES:
        _check_place(name, getattr(made, name))
    try:
        named_mailbox(made.sender)
    except InputError as error:
        raise InputError(f"sender must be like netopsy <papers@example.org>: {error}") from None
    try:
        listed_addresses(made.moderators)
    except InputError as error:
        raise InputError(f"moderators must be mail addresses with commas between: {error}") from None
    return replace(made, base_url=made.base_url.rstrip("/"))


def _is_address(text: str) -> bool:
    """Whether links of letters can begin with it."""
    try:
        address = urlsplit(text)
        fine = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:
        return False
    odd = address.query or address.fragment or address.username is not None or set(text) & set(' <>"\\')
    return bool(fine) and not odd and text.isascii() and text.isprintable()


def _check_place(name: str, text: str) -> None:
    try:
        named = Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(f"{name} {text!r} cannot be found: {error}") from None
    require("\0" not in str(named), f"{name} must be the name of a file or folder, got {text!r}")


def listed_addresses(text: str) -> list[str]:
    """Mail addresses with commas between.

    Raises:
        InputError: one of them is none.
    """
    return [mail_address(each) for each in text.split(",") if each.strip()]
