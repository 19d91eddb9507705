"""Where a source may be asked: at its own host, encrypted, at an address that everybody can reach, looked up once."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

PORTS = {"https": 443, "http": 80}
_EMBEDDING = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that a gateway takes for the one of IPv4 in their last 32 bits."""


class AddressError(ValueError):
    """A source leads where it has no business to."""


@dataclass(frozen=True)
class Place:
    """What a host's name was found to mean: connect to these addresses, and do not look it up again."""

    host: str
    addresses: tuple[str, ...]
    """In the order in which they are to be tried."""


def place_of(address: str, source: str, *, own: bool) -> Place:
    """Where to connect for an address that a source was given or leads to.

    Args:
        source: the address that it was given: its host is the only one, its port and the usual ones the only ports.
        own: whether the operator named it; then it may be on a private network, and without encryption.

    Raises:
        AddressError: another host or port, no https, a name that is not found, or one that means a private address.
    """
    parts, given = _parts(address), _parts(source)
    host, scheme = parts.hostname or "", parts.scheme
    if host != given.hostname or not host:
        raise AddressError(f"it leads to another host, {parts.hostname}")
    if scheme not in PORTS or (scheme != "https" and not own):
        raise AddressError(f"it leads to {scheme}, and must be asked by https")
    port = parts.port or PORTS[scheme]
    if port not in (PORTS[scheme], given.port):
        raise AddressError(f"it leads to another port, {port}")
    try:
        looked_up = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressError(f"its host {host} is not found: {getattr(error, 'strerror', None) or error}") from None
    found = tuple(dict.fromkeys(str(each[4][0]) for each in looked_up))
    if not own and not all(map(public, found)):
        raise AddressError(f"its host {host} is on a private network")
    return Place(host, found)


def public(address: str) -> bool:
    """Whether an IP address is one that everybody can reach, also where it wraps another one.

    >>> public("93.184.215.14"), public("10.0.0.1"), public("::ffff:127.0.0.1"), public("64:ff9b::a00:1")
    (True, False, False, False)
    """
    try:
        own = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(own, ipaddress.IPv6Address):
        inner = own.ipv4_mapped or own.sixtofour
        if own in _EMBEDDING:
            inner = ipaddress.IPv4Address(int(own) & 0xFFFFFFFF)
        if inner is not None:
            return public(str(inner))
        if own.is_site_local:
            return False
    return own.is_global and not own.is_multicast


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port  # which is read only now, and may be none
        return parts
    except ValueError:
        raise AddressError("it leads to an address that is none") from None
