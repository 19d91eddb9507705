"""What goes wrong around letters and accounts: clocks, deleted accounts, hidden papers, zones that are gone."""

import shutil
from datetime import UTC, date, datetime, timedelta

import pytest
from readers import join
from sqlalchemy import select, update

from netopsy import InputError
from netopsy.feed import accounts, comments, schema, shelf, submissions, subscriptions, votes
from netopsy.feed.database import open_database, writing
from netopsy.feed.digest import plan_due
from netopsy.feed.mail.answers import Answer, Outcome, Transport
from netopsy.feed.mail.outbox import send_due
from netopsy.feed.mail.plan import plan
from netopsy.feed.records import record
from netopsy.feed.settings import Settings
from netopsy.feed.store import ingest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PAPER = "arxiv:2611.00001"
YEARS = timedelta(days=3650)


class Kept(Transport):
    """Keeps what it is given."""

    def __init__(self, meanwhile=None):
        self.got, self.meanwhile = [], meanwhile

    def send(self, envelope):
        self.got.append(envelope)
        if self.meanwhile:
            self.meanwhile()
        return Answer(Outcome.SENT, "")

    def close(self):
        pass


@pytest.fixture
def own(empty_database, tmp_path):
    engine = open_database(f"sqlite:///{shutil.copy(empty_database, tmp_path / 'papers.db')}")
    papers = [record("file", names=[f"2611.0000{each}"], title=f"Of nets {each}", day=NOW.date()) for each in (1, 2)]
    ingest(engine, papers, now=NOW)
    yield engine
    engine.dispose()


@pytest.fixture
def chosen(tmp_path):
    return Settings(base_url="https://papers.example.org", secret_file=str(tmp_path / "secret"))


def rows(engine, table):
    with engine.connect() as connection:
        return connection.execute(select(table)).mappings().all()


def hide(engine, *numbers):
    from netopsy.feed import moderation

    for number in numbers:
        moderation.hide(engine, f"2611.0000{number}", by="local", reason="x", now=NOW)


def test_an_account_that_was_deleted_meanwhile_comes_back_by_nothing(own):
    gone = "0123456789abcdef" * 2
    with writing(own) as connection:
        made = [votes.cast, shelf.save]
        for each in made:
            with pytest.raises(InputError, match="has been deleted"):
                each(connection, *((PAPER, gone) if each is votes.cast else (gone, PAPER)), NOW)
    for call in (
        lambda: comments.write(own, PAPER, gone, "Of note.", now=NOW),
        lambda: submissions.submit(own, "2611.00009", gone, now=NOW),
    ):
        with pytest.raises(InputError, match="has been deleted"):
            call()
    assert rows(own, schema.account) == []


def test_a_digest_whose_papers_were_hidden_meanwhile_is_not_sent_and_they_may_come_later(own, chosen):
    join(own, "ada", now=NOW, due=NOW)
    assert plan_due(own, chosen, None, now=NOW) == 1
    hide(own, 1, 2)
    way = Kept()
    assert send_due(own, chosen, way, now=NOW).failed == 1
    assert (way.got, rows(own, schema.delivery_paper)) == ([], [])


def test_a_paper_that_is_hidden_between_two_letters_is_not_in_the_second(own, chosen):
    join(own, "ada", "bob", now=NOW, due=NOW)
    assert plan_due(own, chosen, None, now=NOW) == 2
    way = Kept(meanwhile=lambda: hide(own, 1))
    assert send_due(own, chosen, way, now=NOW).sent == 2
    assert [b"Of nets 1" in each.content for each in way.got] == [True, False]


def test_a_subscriber_in_a_zone_that_is_gone_keeps_nobody_from_a_digest(own, chosen):
    join(own, "ada", zone="Mars/Olympus", due=NOW - timedelta(1), now=NOW)
    join(own, "bob", now=NOW, due=NOW)
    assert plan_due(own, chosen, None, now=NOW) == 1
    due = {row["id"]: row["next_due"] for row in rows(own, schema.subscriber)}
    assert due["ada"] == NOW + timedelta(1)


