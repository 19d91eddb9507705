"""What is hidden is nowhere, comes back whole, and all of it stands in the log."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from netopsy import InputError
from netopsy.feed import comments, lists, moderation, syndication
from netopsy.feed.digest import plan_due
from netopsy.feed.moderation import approve, ban, hide, overview, unhide
from netopsy.feed.records import record
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings
from netopsy.feed.store import ingest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PAPER = "arxiv:2611.00001"


def fill(feed):
    names = ("2611.00001", "2611.00002")
    made = [record("file", title=f"Of zebras {n}", names=[n], day=date(2026, 11, 28)) for n in names]
    ingest(feed.engine, made, now=NOW)
    feed.vote(PAPER, "ada", now=NOW)
    return feed


@pytest.fixture
def filled(feed):
    return fill(feed)


@pytest.fixture(scope="module")
def unchanged(common_feed):
    """One that is filled, for what changes nothing in it."""
    return fill(common_feed)


def everywhere(feed):
    """Where the paper is."""
    found = {
        "today": feed.today(now=NOW)[1],
        "day": feed.day("2026-11-28", now=NOW),
        "week": feed.week("2026-W48", now=NOW),
        "month": feed.month("2026-11", now=NOW),
        "trending": feed.trending(500, now=NOW),
        "top": feed.top("week", now=NOW),
        "search": [hit.entry for hit in feed.search("zebras", now=NOW)],
        "by number": [hit.entry for hit in feed.search("2611.00001", now=NOW)],
    }
    places = {name for name, those in found.items() if PAPER in [each.id for each in those]}
    places |= {kind for kind in syndication.FORMATS if "2611.00001" in feed.export("2026-11-28", kind, now=NOW)}
    try:
        feed.show("2611.00001", now=NOW)
    except InputError:
        return places
    return places | {"show"}


def test_what_is_hidden_leaves_lists_feeds_and_search_and_comes_back(filled):
    filled.follow(encode=0)
    all_of_them = everywhere(filled)
    assert len(all_of_them) == 9 + len(syndication.FORMATS)
    assert hide(filled.engine, "https://arxiv.org/abs/2611.00001", by="mod", reason="spam", now=NOW)
    assert not hide(filled.engine, PAPER, by="mod", reason="spam", now=NOW)
    assert everywhere(filled) == set()
    ingest(filled.engine, [record("arxiv", title="Of zebras, revised", names=["2611.00001v2"])], now=NOW)
    assert everywhere(filled) == set()
    assert unhide(filled.engine, PAPER, by="mod", now=NOW)
    assert not unhide(filled.engine, PAPER, by="mod", now=NOW)
    assert everywhere(filled) == all_of_them


def test_what_is_hidden_is_in_no_digest_not_even_one_that_is_planned(filled, tmp_path):
    from sqlalchemy import select, update

    from netopsy.feed import schema
    from netopsy.feed.database import writing
    from netopsy.feed.mail.outbox import send_due
    from netopsy.feed.mail.transport import transport_at
    from netopsy.feed.subscriptions import subscribe

    settings = Settings(mail=f"maildir:{tmp_path}/letters", secret_file=f"{tmp_path}/secret")
    for number in range(2):
        subscribe(filled.engine, settings, Secret("0" * 64, ("1" * 64,)), f"reader{number}@example.org", now=NOW)
    person = schema.subscriber
    with filled.engine.connect() as connection:
        early, late = connection.scalars(select(person.c.id).order_by(person.c.id)).all()
    for who in (early, late):
        with writing(filled.engine) as connection:
            begun = {"state": "active", "confirmed": NOW, "next_due": NOW}
            connection.execute(update(person).where(person.c.id == who).values(**begun))
        plan_due(filled.engine, settings, None, now=NOW)
        if who == early:
            hide(filled.engine, PAPER, by="mod", reason="spam", now=NOW)
    letter = schema.delivery
    with filled.engine.connect() as connection:
        rows = connection.execute(select(letter.c.subscriber, letter.c.payload).where(letter.c.kind == "digest")).all()
        orders = {row.subscriber: json.loads(row.payload)["order"] for row in rows}
        assert PAPER in orders[early]  # planned before it was hidden
        assert PAPER not in orders[late]
        assert PAPER not in [each.id for each in lists.entries(connection, orders[early], NOW)]
    transport = transport_at(settings)
    send_due(filled.engine, settings, transport, now=NOW, limit=10, owner="test")
    transport.close()
    letters = [each.read_text() for each in (tmp_path / "letters").rglob("*") if each.is_file()]
    digests = [each for each in letters if "2611.00002" in each]
    assert len(digests) == 2
    assert not [each for each in letters if "2611.00001" in each]


def test_a_hidden_comment_leaves_its_place_to_its_answers(filled):
    first = comments.write(filled.engine, PAPER, "ada", "rude", now=NOW)
    assert hide(filled.engine, f"comment:{first.id}", by="mod", reason="rude", now=NOW)
    assert filled.comments(PAPER, now=NOW) == []
    assert filled.show(PAPER, now=NOW).trending == pytest.approx(1.0)  # the vote alone
    assert unhide(filled.engine, f"comment:{first.id}", by="mod", now=NOW)
    comments.write(filled.engine, PAPER, "bob", "answer", parent=first.id, now=NOW)
    assert hide(filled.engine, f"comment:{first.id}", by="mod", reason="rude", now=NOW)
    (left,) = filled.comments(PAPER, now=NOW)
    assert (left.state, left.html, [each.source for each in left.answers]) == ("hidden", "", ["answer"])


def test_the_log_tells_who_did_what_and_why_and_what_waits_is_listed(filled):
    waits = comments.write(filled.engine, PAPER, "bob", "hello", moderated=True, now=NOW)
    filled.submit("2611.00009", "ada", note="look", now=NOW)
    with filled.engine.connect() as connection:
        found = overview(connection, NOW)
    assert [each["what"] for each in found["waiting"]] == [f"comment:{waits.id}", "arxiv:2611.00009"]
    assert found["waiting"][1]["text"] == "arXiv:2611.00009 look"
    approve(filled.engine, f"comment:{waits.id}", by="mod", reason="\x1b[31mfine\n", now=NOW)
    hide(filled.engine, PAPER, by="mod", reason="spam", now=NOW + timedelta(minutes=1))
    hide(filled.engine, "2611.00009", by="mod", reason="spam", now=NOW)
    ban(filled.engine, "bob", 3, by="eve", reason="spam", now=NOW)
    with filled.engine.connect() as connection:
        found = overview(connection, NOW)
        assert overview(connection, NOW + timedelta(days=4))["banned"] == []
    assert found["waiting"] == []
    assert {each["what"] for each in found["hidden"]} == {PAPER, "arxiv:2611.00009"}
    assert [each["account"] for each in found["banned"]] == ["bob"]
    assert [(each["by"], each["action"], each["target"], each["reason"]) for each in found["log"]] == [
        ("eve", "ban", "account:bob", "3 days: spam"),
        ("mod", "hide", "arxiv:2611.00009", "spam"),
        ("mod", "hide", PAPER, "spam"),
        ("mod", "approve", f"comment:{waits.id}", "[31mfine"),
    ]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda e: hide(e, PAPER, by="m", reason=" \x00", now=NOW), "a reason must be given"),
        (lambda e: hide(e, PAPER, by="m", reason="x" * 501, now=NOW), "500 characters, got 501"),
        (lambda e: hide(e, "2611.99999", by="m", reason="x", now=NOW), "arxiv:2611.99999 is not in the feed"),
        (lambda e: hide(e, "nothing", by="m", reason="x", now=NOW), "a paper is named by"),
        (lambda e: hide(e, "comment:0", by="m", reason="x", now=NOW), "there is none 'comment:0'"),
        (lambda e: hide(e, "comment:9999999999999", by="m", reason="x", now=NOW), "a comment is named as comment:17"),
        (lambda e: hide(e, "comment:\u0663", by="m", reason="x", now=NOW), "a comment is named as comment:17"),
        (lambda e: approve(e, PAPER, by="m", now=NOW), "a comment is let through"),
        (lambda e: ban(e, "nobody", 7, by="m", reason="x", now=NOW), "there is no account 'nobody'"),
        (lambda e: ban(e, "comment:5", 7, by="m", reason="x", now=NOW), "there is none 'comment:5'"),
        (lambda e: ban(e, "ada", -1, by="m", reason="x", now=NOW), "a ban is of 0 to 3,650 days, got -1"),
        (lambda e: ban(e, "ada", 7, by="m", reason="", now=NOW), "a reason must be given"),
        (lambda e: hide(e, PAPER, by="m", reason="x", now=datetime(2026, 1, 1)), "zone"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(unchanged, step, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        step(unchanged.engine)
    with unchanged.engine.connect() as connection:
        assert not any(moderation.overview(connection, NOW).values())


def test_a_catalogue_paper_is_hidden_by_its_slug(feed):
    assert hide(feed.engine, "grokking", by="mod", reason="x", now=NOW)
    with pytest.raises(InputError, match="a paper is named by"):
        feed.show("grokking", now=NOW)
    assert len(feed.trending(100, now=NOW)) == 50
    assert unhide(feed.engine, "grokking", by="mod", now=NOW)
