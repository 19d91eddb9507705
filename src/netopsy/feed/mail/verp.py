"""Return paths that say whose letter did not arrive, and that only the holder of the key can make."""

from __future__ import annotations

import hmac
import re

from netopsy.feed.mail.headers import named_mailbox
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings

_FORM = re.compile(r"bounce\+([0-9a-z-]{1,32})\.([0-9a-f]{16})@[^@\s]+")


def domain_of(settings: Settings) -> str:
    """The domain of the sender; what Message-IDs and return paths are under."""
    return named_mailbox(settings.sender)[1].rpartition("@")[2]


def return_path(secret: Secret, settings: Settings, subscriber_id: str) -> str:
    """Where servers report that letters to that subscriber do not arrive."""
    return f"bounce+{subscriber_id}.{_tag(secret, subscriber_id)}@{domain_of(settings)}"


def subscriber_of_return_path(secret: Secret, address: str) -> str | None:
    """Whose return path that is; ``None`` where it is none, or was not made with this key.

    >>> own = Secret("00" * 32, ("11" * 32,))
    >>> path = return_path(own, Settings(), "ab12")
    >>> subscriber_of_return_path(own, path), subscriber_of_return_path(own, path.replace("ab12", "ab13"))
    ('ab12', None)
    """
    found = _FORM.fullmatch(address.strip().strip("<>").lower())
    if found is None or not hmac.compare_digest(found[2], _tag(secret, found[1])):
        return None
    return found[1]


def _tag(secret: Secret, subscriber_id: str) -> str:
    return secret.hashed(subscriber_id, purpose="bounce")[:16]
