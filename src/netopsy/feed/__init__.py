"""Papers by day: lists, ranking, search, sources; needs the extra ``web``.

`Feed.open` gives all of it as one object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netopsy.core.errors import InputError

if TYPE_CHECKING:
    from netopsy.feed.feed import Feed, Hit
    from netopsy.feed.lists import Entry

__all__ = ["Entry", "Feed", "Hit"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from netopsy.feed import feed
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("netopsy"):
            raise
        raise InputError(
            f"papers by day need {error.name}, which is not installed; pip install 'netopsy[web]' brings it"
        ) from error
    return getattr(feed, name)
