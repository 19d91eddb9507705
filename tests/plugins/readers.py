"""Subscribers that are there, as if they had pressed the link of their letter."""

from sqlalchemy import insert

from netopsy.feed import schema
from netopsy.feed.calendar import next_digest, zone_named
from netopsy.feed.database import writing


def join(engine, *names, now, kind="daily", hour=7, weekday=0, zone="UTC", interests="{}", due=None):
    """Who is called so, at example.org; the first digest falls due as it would after ``now``, or at ``due``."""
    if due is None:
        due = next_digest(now, zone_named(zone), hour=hour, weekday=weekday if kind == "weekly" else None)
    rows = [
        {"id": name, "address_hash": name, "address": f"{name}@example.org", "state": "active", "salt": "x"}
        | {"kind": kind, "hour": hour, "weekday": weekday, "zone": zone, "interests": interests}
        | {"created": now, "confirmed": now, "next_due": due}
        for name in names
    ]
    with writing(engine) as connection:
        connection.execute(insert(schema.subscriber), rows)
