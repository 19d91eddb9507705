"""Letters on their way: each once, none lost, and what is said of those of which nobody knows."""

import json
import multiprocessing
import random
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import insert, select, update

from netopsy import InputError
from netopsy.feed import schema
from netopsy.feed.database import open_database, writing
from netopsy.feed.mail.answers import Answer, Outcome, Transport
from netopsy.feed.mail.maildir import Maildir
from netopsy.feed.mail.outbox import letters, resend, send_due
from netopsy.feed.mail.plan import plan
from netopsy.feed.mail.verp import return_path, subscriber_of_return_path
from netopsy.feed.records import record
from netopsy.feed.settings import Settings
from netopsy.feed.store import ingest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PAPERS = ("2611.00001", "2611.00002", "2611.00003")


class Told(Transport):
    """A way for letters that answers as it is told, and keeps what it was given."""

    def __init__(self, *outcomes):
        self.outcomes, self.got = list(outcomes), []

    def send(self, envelope):
        self.got.append(envelope)
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome.SENT
        return Answer(outcome, f"as told: {outcome.value}")

    def close(self):
        pass


@pytest.fixture
def own(empty_url):
    engine = open_database(empty_url)
    day = date(2026, 11, 27)
    ingest(engine, [record("file", names=[name], title=f"Paper {name}", day=day) for name in PAPERS], now=NOW)
    yield engine
    engine.dispose()


@pytest.fixture
def chosen(tmp_path):
    return Settings(
        base_url="https://papers.example.org",
        sender="netopsy <papers@example.org>",
        secret_file=str(tmp_path / "secret"),
    )


def subscribe(engine, many=1, *, state="active"):
    names = [f"{number:032x}" for number in range(many)]
    rows = [
        {
            "id": name,
            "address_hash": name,
            "address": f"reader{number}@example.org",
            "state": state,
            "kind": "daily",
            "hour": 7,
            "weekday": 0,
            "zone": "UTC",
            "interests": "{}",
            "salt": "salt",
            "created": NOW,
        }
        for number, name in enumerate(names)
    ]
    with writing(engine) as connection:
        connection.execute(insert(schema.subscriber), rows)
    return names


def digests(engine, many=1, *, papers=(), order=None):
    payload = {"title": "Papers of today", "note": ""} | ({} if order is None else {"order": order})
    with writing(engine) as connection:
        for name in subscribed(connection)[:many]:
            options = {"period": "2026-11-28", "payload": payload, "now": NOW, "domain": "example.org"}
            letter = plan(connection, "digest", who=name, subscriber=name, **options)
            for paper in papers:
                connection.execute(insert(schema.delivery_paper).values(subscriber=name, paper=paper, delivery=letter))


def subscribed(connection):
    return list(connection.scalars(select(schema.subscriber.c.id).order_by(schema.subscriber.c.id)))


def confirmation(engine, kind="confirm"):
    with writing(engine) as connection:
        payload = {"link": "https://papers.example.org/confirm/abc"}
        options = {"payload": payload, "now": NOW, "domain": "example.org"}
        return plan(connection, kind, who="hash", period="x", address="new@example.org", **options)


def rows(engine):
    with engine.connect() as connection:
        return list(connection.execute(select(schema.delivery).order_by(schema.delivery.c.id)))


def states(engine):
    return [row.state for row in rows(engine)]


