"""Asking a source over the network: politely, no more than it may send, nowhere that it has no business to lead to."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

from sqlalchemy import Engine, select

import netopsy
from netopsy.core.texts import plain, shortened
from netopsy.feed import schema
from netopsy.feed.calendar import aware, clock
from netopsy.feed.database import writing
from netopsy.feed.reaching import AddressError, Place, place_of
from netopsy.feed.store import put

if TYPE_CHECKING:
    import httpx2

LARGEST = 16 << 20
"""Bytes of an answer, unpacked."""
PATIENCE = 30.0
"""Seconds for an answer to begin, and between its parts."""
LONGEST_ANSWER = 600.0
"""Seconds for an answer to be whole."""
FIRST_WAIT, LONGEST_WAIT = 3.0, 3600.0
MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class SourceError(Exception):
    """A source did not answer as it should; the message says how, ``wait`` is how long it asks to be left alone."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(shortened(plain(message), 300))
        self.wait = wait


@dataclass(frozen=True)
class Endpoint:
    """Where a source is asked."""

    url: str
    own: bool = False
    """Whether the operator named it: then it may be on a private network, and without encryption."""
    gap: float = 0.0
    """Seconds between two questions, of all processes together."""
    shared: str = ""
    """The name under which several sources keep that distance together."""


@dataclass(frozen=True)
class Answer:
    """What a source sent."""

    body: bytes
    headers: Mapping[str, str]

    def xml(self) -> Element:
        """The body as XML, without entities of its own; raises `SourceError` for anything else."""
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring

        try:
            found: Element = fromstring(self.body)
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
            raise SourceError(f"the answer is not XML: {error}") from None
        return found


