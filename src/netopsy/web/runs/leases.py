"""Which workers are dead: those that have not renewed a lease for as long as it is good, whatever clocks say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, select

from netopsy.feed import schema
from netopsy.feed.calendar import aware

LEASE = timedelta(seconds=30)
"""A worker that is not heard of for so long is dead."""
STEP = timedelta(seconds=1)
"""The most that counts between two looks: a clock that is set, and a machine that stood still, make nobody dead."""


@dataclass(frozen=True)
class Lease:
    """A run in the hands of a worker; another one with every sign of life."""

    run: str
    owner: str
    until: datetime


class Watch:
    """Looks at the leases again and again, and so knows how long each has been the same.

    It goes by its own looks, so that it does not matter how the clocks of two machines stand to each other, nor whether
    one is set forward or back in between.
    """

    def __init__(self) -> None:
        self._ages: dict[Lease, timedelta] = {}
        self._last: datetime | None = None

    def lost(self, engine: Engine, *, now: datetime) -> Sequence[Lease]:
        """The leases that are known to have stood still for `LEASE`; to be asked about every `STEP`."""
        moment, table = aware(now), schema.run.c
        passed = timedelta(0) if self._last is None else min(max(moment - self._last, timedelta(0)), STEP)
        self._last = moment
        query = select(table.id, table.owner, table.leased_until).where(table.state == "running")
        with engine.connect() as connection:
            held = [Lease(*row) for row in connection.execute(query)]
        self._ages = {each: self._ages[each] + passed if each in self._ages else timedelta(0) for each in held}
        return [each for each, age in self._ages.items() if age >= LEASE]