def test_a_digest_goes_out_once_with_its_papers_in_order_and_a_link_that_is_the_readers_own(own, chosen):
    (reader,) = subscribe(own)
    ids = [f"arxiv:{name}" for name in PAPERS]
    digests(own, papers=ids, order=[ids[2], ids[0], ids[1]])
    way = Told()
    assert send_due(own, chosen, way, now=NOW).sent == 1
    assert send_due(own, chosen, way, now=NOW).sent == 0
    (envelope,) = way.got
    message = message_from_bytes(envelope.content, policy=default)
    text = message.get_body(("plain",)).get_content()
    assert [text.index(f"Paper {PAPERS[each]}") for each in (2, 0, 1)] == sorted(
        text.index(f"Paper {one}") for one in PAPERS
    )
    token = str(message["List-Unsubscribe"]).removesuffix(">").rpartition("/")[2]
    assert chosen.secret().read("unsubscribe", token, now=NOW) == [reader, "salt"]
    assert subscriber_of_return_path(chosen.secret(), envelope.sender) == reader
    (row,) = rows(own)
    assert (row.state, row.sent, row.tries, row.message_id) == ("sent", NOW, 1, envelope.message_id)


def test_without_an_order_papers_stand_by_their_votes(own, chosen):
    subscribe(own)
    with writing(own) as connection:
        connection.execute(insert(schema.account).values(id="ann", created=NOW))
        connection.execute(insert(schema.vote).values(paper=f"arxiv:{PAPERS[1]}", account="ann", at=NOW))
    digests(own, papers=[f"arxiv:{name}" for name in PAPERS])
    way = Told()
    send_due(own, chosen, way, now=NOW)
    text = message_from_bytes(way.got[0].content, policy=default).get_body(("plain",)).get_content()
    assert [text.index(f"Paper {PAPERS[each]}") for each in (1, 0, 2)] == sorted(
        text.index(f"Paper {one}") for one in PAPERS
    )


def test_what_is_put_off_is_tried_after_1_5_25_minutes_2_10_24_hours_and_then_given_up(own, chosen):
    subscribe(own)
    digests(own, papers=[f"arxiv:{PAPERS[0]}"])
    way, moment, waited = Told(*[Outcome.AGAIN] * 9), NOW, []
    while states(own) != ["failed"]:
        send_due(own, chosen, way, now=moment)
        (row,) = rows(own)
        if row.state == "retry":
            assert (
                send_due(own, chosen, way, now=row.next_try - timedelta(seconds=1))
                == type(send_due(own, chosen, way, now=moment))()
            )
            waited.append((row.next_try - moment).total_seconds() / 60)
            moment = row.next_try
    assert waited == [1, 5, 25, 120, 600, 1440]
    assert len({each.message_id for each in way.got}) == 1
    assert [each.again for each in way.got] == [False] + [True] * 6
    with own.connect() as connection:  # what was never sent may come in another letter
        assert connection.execute(select(schema.delivery_paper)).all() == []


@pytest.mark.parametrize(("outcome", "standing"), [(Outcome.REFUSED, "suspended"), (Outcome.REJECTED, "active")])
def test_a_mailbox_that_is_none_suspends_its_reader_and_a_letter_that_is_not_wanted_does_not(
    own, chosen, outcome, standing
):
    subscribe(own)
    digests(own)
    assert send_due(own, chosen, Told(outcome), now=NOW).failed == 1
    with own.connect() as connection:
        assert connection.scalar(select(schema.subscriber.c.state)) == standing
    assert states(own) == ["failed"]
    assert rows(own)[0].reply == f"as told: {outcome.value}"


@pytest.mark.parametrize("state", ["pending", "suspended", "gone"])
def test_who_is_not_active_gets_no_digest(own, chosen, state):
    subscribe(own, state=state)
    digests(own)
    way = Told()
    send_due(own, chosen, way, now=NOW)
    assert (way.got, states(own)) == ([], ["failed"])


def test_who_leaves_while_letters_go_out_gets_none(own, chosen):
    readers = subscribe(own, 3)
    digests(own, 3)

    class Leaving(Told):
        def send(self, envelope):
            with writing(own) as connection:
                connection.execute(update(schema.subscriber).values(state="gone", address=None))
            return super().send(envelope)

    way = Leaving()
    assert send_due(own, chosen, way, now=NOW).sent == 1
    assert len(way.got) == 1 < len(readers)


