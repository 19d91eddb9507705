"""Votes and the shelf from the page: with and without a script, twice, at once, and never in another's name."""

import json
import re
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta

import pytest
from signing import BASE, NOW, OURS, browser, rows, sign_in, token_of
from sqlalchemy import select, update

from netopsy.feed import accounts, first_runs, schema, votes
from netopsy.feed.database import writing
from netopsy.feed.ranking import stored_trend
from netopsy.web.pages.votes import MANY
from netopsy.web.runs import queue
from netopsy.web.runs.job import Job
from netopsy.web.runs.queue import ACCOUNT, Asker

GROKKING = "arxiv:2310.06110"


def put(visit, form, place="/vote", *, headers=OURS, **fields):
    return visit.post(place, data={"form_token": form} | fields, headers=headers)


def test_a_vote_is_cast_shown_and_taken_back_by_a_form_alone(app, own):
    visit = sign_in(app, own)
    form = token_of(visit)
    page = visit.get("/papers/grokking").text
    assert re.search(r'<form id="act" method="post" action="/vote">', page)
    assert f'name="cast" value="{GROKKING}"' in page
    back = re.search(r'name="back" value="([^"]*)"', page)[1]
    for _ in range(2):
        answer = put(visit, form, cast=GROKKING, back=back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/papers/grokking")
    assert len(rows(own, schema.vote)) == 1
    page = visit.get("/papers/grokking").text
    button = re.search(r'<button class="act vote".*?</button>', page, re.DOTALL)[0]
    assert f'name="take" value="{GROKKING}"' in button
    assert 'aria-pressed="true"' in button
    assert put(visit, form, take=GROKKING).status_code == 303
    assert put(visit, form, take=GROKKING).status_code == 303
    assert rows(own, schema.vote) == []
    assert 'aria-pressed="true"' not in visit.get("/").text


def test_a_script_gets_what_to_show(app, own, moment):
    visit = sign_in(app, own)
    moment[0] += timedelta(days=2)
    asked = OURS | {"accept": "application/json"}
    assert put(visit, token_of(visit), headers=asked, cast="grokking").json() == {"pressed": True, "count": 1}
    assert put(visit, token_of(visit), headers=asked, take="grokking").json() == {"pressed": False, "count": 0}
    assert put(visit, token_of(visit), "/shelf", headers=asked, save="grokking").json() == {"pressed": True}


def test_votes_of_a_new_account_count_once_it_is_a_day_old(app, own, moment):
    visit = sign_in(app, own)
    put(visit, token_of(visit), cast="grokking")
    assert 'aria-pressed="true"' in visit.get("/papers/grokking").text
    assert (own.show("grokking").votes, own.top("week", now=NOW)) == (0, [])
    assert "count from 2026-11-29 12:00 UTC on" in visit.get("/settings").text
    before = browser(app).get("/").headers["etag"]
    with writing(own.engine) as connection:
        assert votes.count_due(connection, NOW + timedelta(hours=23, minutes=59)) == 0
        assert votes.count_due(connection, NOW + timedelta(hours=24)) == 1
        assert votes.count_due(connection, NOW + timedelta(hours=24)) == 0
    assert browser(app).get("/").headers["etag"] != before
    assert own.show("grokking").votes == 1
    with own.engine.connect() as connection:
        query = select(schema.paper.c.trend).where(schema.paper.c.slug == "grokking")
        assert connection.scalar(query) == pytest.approx(stored_trend([NOW]))
    moment[0] += timedelta(hours=25)
    put(visit, token_of(visit), cast="norm-grad")
    assert "count from" not in visit.get("/settings").text
    assert own.show("norm-grad").votes == 1


def test_the_first_run_that_an_account_has_done_counts_as_a_vote_does(app, own, moment, tmp_path):
    def trend(slug="grokking"):
        with own.engine.connect() as connection:
            return connection.scalar(select(schema.paper.c.trend).where(schema.paper.c.slug == slug))

    def run(account, seed, kind="recipe", state="done"):
        asker = Asker("hash of it", ACCOUNT, account)
        number = queue.enqueue(own.engine, Job(kind, "grokking", seed=seed), asker, tmp_path, None, now=moment[0])
        assert queue.claim(own.engine, "a worker", now=moment[0]).id == number
        assert queue.finish(own.engine, number, "a worker", state, "", now=moment[0])

    visit = sign_in(app, own)
    account = rows(own, schema.account)[0]["id"]
    before = browser(app).get("/").headers["etag"]
    run(account, 1)
    assert (trend(), len(rows(own, schema.first_run))) == (None, 1)  # the account is new
    with writing(own.engine) as connection:
        assert votes.count_due(connection, NOW + timedelta(hours=24)) == 1
    assert trend() == pytest.approx(stored_trend([NOW]))
    moment[0] += timedelta(hours=30)
    run(account, 2, "study")  # not its first
    run("local", 3, state="failed")
    assert trend() == pytest.approx(stored_trend([NOW]))
    run("local", 4)
    assert trend() == pytest.approx(stored_trend([NOW, moment[0]]))
    assert browser(app).get("/").headers["etag"] != before
    assert visit.get("/settings/my-data.json").json()["account"]["first_runs"][0]["paper"] == GROKKING
    assert own.trending(1)[0].slug == "grokking"
    with writing(own.engine) as connection:
        assert accounts.remove(connection, account, moment[0])
    assert trend() == pytest.approx(stored_trend([moment[0]]))
    with writing(own.engine) as connection:
        connection.execute(update(schema.account).values(banned_until=moment[0] + timedelta(days=1)))
        assert not first_runs.note(connection, "norm-grad", "local", moment[0])
        assert not first_runs.note(connection, "no-such-paper", "local", moment[0])
    assert trend("norm-grad") is None


def test_an_account_has_so_many_votes_a_day(app, own, moment, monkeypatch):
    monkeypatch.setattr("netopsy.web.pages.votes.MANY", 2)
    visit = sign_in(app, own)
    form = token_of(visit)
    slugs = ("grokking", "norm-grad", "eigen-cam")
    assert MANY == 200
    assert [put(visit, form, cast=each).status_code for each in slugs] == [303, 303, 429]
    assert len(rows(own, schema.vote)) == 2
    moment[0] += timedelta(days=1)
    assert put(visit, form, cast="eigen-cam").status_code == 303


def test_what_cannot_be_voted_for_is_one_sentence(app, own):
    visit = sign_in(app, own)
    form = token_of(visit)
    wrong = [
        ({}, 400),
        ({"cast": "grokking", "take": "grokking"}, 400),
        ({"cast": "arxiv:2999.00001"}, 404),
        ({"cast": "<script>"}, 404),
        ({"cast": "x" * 301}, 422),
        ({"cast": "\x00"}, 404),
    ]
    for fields, status in wrong:
        for place in ("/vote", "/shelf"):
            names = {"cast": "save", "take": "drop"} if place == "/shelf" else {}
            answer = put(visit, form, place, **{names.get(name, name): value for name, value in fields.items()})
            assert answer.status_code == status
            assert "Traceback" not in answer.text
    assert put(visit, form, "/shelf", drop="\x00").status_code == 303
    uploaded = visit.post("/vote", data={"form_token": form}, files={"cast": ("x", b"grokking")}, headers=OURS)
    assert uploaded.status_code == 422
    assert rows(own, schema.vote) + rows(own, schema.shelf) == []


PLACES = ("/vote", "/shelf", "/shelf/note", "/sign-out", "/settings/delete")
ELSEWHERE = [
    {},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://papers.example.org"},
    {"origin": "https://papers.example.org.evil.example"},
    {"origin": "https://evil.example/https://papers.example.org"},
    {"origin": "https://papers.example.org:8443"},
    {"origin": "https://papers.example.org@evil.example"},
    {"origin": "https://sub.papers.example.org"},
    {"origin": "https://["},
    {"referer": f"{BASE}/"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "SAME-ORIGIN"},
    {"sec-fetch-site": "same-origin, cross-site"},
    {"sec-fetch-site": "cross-site", "origin": BASE},
    {"sec-fetch-site": "cross-site", "x-forwarded-host": "papers.example.org"},
    {"origin": "https://evil.example", "host": "evil.example"},
    {"origin": "https://evil.example", "x-http-method-override": "GET"},
    {"content-type": "text/plain"},
    {"content-type": "application/json"},
    {"content-type": "multipart/form-data; boundary=x"},
]


def test_no_form_of_another_site_and_no_form_without_the_token_of_the_session_does_anything(app, own):
    visit, other = sign_in(app, own), sign_in(app, own, "eve@example.org")
    form, foreign = token_of(visit), token_of(other)
    tables = (schema.vote, schema.shelf, schema.account, schema.session)
    before = [rows(own, each) for each in tables]
    data = {"cast": "grokking", "save": "grokking", "paper": "grokking", "typed": "delete", "everywhere": "true"}
    tried = 0
    for place in PLACES:
        for headers in ELSEWHERE:
            answer = visit.post(place, data={"form_token": form} | data, headers=headers)
            assert answer.status_code in (400, 403), (place, headers)
            tried += 1
        for token in ("", "0" * 64, foreign, form[:-1], form.upper(), "é" * 64, "\ud800".encode("utf-8", "replace")):
            assert visit.post(place, data={"form_token": token} | data, headers=OURS).status_code == 403
            tried += 1
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
            asked = visit.request(method, place, params={"form_token": form} | data, headers=OURS)
            assert asked.status_code in (200, 404, 405)
            tried += 1
        assert visit.post(place, params={"form_token": form} | data, headers=OURS).status_code == 403
        assert visit.post(place, json={"form_token": form} | data, headers=OURS).status_code in (403, 422)
        assert browser(app).post(place, data={"form_token": form} | data, headers=OURS).status_code == 401
    assert tried >= 100
    assert [rows(own, each) for each in tables] == before


def test_two_tabs_at_once_cast_one_vote(app, own):
    visit = sign_in(app, own)
    form, cookies, answers = token_of(visit), dict(visit.cookies), []

    def tab():
        each = browser(app)
        each.cookies.update(cookies)
        answers.append(put(each, form, cast="grokking").status_code)

    tabs = [threading.Thread(target=tab) for _ in range(6)]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()
    assert answers == [303] * 6
    assert len(rows(own, schema.vote)) == 1
    assert [each["count"] for each in rows(own, schema.quota) if each["what"] == "vote"] == [1]


def test_votes_of_two_processes_at_once_are_all_there(own):
    program = textwrap.dedent(
        """
        import sys
        from datetime import UTC, datetime
        from netopsy.feed import votes
        from netopsy.feed.database import open_database, writing
        engine = open_database(sys.argv[1])
        print("ready", flush=True)
        sys.stdin.readline()
        paper, moment = "arxiv:2310.06110", datetime(2026, 11, 28, tzinfo=UTC)
        for number in range(40):
            with writing(engine) as connection:
                votes.cast(connection, paper, f"{sys.argv[2]}-{number}", moment)
                votes.cast(connection, paper, f"both-{number}", moment)
        """
    )
    command = [sys.executable, "-c", program, str(own.engine.url)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*command, name], **pipes) for name in ("one", "two")]
    for each in running:
        assert each.stdout.readline() == "ready\n"
    for each in running:
        each.stdin.write("\n")
        each.stdin.flush()
    assert [each.wait(60) for each in running] == [0, 0]
    for each in running:
        each.stdin.close()
        each.stdout.close()
    found = own.show("grokking", now=NOW)
    assert found.votes == 120
    assert found.trending == pytest.approx(120 * 2**-0.5)


