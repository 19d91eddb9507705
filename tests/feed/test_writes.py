"""That somebody wrote to the database is seen without asking its tables."""

import threading
from contextlib import suppress

from sqlalchemy import insert, select

from netopsy.feed import Feed, schema
from netopsy.feed.database import open_database, writing
from netopsy.feed.writes import Writes


def note(engine, name):
    with writing(engine) as connection:
        connection.execute(insert(schema.setting).values(name=name, value="1"))


def test_it_is_another_number_once_anybody_wrote(database_url):
    feed, other = Feed.open(database_url), open_database(database_url)
    if not database_url.startswith("sqlite"):
        assert feed.writes.seen() is None
        feed.close()
        return
    seen = [feed.writes.seen()]
    with other.connect() as connection:
        assert connection.scalars(select(schema.setting.c.name)).all()
    assert feed.writes.seen() == seen[0]  # to read changes nothing
    for place, engine in enumerate((other, feed.engine)):
        note(engine, f"note {place}")
        seen.append(feed.writes.seen())
        assert feed.writes.seen() == seen[-1]
    assert len(set(seen)) == 3
    threads = [threading.Thread(target=lambda: [feed.writes.seen() for _ in range(100)]) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert feed.writes.seen() == seen[-1]
    other.dispose()
    feed.close()


def test_what_is_undone_is_no_write_and_without_a_file_only_the_tables_can_tell(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/papers.db")
    watched = Writes(engine)
    before = watched.seen()
    with suppress(KeyError), writing(engine) as connection:
        connection.execute(insert(schema.setting).values(name="x", value="1"))
        raise KeyError
    assert watched.seen() == before
    watched.close()
    assert watched.seen() is not None  # it looks again
    watched.close()
    assert Writes(open_database("sqlite:///:memory:")).seen() is None
    engine.dispose()
