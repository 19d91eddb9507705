"""`netopsy serve`: the papers by day in a browser."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import closing
from dataclasses import replace
from typing import Annotated

import typer

from netopsy.cli.terminal import say
from netopsy.core.errors import InputError, require


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8051,
    public: Annotated[
        bool, typer.Option("--public", help="Let others reach it; needs an https base URL in NETOPSY_BASE_URL.")
    ] = False,
    token_file: Annotated[
        str,
        typer.Option(help="Let others reach it who have the token in this file, which is made where there is none."),
    ] = "",
    workers: Annotated[int, typer.Option(help="Processes that answer for the pages.")] = 1,
    slots: Annotated[
        int, typer.Option(help="Runs of visitors that are carried out here at once; 0 leaves them to netopsy worker.")
    ] = 2,
) -> None:
    """Show papers by day, search and verdicts in a browser, until Ctrl-C."""
    require(0 <= port <= 65535, f"--port must be from 0 to 65535, got {port}")
    require(0 <= slots <= 64, f"--slots must be from 0 to 64, got {slots}")
    require(1 <= workers <= 64, f"--workers must be from 1 to 64, got {workers}")
    import logging

    from netopsy.feed import Feed
    from netopsy.feed.settings import Settings, settings

    found = settings()
    found = replace(found, token_file=token_file or found.token_file)
    require(
        public or found.token_file or _is_loopback(host),
        f"--host {host} can be reached by others: say --token-file FILE to let in only who has the token in it, "
        "or --public if all are meant",
    )
    require(not (public and found.token_file), "--public lets everybody in, --token-file does not: give one of them")
    require(
        not public or found.base_url.startswith("https://"),
        f"--public needs an https address in NETOPSY_BASE_URL, got {found.base_url}",
    )
    require(
        not public or found.mail, "--public needs NETOPSY_MAIL, by which those who ask for papers get their letters"
    )
    listening = _listening(host, port)
    with closing(listening), closing(Feed.open(found.database or None)) as feed:
        port = listening.getsockname()[1]
        if found.base_url == Settings().base_url:
            found = replace(found, base_url=f"http://{_named(host)}:{port}")
        address = _with_token(found.base_url, found.token_file) if found.token_file else found.base_url
        from netopsy.web import serving

        logging.basicConfig(format="netopsy: %(message)s", level=logging.WARNING)
        told = f"Papers by day are at {address} (Ctrl-C ends it)"
        serving.serve(feed, found, listening, workers=workers, slots=slots, ready=lambda: say(told))


def _named(host: str) -> str:
    """How an address line has it; a machine that listens at all its addresses is called by its name."""
    try:
        anywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host
    return socket.gethostname().lower() if anywhere else f"[{host}]" if ":" in host else host


def _with_token(address: str, file: str) -> str:
    """What is told: the token is in it once, when it is new."""
    from netopsy.web.admission import TOKEN, token_at

    token, new = token_at(file)
    return f"{address}/?{TOKEN}={token}" if new else f"{address}; its token is in {file}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise InputError(f"--host must be an address of this machine, got {host!r}") from None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except OSError as error:
        made.close()
        raise InputError(f"cannot listen at {host} port {port}: {error.strerror}") from None
    return made
