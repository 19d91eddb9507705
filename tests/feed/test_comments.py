"""Comments: order, answers, waiting, changing, deleting; and what they do to what is trending."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from netopsy import InputError
from netopsy.feed import accounts, comments, moderation, schema, votes
from netopsy.feed.comments import called, edit, of_paper, rate, remove, write
from netopsy.feed.database import writing
from netopsy.feed.traces import data_of

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PAPER = "arxiv:2310.06110"


def shown(feed, paper=PAPER, **options):
    with feed.engine.connect() as connection:
        return of_paper(connection, paper, **options)


def trend(feed, paper=PAPER, now=NOW):
    return feed.show(paper, now=now).trending


def test_comments_stand_by_wilsons_lower_end_then_by_age(feed):
    made = [
        write(feed.engine, PAPER, f"author{n}", f"comment {n}", now=NOW + timedelta(minutes=n)).id for n in range(4)
    ]
    given = {made[1]: [1] * 9 + [-1], made[2]: [1], made[3]: [-1, -1]}
    for comment, values in given.items():
        for number, value in enumerate(values):
            rate(feed.engine, comment, f"voter{number}", value, now=NOW)
    assert [one.id for one in shown(feed)] == [made[1], made[2], made[0], made[3]]  # .596, .207, 0 and 0 by age
    assert [(one.helpful, one.votes) for one in shown(feed)] == [(9, 10), (1, 1), (0, 0), (0, 2)]
    rate(feed.engine, made[1], "voter0", 0, now=NOW)
    rate(feed.engine, made[1], "voter9", 1, now=NOW)
    first = shown(feed, account="voter9")[0]
    assert (first.helpful, first.votes, first.own_vote) == (9, 9, 1)


def test_answers_are_one_level_deep_and_in_their_order(feed):
    first = write(feed.engine, PAPER, "ada", "question", now=NOW)
    for number in range(3):
        answer = write(feed.engine, PAPER, "bob", f"answer {number}", parent=first.id, now=NOW)
    rate(feed.engine, answer.id, "ada", 1, now=NOW)
    assert [one.source for one in shown(feed)[0].answers] == ["answer 0", "answer 1", "answer 2"]
    with pytest.raises(InputError, match="an answer cannot be answered"):
        write(feed.engine, PAPER, "ada", "more", parent=answer.id, now=NOW)
    with pytest.raises(InputError, match="not here any more"):
        write(feed.engine, "arxiv:2004.02866", "ada", "elsewhere", parent=first.id, now=NOW)
    with pytest.raises(InputError, match="there is no comment 999"):
        write(feed.engine, PAPER, "ada", "nowhere", parent=999, now=NOW)


def test_only_the_author_changes_and_deletes_and_a_place_stays_for_answers(feed):
    first = write(feed.engine, PAPER, "ada", "frist", now=NOW)
    write(feed.engine, PAPER, "bob", "you mean first", parent=first.id, now=NOW)
    for step in (
        lambda who: edit(feed.engine, first.id, who, "x", now=NOW),
        lambda who: remove(feed.engine, first.id, who),
    ):
        with pytest.raises(InputError, match="not yours to change"):
            step("bob")
    changed = edit(feed.engine, first.id, "ada", "*first*", now=NOW + timedelta(minutes=1))
    assert (changed.html, changed.edited) == ("<p><em>first</em></p>", NOW + timedelta(minutes=1))
    assert remove(feed.engine, first.id, "ada") == PAPER
    (left,) = shown(feed)
    assert (left.state, left.html, left.source, left.account) == ("deleted", "", "", None)
    assert [one.source for one in left.answers] == ["you mean first"]
    with feed.engine.connect() as connection:
        assert not connection.scalars(
            select(schema.comment.c.source).where(schema.comment.c.source.contains("first*"))
        ).all()
    remove(feed.engine, left.answers[0].id, "bob")
    assert shown(feed) == []


def test_in_public_the_first_comment_of_an_account_waits_until_it_is_let_through(feed):
    first = write(feed.engine, PAPER, "ada", "hello", moderated=True, now=NOW)
    second = write(feed.engine, PAPER, "ada", "again", moderated=True, now=NOW)
    assert first.state == second.state == "waiting"
    assert shown(feed) == shown(feed, account="bob") == []
    assert len(shown(feed, account="ada")) == len(shown(feed, moderator=True)) == 2
    assert trend(feed) == 0
    with pytest.raises(InputError, match="there is no comment"):
        rate(feed.engine, first.id, "bob", 1, now=NOW)
    assert moderation.approve(feed.engine, f"comment:{first.id}", by="mod", now=NOW)
    assert not moderation.approve(feed.engine, f"comment:{first.id}", by="mod", now=NOW)
    assert [one.id for one in shown(feed)] == [first.id]
    assert write(feed.engine, PAPER, "ada", "third", moderated=True, now=NOW).state == "shown"


def test_the_first_comment_of_an_account_counts_1_in_what_is_trending(feed):
    day = timedelta(hours=24)
    first = write(feed.engine, PAPER, "ada", "one", now=NOW - day)
    write(feed.engine, PAPER, "ada", "two", now=NOW)
    assert trend(feed) == pytest.approx(0.5)
    write(feed.engine, PAPER, "bob", "three", now=NOW)
    feed.vote(PAPER, "ada", now=NOW)
    assert trend(feed) == pytest.approx(2.5)
    remove(feed.engine, first.id, "ada")
    assert trend(feed) == pytest.approx(3.0)  # her second is her first now
    feed.take_back(PAPER, "ada")
    assert trend(feed) == pytest.approx(2.0)
    assert feed.trending(1, now=NOW)[0].id == PAPER


def test_a_comment_of_a_new_account_counts_once_it_is_a_day_old(feed):
    with writing(feed.engine) as connection:
        row = {"id": "new", "created": NOW, "address_hash": "h", "address": "a@example.org"}
        connection.execute(insert(schema.account).values(**row))
    write(feed.engine, PAPER, "new", "hello", now=NOW)
    assert trend(feed) == 0
    later = NOW + timedelta(hours=24)
    with writing(feed.engine) as connection:
        assert votes.count_due(connection, later) == 1
    assert trend(feed, now=later) == pytest.approx(0.5)


def test_there_are_limits(feed, monkeypatch):
    monkeypatch.setattr(comments, "A_DAY", 2)
    for _ in range(2):
        made = write(feed.engine, PAPER, "ada", "hello", now=NOW)
    with pytest.raises(InputError, match="2 comments a day are the most"):
        write(feed.engine, PAPER, "ada", "hello", now=NOW)
    assert write(feed.engine, PAPER, "ada", "hello", now=NOW + timedelta(days=1))
    with pytest.raises(InputError, match="nobody votes for a comment of their own"):
        rate(feed.engine, made.id, "ada", 1, now=NOW)
    with pytest.raises(InputError, match="helpful by 1, not by -1, got 2"):
        rate(feed.engine, made.id, "bob", 2, now=NOW)
    with pytest.raises(InputError, match="this paper is not in the feed"):
        write(feed.engine, "arxiv:2611.99999", "ada", "hello", now=NOW)


def test_whoever_is_banned_says_nothing_until_it_is_over(feed):
    made = write(feed.engine, PAPER, "ada", "spam", now=NOW)
    until = moderation.ban(feed.engine, f"comment:{made.id}", 7, by="mod", reason="spam", now=NOW)
    assert until == NOW + timedelta(days=7)
    for step in (
        lambda now: write(feed.engine, PAPER, "ada", "more", now=now),
        lambda now: edit(feed.engine, made.id, "ada", "more", now=now),
        lambda now: rate(feed.engine, made.id, "ada", 1, now=now),
        lambda now: feed.submit("2611.00001", "ada", now=now),
    ):
        with pytest.raises(accounts.BannedError, match="until 2026-12-05 12:00 UTC"):
            step(NOW)
    assert write(feed.engine, PAPER, "ada", "sorry", now=until)
    assert moderation.ban(feed.engine, "ada", 3, by="mod", reason="again", now=NOW)
    assert moderation.ban(feed.engine, "account:ada", 0, by="mod", reason="a mistake", now=NOW) is None
    assert write(feed.engine, PAPER, "ada", "thanks", now=NOW)


def test_deleting_an_account_takes_its_texts_and_votes_and_leaves_places(feed):
    first = write(feed.engine, PAPER, "ada", "my secret", now=NOW)
    write(feed.engine, PAPER, "bob", "an answer", parent=first.id, now=NOW)
    other = write(feed.engine, PAPER, "bob", "other", now=NOW)
    rate(feed.engine, other.id, "ada", 1, now=NOW)
    feed.submit("2611.00001", "ada", note="mine", now=NOW)
    with writing(feed.engine) as connection:
        told = data_of(connection, "ada")
        assert told["comments"][0]["text"] == "my secret"
        assert told["comment_votes"] == [{"comment": other.id, "helpful": 1}]
        assert told["submissions"][0]["note"] == "mine"
        assert accounts.remove(connection, "ada", NOW)
        assert data_of(connection, "ada") == {"comments": [], "comment_votes": [], "submissions": []}
        (left,) = [one for one in of_paper(connection, PAPER) if one.id == first.id]
        assert (left.state, left.by, left.answers[0].source) == ("deleted", "a reader", "an answer")
        assert not connection.scalars(select(schema.submission.c.account)).all()[0]
    assert [one.votes for one in shown(feed) if one.id == other.id] == [0]
    assert trend(feed) == pytest.approx(1.0)


def test_names_say_nothing_of_accounts():
    assert called("ada") == called("ada") != called("bob")
    assert "ada" not in called("ada")


def test_comments_go_with_a_paper_that_is_known_under_another_name(feed):
    from netopsy.feed.records import record
    from netopsy.feed.store import ingest

    ingest(feed.engine, [record("file", title="T", names=["10.1000/x"])], now=NOW)
    write(feed.engine, "doi:10.1000/x", "ada", "hello", now=NOW)
    ingest(feed.engine, [record("arxiv", title="T", names=["2611.00007", "10.1000/x"])], now=NOW)
    assert [one.source for one in shown(feed, "arxiv:2611.00007")] == ["hello"]
    assert trend(feed, "2611.00007") == pytest.approx(1.0)


def test_a_comment_that_is_hidden_is_read_by_nobody(feed):
    made = write(feed.engine, PAPER, "ada", "rude", now=NOW)
    with writing(feed.engine) as connection:
        connection.execute(update(schema.comment).values(state="hidden"))
    assert shown(feed) == shown(feed, account="ada") == shown(feed, moderator=True) == []
    with pytest.raises(InputError, match="not yours to change"):
        edit(feed.engine, made.id, "ada", "x", now=NOW)