class Fetcher:
    """Asks sources for one database."""

    def __init__(
        self,
        engine: Engine,
        *,
        contact: str = "",
        sleep: Callable[[float], object] = time.sleep,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        import httpx2  # only whoever asks a source waits for it

        self.engine, self.sleep = engine, sleep
        about = f"; mailto:{plain(contact)}" if contact else ""
        self.client = httpx2.Client(
            headers={
                "User-Agent": f"netopsy/{netopsy.__version__} (daily papers{about})",
                "Accept-Encoding": "gzip, deflate",
            },
            timeout=PATIENCE,
            limits=httpx2.Limits(max_keepalive_connections=0),  # one of another host may be at the same address
            follow_redirects=False,
            trust_env=False,
            verify=_trusted(),
            transport=transport,
        )

    def get(
        self,
        endpoint: Endpoint,
        now: datetime,
        *,
        path: str = "",
        parameters: Mapping[str, str | int] | None = None,
        known: Mapping[str, str] | None = None,
    ) -> Answer | None:
        """The answer to a question; ``None`` where nothing is newer than what is ``known``.

        Args:
            known: ``etag`` and ``last-modified`` of the answer before.

        Raises:
            SourceError: any other answer than the one that is wanted, or none.
        """
        import httpx2

        asked = {"params": dict(parameters)} if parameters else {}  # none would take away what the address has
        try:
            address = str(httpx2.URL(endpoint.url + path, **asked))
        except httpx2.InvalidURL:
            raise SourceError("its address is none") from None
        headers: dict[str, str] = {}
        if known:
            headers |= {"If-None-Match": known["etag"]} if known.get("etag") else {}
            headers |= {"If-Modified-Since": known["last-modified"]} if known.get("last-modified") else {}
        for _ in range(MOST_REDIRECTS + 1):
            place = _place(address, endpoint)
            self._take_turn(endpoint, now)
            try:
                with self._asked(address, place, headers) as response:
                    if response.status_code in REDIRECTS:
                        address = _joined(address, response.headers.get("location", ""))
                        continue
                    answer = _answer(response)
                    if answer is None and not known:
                        raise SourceError("it says that nothing is newer (304), and was not asked that")
                    return answer
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise SourceError(f"it cannot be reached: {error or type(error).__name__}") from None
        raise SourceError(f"it leads on more than {MOST_REDIRECTS} times")

    @contextmanager
    def _asked(self, address: str, place: Place, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """The answer of the first of the addresses that were looked up, and of no other, that takes the connection."""
        import httpx2

        asked = httpx2.URL(address)
        named = {"Host": asked.netloc.decode("ascii")} | dict(headers)
        for number, own in enumerate(place.addresses, 1):
            request = self.client.build_request(
                "GET", asked.copy_with(host=own), headers=named, extensions={"sni_hostname": place.host}
            )
            try:
                response = self.client.send(request, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if number == len(place.addresses):
                    raise
                continue
            try:
                yield response
            finally:
                response.close()
            return

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _take_turn(self, endpoint: Endpoint, now: datetime) -> None:
        """Wait until nobody has asked for as long as the source wants."""
        if not endpoint.gap:
            return
        state, name, gap = schema.source_state, f"{endpoint.shared or endpoint.url}#turn"[:40], endpoint.gap
        moment = clock().astimezone(aware(now).tzinfo)  # a distance in real time, whatever day is asked for
        with writing(self.engine) as connection:
            free = connection.scalar(select(state.c.next_try).where(state.c.source == name).with_for_update())
            start = max(moment, free) if free and free - moment < timedelta(seconds=60 * gap) else moment
            row = {"source": name, "failures": 0, "next_try": start + timedelta(seconds=gap)}
            put(connection, state, [row], ("source",))
        if start > moment:
            self.sleep((start - moment).total_seconds())


@cache
def _trusted() -> ssl.SSLContext:
    """Whom this system trusts, whatever the environment says; reading that takes longer than many an answer."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=False)


def _place(address: str, endpoint: Endpoint) -> Place:
    try:
        return place_of(address, endpoint.url, own=endpoint.own)
    except AddressError as error:
        raise SourceError(str(error)) from None


def _joined(address: str, location: str) -> str:
    try:
        return urljoin(address, location)
    except ValueError:
        raise SourceError("it leads to an address that is none") from None


def _answer(response: httpx2.Response) -> Answer | None:
    if response.status_code == 304:
        return None
    if response.status_code in (429, 503):
        raise SourceError(f"it asks to be left alone ({response.status_code})", _wait(response.headers))
    if response.status_code != 200:
        raise SourceError(f"it answers {response.status_code}", _wait(response.headers))
    packed = response.headers.get("content-encoding", "").strip().casefold()
    if packed not in ("", "identity", "gzip", "deflate"):  # packed twice, little is very much
        raise SourceError(f"its answer is packed as {packed}")
    body, start = bytearray(), time.monotonic()
    for chunk in response.iter_bytes(1 << 16):
        body += chunk
        if time.monotonic() - start > LONGEST_ANSWER:
            raise SourceError(f"its answer takes longer than {LONGEST_ANSWER:.0f} seconds")
        if len(body) > LARGEST:
            raise SourceError(f"its answer is larger than {LARGEST >> 20} MB")
    return Answer(bytes(body), {name.lower(): value for name, value in response.headers.items()})


def _wait(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    if value.isdecimal():
        return float(min(int(value[:10]), 86_400))
    try:
        when = parsedate_to_datetime(value)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, min((when - datetime.now(UTC)).total_seconds(), 86_400.0))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def wait_after(failures: int, wanted: float | None, seed: str) -> float:
    """Seconds to leave a source alone after so many failures in a row: what it wants, or 3 x 2^k and up to twice that.

    >>> wait_after(1, 120.0, "x"), 3.0 <= wait_after(1, None, "x") <= 6.0, wait_after(40, None, "x")
    (120.0, True, 3600.0)
    """
    if wanted is not None:
        return wanted
    base = FIRST_WAIT * 2.0 ** min(failures - 1, 20)
    return min(LONGEST_WAIT, base * (1 + random.Random(f"{seed}{failures}").random()))


def state_of(engine: Engine, source: str) -> dict[str, Any]:
    """What is stored of a source: how it answered last, and where a long list was left."""
    with engine.connect() as connection:
        row = connection.execute(select(schema.source_state).where(schema.source_state.c.source == source)).first()
    return dict(row._mapping) if row else {"source": source, "failures": 0}


def answered(engine: Engine, source: str, now: datetime, **changes: Any) -> None:
    """Note that a source answered."""
    row = {"failures": 0, "next_try": None, "last_answer": aware(now), "trouble": None} | changes
    _store(engine, source, row)


def failed(engine: Engine, source: str, now: datetime, trouble: SourceError) -> None:
    """Note that it did not, and when it may be asked again."""
    failures = int(state_of(engine, source)["failures"]) + 1
    wait = timedelta(seconds=wait_after(failures, trouble.wait, source))
    _store(engine, source, {"failures": failures, "next_try": aware(now) + wait, "trouble": str(trouble)})


def _store(engine: Engine, source: str, row: dict[str, Any]) -> None:
    with writing(engine) as connection:
        put(connection, schema.source_state, [{"source": source, "failures": 0} | row], ("source",))
