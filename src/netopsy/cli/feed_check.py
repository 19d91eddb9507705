"""`netopsy feed check`: how a feed stands, and what is wrong with how it is set up."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import typer

from netopsy.cli.terminal import complain, say
from netopsy.core.errors import InputError

if TYPE_CHECKING:
    from netopsy.feed import Feed
    from netopsy.feed.settings import Settings


def register(group: typer.Typer) -> None:
    """Add the command to the group of the feed."""
    group.command()(check)


def check() -> int:
    """Read the settings back, try the database, the index and the way for letters, and say what is wrong with them."""
    from netopsy.feed import Feed

    open_feed = Feed.open  # says so where the extra is missing
    from sqlalchemy.exc import DBAPIError

    from netopsy.feed.checking import troubles_of, troubles_of_settings
    from netopsy.feed.settings import settings

    found = settings()
    _tell_settings(found)
    wrong = list(troubles_of_settings(found))
    try:
        with closing(open_feed(found.database or None)) as feed:
            _tell_feed(feed)
            wrong += troubles_of(feed)
    except InputError as error:
        wrong.append(str(error))
    except DBAPIError as error:
        wrong.append(f"the feed's database does not answer: {error.orig}")
    for each in wrong:
        complain(each)
    return 2 if wrong else 0


def answered(state: dict[str, Any]) -> str:
    """When a source last answered."""
    return f"{state['last_answer']:%Y-%m-%d %H:%M} UTC" if state["last_answer"] else "never"


def _tell_settings(found: Settings) -> None:
    kind, _, where = found.mail.partition(":")
    say(f"address    {found.base_url}")
    say(f"letters    {f'{kind}:{where.rpartition(chr(64))[2]}' if kind else 'into a folder'}, from {found.sender}")


def _tell_feed(feed: Feed) -> None:
    from netopsy.catalogue.search import searches_by_meaning

    state, behind = feed.index.state(), feed.index.behind(feed.engine)
    say(f"database   {feed.engine.url.render_as_string(hide_password=True)}")
    say(f"days       dates in {feed.zone}")
    counts = f"{state.papers:,} papers, {state.understood:,} by meaning, {behind:,} behind"
    say(f"index      {feed.index.folder}: {counts}")
    installed = searches_by_meaning()
    say(f"meaning    {'read by the sentence encoder' if installed else 'not installed: netopsy[search]'}")
    for each in feed.sources():
        trouble = f"{each['trouble']}; " if each["trouble"] else ""
        say(f"source     {each['source']}: {trouble}last answered {answered(each)}")