def test_a_digest_without_an_answer_is_uncertain_until_somebody_resends_it(own, chosen):
    subscribe(own)
    digests(own, papers=[f"arxiv:{PAPERS[0]}"])
    way = Told(Outcome.UNCERTAIN)
    assert send_due(own, chosen, way, now=NOW).uncertain == 1
    send_due(own, chosen, way, now=NOW + timedelta(days=9))
    assert len(way.got) == 1
    (listed,) = letters(own, state="uncertain")
    assert listed["message_id"] == way.got[0].message_id
    assert not any("@example.org" in str(value) for name, value in listed.items() if name != "message_id")
    with own.connect() as connection:
        assert len(connection.execute(select(schema.delivery_paper)).all()) == 1
    resend(own, listed["id"], now=NOW + timedelta(days=9))
    assert send_due(own, chosen, way, now=NOW + timedelta(days=9)).sent == 1
    assert way.got[0].message_id == way.got[1].message_id
    with pytest.raises(InputError, match="no uncertain letter is called"):
        resend(own, listed["id"], now=NOW)
    with pytest.raises(InputError, match="unknown state of a letter 'lost'"):
        letters(own, state="lost")


@pytest.mark.parametrize("kind", ["confirm", "sign-in"])
def test_a_letter_with_a_link_is_sent_again_rather_than_not_at_all_and_its_address_is_dropped(own, chosen, kind):
    confirmation(own, kind)
    way = Told(Outcome.UNCERTAIN)
    assert send_due(own, chosen, way, now=NOW).retry == 1
    assert send_due(own, chosen, way, now=NOW + timedelta(minutes=1)).sent == 1
    assert len({each.message_id for each in way.got}) == 1
    assert {each.to for each in way.got} == {"new@example.org"}
    assert rows(own)[0].address is None


def test_a_link_that_is_no_longer_good_is_not_sent_after_days(own, chosen):
    confirmation(own, "sign-in")
    way, moment = Told(*[Outcome.AGAIN] * 9), NOW
    for _ in range(9):
        send_due(own, chosen, way, now=moment)
        moment = rows(own)[0].next_try
    assert len(way.got) == 3
    assert (states(own), rows(own)[0].address) == (["failed"], None)


def die(own, chosen, moment=NOW):
    class Dying(Told):
        def send(self, envelope):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_due(own, chosen, Dying(), now=moment)


def test_what_a_dead_sender_held_is_free_again_and_what_it_began_is_settled_when_its_lease_is_over(
    own, chosen, tmp_path
):
    subscribe(own, 3)
    digests(own, 3)
    die(own, chosen)
    assert sorted(states(own)) == ["planned", "planned", "sending"]
    way = Told()
    assert send_due(own, chosen, way, now=NOW + timedelta(minutes=1)).sent == 2
    assert sorted(states(own)) == ["sending", "sent", "sent"]
    send_due(own, chosen, way, now=NOW + timedelta(minutes=16))
    assert sorted(states(own)) == ["sent", "sent", "uncertain"]
    assert len(way.got) == 2


def test_into_a_folder_what_was_begun_is_simply_written_again(own, chosen, tmp_path):
    subscribe(own)
    digests(own)
    die(own, chosen)
    folder = Maildir(tmp_path / "mail")
    assert send_due(own, chosen, folder, now=NOW + timedelta(minutes=16)).sent == 1
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 1
    confirmation(own)
    die(own, chosen, NOW + timedelta(minutes=20))
    assert send_due(own, chosen, Told(), now=NOW + timedelta(minutes=40)).sent == 1


def test_a_server_that_is_away_costs_one_letter_a_try_and_not_all(own, chosen):
    subscribe(own, 5)
    digests(own, 5)
    way = Told(Outcome.UNREACHABLE)
    done = send_due(own, chosen, way, now=NOW)
    assert (done.retry, done.trouble, len(way.got)) == (1, "as told: unreachable", 1)
    assert sorted(states(own)) == ["planned"] * 4 + ["retry"]
    assert send_due(own, chosen, way, now=NOW).sent == 4


