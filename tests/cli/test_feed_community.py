"""`netopsy feed submit` and the moderators' commands."""

import json

import pytest

from netopsy.cli import main
from netopsy.feed import Feed, comments

pytestmark = pytest.mark.usefixtures("own_feed")


def overview(capsys):
    assert main(["feed", "moderation", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_paper_that_arxiv_does_not_tell_of_waits_and_one_that_is_listed_is_voted_for(capsys, tmp_path):
    assert main(["feed", "submit", "2611.00001", "--note", "look"]) == 1
    told = capsys.readouterr().err
    assert "arxiv: it cannot be reached" in told
    assert "arxiv:2611.00001 waits for the next `netopsy feed update`" in told
    assert overview(capsys)["waiting"][0]["text"] == "arXiv:2611.00001 look"
    assert main(["feed", "submit", "https://arxiv.org/abs/2310.06110"]) == 0
    assert "counts as a vote" in capsys.readouterr().err
    (tmp_path / "x.jsonl").write_text('{"title": "Of zebras", "id": "2611.00001"}\n')
    assert main(["feed", "import", "x.jsonl"]) == 0
    assert main(["feed", "submit", "2611.00001"]) == 0
    found = capsys.readouterr().out
    assert "Of zebras" in found
    assert f"{_now():%Y-%m-%d}" in found


def test_a_paper_is_hidden_shown_again_and_the_log_tells_so(capsys):
    assert main(["feed", "hide", "grokking", "--reason", "spam"]) == 0
    assert main(["feed", "hide", "grokking", "--reason", "spam"]) == 0
    assert "grokking was hidden already" in capsys.readouterr().err
    assert main(["feed", "show", "2310.06110"]) == 2
    capsys.readouterr()
    assert overview(capsys)["hidden"][0]["what"] == "arxiv:2310.06110"
    assert main(["feed", "unhide", "grokking"]) == 0
    assert main(["feed", "show", "grokking"]) == 0
    assert main(["feed", "moderation"]) == 0
    assert "spam" in capsys.readouterr().out


def test_a_comment_is_let_through_and_its_author_banned(capsys):
    feed = Feed.open()
    made = comments.write(feed.engine, "arxiv:2310.06110", "ada", "\x1b[31mhello", moderated=True, now=_now())
    feed.close()
    assert main(["feed", "moderation"]) == 0
    out = capsys.readouterr().out
    assert f"comment:{made.id}" in out
    assert "\x1b" not in out
    assert main(["feed", "approve", f"comment:{made.id}"]) == 0
    assert main(["feed", "approve", f"comment:{made.id}"]) == 0
    assert "does not wait" in capsys.readouterr().err
    assert main(["feed", "ban", f"comment:{made.id}", "--days", "3", "--reason", "spam"]) == 0
    assert overview(capsys)["banned"][0]["account"] == "ada"
    assert main(["feed", "ban", "ada", "--days", "0", "--reason", "a mistake"]) == 0
    found = overview(capsys)
    assert found["banned"] == []
    assert [each["action"] for each in found["log"]] == ["unban", "ban", "approve"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hide", "2611.99999", "--reason", "x"], "arxiv:2611.99999 is not in the feed"),
        (["hide", "grokking", "--reason", " "], "a reason must be given"),
        (["unhide", "comment:5"], "a comment is named as comment:17"),
        (["approve", "grokking"], "a comment is let through"),
        (["ban", "nobody", "--reason", "x"], "there is no account 'nobody'"),
        (["ban", "nobody", "--reason", "x", "--days", "-1"], "a ban is of 0 to 3,650 days"),
        (["submit", "http://127.0.0.1/"], "a paper is named by"),
        (["submit", "2611.00001", "--note", "x" * 301], "a note may have 300 characters"),
    ],
)
def test_bad_input_is_one_sentence(capsys, arguments, message):
    assert main(["feed", *arguments]) == 2
    assert message in capsys.readouterr().err


def _now():
    from datetime import UTC, datetime

    return datetime.now(UTC)