def test_the_shelf_by_forms_alone(app, own):
    visit = sign_in(app, own)
    form = token_of(visit)
    for slug in ("grokking", "norm-grad", "eigen-cam"):
        assert put(visit, form, "/shelf", save=slug, back=f"/papers/{slug}").headers["location"] == f"/papers/{slug}"
    assert 'aria-pressed="true"' in visit.get("/papers/grokking").text
    noted = put(
        visit, form, "/shelf/note", paper=GROKKING, tags="Phases, to read,phases", note="<b>why</b>\r\nso", read="true"
    )
    assert noted.headers["location"] == "/shelf#arxiv%3A2310.06110"
    page = visit.get("/shelf").text
    assert "&lt;b&gt;why&lt;/b&gt;\nso" in page
    assert "read on 2026-11-28" in page
    assert page.count('class="kept"') == 3
    assert all(word in page for word in ('<option value="phases">', '<option value="to read">'))
    one = visit.get("/shelf?tag=phases").text
    assert one.count('class="kept"') == 1
    assert f'id="{GROKKING}"' in one
    assert visit.get("/shelf?q=WHY").text.count('class="kept"') == 1
    assert visit.get("/shelf?q=why+grok&tag=to+read").text.count('class="kept"') == 1
    assert visit.get("/shelf?tag=%22%3E%3Cscript%3E").text.count('class="kept"') == 0
    assert put(visit, form, "/shelf", drop=GROKKING).status_code == 303
    assert visit.get("/shelf").text.count('class="kept"') == 2
    gone = put(visit, form, "/shelf/note", paper=GROKKING, note="x")
    assert gone.status_code == 400
    assert "not on the shelf any more" in gone.text