def test_a_letter_that_cannot_be_written_fails_and_is_not_lost_among_the_others(own, chosen):
    subscribe(own, 2)
    digests(own, 2)
    with writing(own) as connection:
        first = schema.subscriber.c.id == f"{0:032x}"
        connection.execute(update(schema.subscriber).where(first).values(address="a@b.org\r\nBcc: e@x.org"))
    done = send_due(own, chosen, Told(), now=NOW)
    assert (done.sent, done.failed) == (1, 1)
    assert not any("x.org" in (row.reply or "") for row in rows(own))


def test_links_go_before_digests_and_the_limit_is_kept(own, chosen):
    subscribe(own, 4)
    digests(own, 4)
    confirmation(own)
    way = Told()
    assert send_due(own, chosen, way, now=NOW, limit=3).sent == 3
    assert way.got[0].to == "new@example.org"
    with pytest.raises(InputError, match="limit must be"):
        send_due(own, chosen, way, now=NOW, limit=0)


def test_two_senders_at_once_send_nothing_twice(own, chosen, empty_url):
    subscribe(own, 60)
    digests(own, 60)
    ways = [Told(), Told(), Told()]

    def work(way):
        engine = open_database(empty_url)
        while send_due(engine, chosen, way, now=NOW, limit=8).sent:
            time.sleep(0.001)
        engine.dispose()

    threads = [threading.Thread(target=work, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = [envelope.to for way in ways for envelope in way.got]
    assert sorted(got) == sorted({f"reader{number}@example.org" for number in range(60)})
    assert set(states(own)) == {"sent"}


def _send_until_killed(url, chosen, way, moment, begun):
    engine = open_database(url)
    send_due(engine, chosen, way, now=moment, limit=1)
    begun.set()
    while send_due(engine, chosen, way, now=moment, limit=20).sent:
        pass


KILLS, MANY = 3, 60
"""As many as take some seconds; 20 and 1,000 came out the same. At a server: see test_month.py."""


def test_a_sender_that_is_killed_leaves_each_letter_once_in_the_folder(own, chosen, tmp_path):
    subscribe(own, MANY)
    digests(own, MANY)
    url, draw, moment = str(own.url), random.Random(3), NOW
    around = multiprocessing.get_context("fork")
    own.dispose()
    folder = Maildir(tmp_path / "mail")
    for _ in range(KILLS):
        begun = around.Event()
        sender = around.Process(target=_send_until_killed, args=(url, chosen, folder, moment, begun))
        sender.start()
        assert begun.wait(30)
        time.sleep(draw.random() * 0.05)
        sender.kill()
        sender.join()
        moment += timedelta(hours=1)
    assert "sent" in states(own)
    while send_due(own, chosen, folder, now=moment).sent:
        pass
    got = [message_from_bytes(file.read_bytes(), policy=default) for file in (tmp_path / "mail" / "new").iterdir()]
    assert sorted(message["To"] for message in got) == sorted(f"reader{number}@example.org" for number in range(MANY))
    assert set(states(own)) == {"sent"}


def test_a_return_path_is_believed_only_with_its_tag(chosen, tmp_path):
    secret, other = chosen.secret(), replace(chosen, secret_file=str(tmp_path / "other")).secret()
    path = return_path(secret, chosen, "ab" * 16)
    assert len(path.partition("@")[0]) <= 64
    assert subscriber_of_return_path(secret, f"<{path.upper()}>") == "ab" * 16
    assert subscriber_of_return_path(other, path) is None
    for odd in ("", "bounce@example.org", path.replace("ab", "ba", 1), path + "\n" + path, "bounce+a.b@c", "é" + path):
        assert subscriber_of_return_path(secret, odd) is None


def test_what_is_listed_can_be_written_as_json(own, chosen):
    confirmation(own)
    assert json.loads(json.dumps(letters(own), default=str))[0]["state"] == "planned"
