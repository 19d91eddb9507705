"""What readers write, cleaned, and as HTML that can do nothing."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING

from netopsy.core.errors import require

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST = 4_000
"""Characters of a comment."""
TAGS = frozenset(["p", "em", "strong", "code", "pre", "a", "ul", "ol", "li", "blockquote", "br"])
RELATION = "nofollow ugc noopener"
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Control characters, changes of direction, what marks text invisibly, halves of characters."""
_BLANK = re.compile(
    r"[\s\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u206f\u2800\u3164\uffa0]+"
)


def cleaned(text: str, *, what: str = "a comment", longest: int = LONGEST) -> str:
    """What was written, without what cannot be seen or would steer a page.

    Raises:
        InputError: nothing is left, or it is too long.
    """
    lines = re.sub("\r\n?|[\u2028\u2029]", "\n", text)
    found = seen(lines).strip()
    require(_BLANK.sub("", found), f"{what} needs a few words")
    require(len(found) <= longest, f"{what} may have {longest:,} characters, got {len(found):,}")
    return found


def seen(text: str) -> str:
    """``text`` without control characters other than line ends, changes of direction, and halves of characters.

    >>> seen("a\\u202eb\\x00")
    'ab'
    """
    return _UNSEEN.sub("", text)


def rendered(text: str) -> str:
    """CommonMark as HTML: paragraphs, emphasis, code, quotes, lists and links to http and https; anything else is text.

    Raises:
        InputError: nothing of it can be seen.

    >>> rendered("*a* <b>c</b>")
    '<p><em>a</em> &lt;b&gt;c&lt;/b&gt;</p>'
    """
    import nh3

    clean = nh3.clean(
        _reader().render(text),
        tags=set(TAGS),
        clean_content_tags=set(),
        attributes={"a": {"href"}, "*": set()},
        attribute_filter=lambda tag, name, value: value if name == "rel" or _leads_out(value) else None,
        url_schemes={"http", "https"},
        link_rel=RELATION,
    )
    made = seen(clean).strip()  # written as &#x202e; it was not seen before
    require(_BLANK.sub("", html.unescape(re.sub("<[^>]*>", "", made))), "a comment needs a few words")
    return made


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).disable(["image", "heading", "lheading", "hr"])
    made.validateLink = _leads_out  # type: ignore[method-assign, assignment]
    return made


def _leads_out(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))