def test_a_clock_that_was_years_ahead_keeps_no_digest_and_no_letter_back(own, chosen):
    join(own, "ada", "bob", now=NOW, due=NOW)
    way = Kept()
    ahead = NOW + YEARS
    assert plan_due(own, chosen, None, now=ahead) == 2
    with writing(own) as connection:  # one of them was taken up by a sender that did not end
        one = connection.scalar(select(schema.delivery.c.id).where(schema.delivery.c.subscriber == "bob"))
        held = {"state": "sending", "owner": "x", "leased_until": ahead + timedelta(minutes=15)}
        connection.execute(update(schema.delivery).where(schema.delivery.c.id == one).values(**held))
    assert send_due(own, chosen, way, now=NOW).sent == 1
    assert {row["state"] for row in rows(own, schema.delivery)} == {"sent", "uncertain"}
    ingest(own, [record("file", names=["2611.00003"], title="Newer", day=date(2026, 11, 29))], now=NOW)
    morning = NOW + timedelta(days=1)
    plan_due(own, chosen, None, now=NOW)
    assert all(row["next_due"] <= NOW + timedelta(days=1) for row in rows(own, schema.subscriber))
    plan_due(own, chosen, None, now=morning)
    send_due(own, chosen, way, now=morning)
    assert sum(b"Newer" in each.content for each in way.got) == 2


@pytest.mark.parametrize(("kind", "late"), [("sign-in", timedelta(minutes=16)), ("confirm", timedelta(hours=25))])
def test_a_link_that_is_over_is_not_sent(own, chosen, kind, late):
    with writing(own) as connection:
        payload = {"link": "https://papers.example.org/x"}
        options = {"payload": payload, "now": NOW, "domain": "example.org", "address": "ada@example.org"}
        plan(connection, kind, who="x", period="x", **options)
    way = Kept()
    send_due(own, chosen, way, now=NOW + late)
    (row,) = rows(own, schema.delivery)
    assert (way.got, row["state"], row["address"]) == ([], "failed", None)


def test_a_link_written_while_the_clock_was_ahead_signs_nobody_in(own, chosen):
    assert accounts.ask(own, chosen, chosen.secret(), "ada@example.org", visitor="x", now=NOW + YEARS)
    way = Kept()
    send_due(own, chosen, way, now=NOW + YEARS)
    token = way.got[0].content.decode().replace("=\r\n", "").partition("/sign-in/")[2][:43]
    assert accounts.link_good(own, chosen.secret(), token, NOW + YEARS)
    assert not accounts.link_good(own, chosen.secret(), token, NOW)
    assert accounts.sign_in(own, chosen.secret(), token, now=NOW) is None
    with writing(own) as connection:
        accounts.drop_over(connection, NOW)
    assert rows(own, schema.sign_in_link) == []


def test_a_second_letter_is_good_for_its_whole_day_and_a_refused_one_leaves_a_hash(own, chosen):
    for hours in (0, 40):
        subscriptions.subscribe(own, chosen, chosen.secret(), "ada@example.org", now=NOW + timedelta(hours=hours))
    with writing(own) as connection:
        assert subscriptions.drop_unconfirmed(connection, NOW + timedelta(hours=63)) == 0
        connection.execute(update(schema.subscriber).values(state="suspended"))
        assert subscriptions.drop_unconfirmed(connection, NOW + timedelta(hours=89)) == 1
    assert rows(own, schema.subscriber)[0]["address"] is None


@pytest.mark.parametrize("typed", ["ädä@example.org", "ada@example.org\r\nBcc: e@x.org", "ada", f"{'a' * 65}@b.org"])
def test_an_address_to_which_no_letter_can_go_is_refused_at_once(own, chosen, typed):
    with pytest.raises(InputError, match="must be a mail address"):
        subscriptions.subscribe(own, chosen, chosen.secret(), typed, now=NOW)


def test_the_longest_address_and_one_of_a_domain_in_other_letters_get_their_letter(own, chosen):
    long = f"{'a' * 60}@{'.'.join(['b' * 60] * 3)}.org"
    way = Kept()
    for each in (long, "ada@bücher.example.org"):
        assert subscriptions.subscribe(own, chosen, chosen.secret(), each, now=NOW)
    assert send_due(own, chosen, way, now=NOW).sent == 2
    assert sorted(each.to for each in way.got) == sorted([long, "ada@xn--bcher-kva.example.org"])


def test_a_title_of_ten_thousand_letters_or_of_marks_alone_goes_out(own, chosen):
    odd = ["a" * 10_000, "\u202e\u200f\u2067", "=?utf-8?q?=0D=0ABcc:_e=40x.org?=", "<b>&amp;\u0000\ud800 x"]
    kept = []
    for number, title in enumerate(odd, 10):
        try:
            kept.append(record("file", names=[f"2611.000{number}"], title=title, day=NOW.date()))
        except InputError:
            continue
    ingest(own, kept, now=NOW)
    join(own, "ada", now=NOW, due=NOW)
    way = Kept()
    plan_due(own, chosen, None, now=NOW)
    assert send_due(own, chosen, way, now=NOW).sent == 1
    assert b"\nBcc:" not in way.got[0].content