def test_what_is_typed_beside_a_paper_stays_text(app, own):
    visit = sign_in(app, own)
    form, hostile = token_of(visit), "</textarea><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e\x1b"
    put(visit, form, "/shelf", save="grokking")
    assert put(visit, form, "/shelf/note", paper="grokking", tags='"><svg onload=x>', note=hostile).status_code == 303
    for place in ("/shelf", "/shelf?tag=%22%3E%3Csvg+onload%3Dx%3E", "/shelf?q=%3Cscript%3E"):
        page = visit.get(place).text
        assert page.count('class="kept"') == 1
        assert not re.search(r"<(script>|img src=x|svg)", page)
        assert not {"\u202e", "\x1b"} & set(page)


def test_the_shelf_goes_out_as_a_file(app, own):
    visit = sign_in(app, own)
    form = token_of(visit)
    put(visit, form, "/shelf", save="grokking")
    put(visit, form, "/shelf/note", paper="grokking", tags="a", note="of mine")
    (found,) = json.loads(visit.get("/shelf/export?format=json").text)
    assert (found["id"], found["tags"], found["note"], found["read"]) == (GROKKING, ["a"], "of mine", None)
    answer = visit.get("/shelf/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="shelf.bib"'
    assert answer.text.startswith("@")
    assert "id," in visit.get("/shelf/export?format=csv").text.splitlines()[0]
    assert visit.get("/shelf/export?format=exe").status_code == 422
    assert browser(app).get("/shelf/export").status_code == 401


def test_nobody_sees_the_shelf_of_another(app, own):
    ada, eve = sign_in(app, own), sign_in(app, own, "eve@example.org")
    put(ada, token_of(ada), "/shelf", save="grokking")
    put(ada, token_of(ada), "/shelf/note", paper="grokking", note="a secret of hers")
    for place in ("/shelf", "/shelf/export?format=json", "/settings/my-data.json", "/papers/grokking"):
        assert "a secret of hers" not in eve.get(place).text
    assert put(eve, token_of(eve), "/shelf/note", paper="grokking", note="mine").status_code == 400
    put(eve, token_of(eve), "/shelf", drop=GROKKING)
    assert "a secret of hers" in ada.get("/shelf").text


def test_every_field_has_a_label_and_every_page_one_head(app, own):
    visit = sign_in(app, own)
    put(visit, token_of(visit), "/shelf", save="grokking")
    for place in ("/", "/shelf", "/settings", "/papers/grokking", "/sign-in"):
        page = (browser(app) if place == "/sign-in" else visit).get(place).text
        assert page.count("<h1") == 1
        assert "style=" not in page
        assert "onclick" not in page
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", page)
        named = [each for each in fields if 'type="hidden"' not in each]
        assert all(re.search(r'id="([^"]+)"', each)[1] in labelled for each in named)
