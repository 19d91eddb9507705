"""Headers, hosts, forms of other sites, large bodies, caching; and that reading changes nothing."""

import shutil
import sqlite3
import traceback
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import anyio
import pytest
from sqlalchemy import select
from starlette.responses import Response
from starlette.testclient import TestClient

from netopsy.feed import Feed, schema
from netopsy.feed.records import record
from netopsy.feed.settings import Settings
from netopsy.feed.store import ingest
from netopsy.web.app import create_app
from netopsy.web.readable import readable
from netopsy.web.security import Security

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.mark.parametrize("address", ["/", "/nowhere", "/api/v1/today", "/feeds/today.rss", "/healthz"])
def test_every_answer_has_the_headers_and_no_cookie(visit, address):
    headers = visit.get(address).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8051", 200),
        ("localhost", 200),
        ("[::1]:8051", 200),
        ("Papers.Example.org", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
        ("[", 400),
        ("papers.example.org@evil.example", 400),
    ],
)
def test_only_our_own_hosts_are_answered(feed, host, status):
    app = create_app(feed, Settings(base_url="https://papers.example.org"), now=lambda: NOW)
    assert TestClient(app).get("/about", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8051"}, 403),
        ({"sec-fetch-site": "same-origin"}, 405),
        ({"origin": "http://127.0.0.1:8051"}, 405),
    ],
)
def test_forms_of_other_sites_are_refused(visit, headers, status):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert visit.request(method, "/", headers=headers).status_code == status


def test_large_bodies_are_refused(visit):
    own = {"sec-fetch-site": "same-origin"}
    assert visit.post("/", content=b"x" * 64_001, headers=own).status_code == 413
    assert visit.post("/", headers=own | {"content-length": "-1"}).status_code == 413


def test_who_has_a_page_is_told_that_it_is_the_same(own, tmp_path):
    moment, feed = [NOW], own
    there = Settings(base_url="https://papers.example.org")
    visit = TestClient(create_app(feed, there, now=lambda: moment[0]), base_url="http://localhost")
    first = visit.get("/")
    assert first.headers["vary"] == "Cookie, Accept-Encoding"
    assert first.headers["cache-control"] == "max-age=30, stale-while-revalidate=60, stale-if-error=86400"
    known = {"if-none-match": f'"other", {first.headers["etag"]}'}
    again = visit.get("/", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert visit.get("/nowhere", headers={"if-none-match": "*"}).status_code == 404
    feed.vote("grokking", _account(feed), now=NOW)
    assert visit.get("/", headers=known).status_code == 200
    assert "1 vote<" in visit.get("/").text
    known = {"if-none-match": visit.get("/").headers["etag"]}
    assert visit.get("/", headers=known).status_code == 304
    moment[0] += timedelta(1)
    assert visit.get("/", headers=known).status_code == 200
    (tmp_path / "x.json").write_text('[{"title": "Of zebras", "id": "2611.00009"}]')
    known = {"if-none-match": visit.get("/").headers["etag"]}
    feed.import_file(tmp_path / "x.json", day="2026-11-29", now=NOW)
    assert "Of zebras" in visit.get("/", headers=known).text


def test_files_are_kept_for_ever_under_an_address_of_their_own(visit):
    text = visit.get("/").text
    address = text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = visit.get(address)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize(
    "address", ["/", "/trending", "/feeds/today.rss", "/api/v1/today", "/healthz", "/nowhere", "/go?day=2025-03-14"]
)
def test_head_answers_as_get_does_and_without_a_body(visit, address):
    asked, told = visit.get(address), visit.head(address)
    assert (told.status_code, told.content) == (asked.status_code, b"")
    assert dict(told.headers) == dict(asked.headers)
    if "etag" in asked.headers:
        assert visit.head(address, headers={"if-none-match": asked.headers["etag"]}).status_code == 304


def test_reading_changes_nothing(visit, feed):
    def everything():
        with feed.engine.connect() as connection:
            tables = schema.METADATA.sorted_tables
            return {each.name: sorted(map(repr, connection.execute(select(each)))) for each in tables}

    before = everything()
    for address in ("/", "/trending", "/papers/norm-grad", "/search?q=graphs", "/feeds/today.rss", "/api/v1/today"):
        assert visit.get(address).status_code == 200
        assert visit.head(address).status_code == 200
    assert everything() == before


def test_what_goes_wrong_is_one_sentence_and_told_without_what_was_typed(feed, monkeypatch, caplog):
    app = create_app(feed, Settings(), now=lambda: NOW)

    def broken(*_, **__):
        raise RuntimeError("a secret that was typed")

    monkeypatch.setattr(Feed, "trending", broken)
    visit = TestClient(app, base_url="http://localhost")
    for address in ("/trending", "/api/v1/trending"):
        answer = visit.get(address)
        assert answer.status_code == 500
        assert "Something went wrong here" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "secret" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 5 $ and more", "plain 5 $ and more"),
        (r"\textbf{Bold} and \emph{soft}", "Bold and soft"),
        (r"$\alpha$-divergence, $x_{i}^{2}$, $\frac{1}{2}$", "α-divergence, x_i², 1/2"),
        (r"Erd\H{o}s, Schr\"odinger, Na\"{\i}ve, Fran\c{c}ois, Mal\'{a}", "Erdős, Schrödinger, Naïve, François, Malá"),
        (r"$\mathcal{O}(n \log n)$ of $\ell_1$", "O(n log n) of ℓ₁"),
        (r"50\% \& more", "50% & more"),
        ("a\u202eb\x00c", "abc"),
        (r"\unknown{x} $unclosed {", "unknownx $unclosed"),
    ],
)
def test_tex_as_text(text, shown):
    assert readable(text) == shown


def _account(feed):
    from netopsy.feed.database import writing

    with writing(feed.engine) as connection:
        connection.execute(schema.account.insert().values(id="one", created=NOW - timedelta(9)))
    return "one"


def test_a_database_that_is_busy_or_away_is_one_sentence_to_whoever_has_signed_in_too(own, moment, caplog):
    app = create_app(own, Settings(), now=lambda: moment[0])
    visit = TestClient(app, base_url="http://127.0.0.1:8051")
    form = visit.get("/").text.partition('name="form_token" value="')[2].partition('"')[0]
    with sqlite3.connect(own.engine.url.database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with own.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=50")
        ours = {"sec-fetch-site": "same-origin"}
        answer = visit.post("/vote", data={"form_token": form, "cast": "grokking"}, headers=ours)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "what was sent was not done" in answer.text
        assert visit.get("/papers/grokking").status_code == 200
        other.execute("ROLLBACK")
    with own.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE vote RENAME TO gone")
    answer = visit.get("/papers/grokking")
    assert answer.status_code == 503
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "SELECT" not in caplog.text


def test_an_answer_that_breaks_off_leaves_nothing_of_what_was_raised_in_the_log(feed):
    async def page(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("ada@example.org")

    guarded = Security(page, Settings(base_url="http://localhost"), lambda *_: Response())
    with pytest.raises(RuntimeError, match="an answer was broken off") as found:
        TestClient(guarded, base_url="http://localhost").get("/")
    assert "ada@" not in "".join(traceback.format_exception(found.value))


def test_an_index_that_cannot_be_written_is_searched_as_it_is_and_its_place_is_told_to_nobody(own, moment, caplog):
    own.follow(encode=0)
    visit = TestClient(create_app(own, Settings(), now=lambda: moment[0]), base_url="http://127.0.0.1:8051")
    ingest(own.engine, [record("file", title="Of zebras", names=["2611.00001"], day=NOW.date())], now=NOW)
    folder = own.index.folder
    shutil.move(folder / "lock", folder / "was")
    (folder / "lock").mkdir()
    assert "Grokking" in visit.get("/search?q=grokking").text
    shutil.rmtree(folder)
    folder.write_text("not a folder")
    for address in ("/search?q=grokking", "/api/v1/search?q=grokking", "/feeds/search.rss?q=grokking"):
        answer = visit.get(address)
        assert answer.status_code == 503
        assert str(folder) not in answer.text + caplog.text
    assert visit.get("/papers/grokking").status_code == 200


def test_a_title_of_commands_alone_still_names_its_link():
    assert readable("{{{") == "{{{"
    assert readable(r"\emph{}") == r"\emph{}"


def test_an_upload_that_is_cut_in_the_middle_is_no_fault_of_ours(visit, caplog):
    parts = [{"type": "http.request", "body": b"--a", "more_body": True}, {"type": "http.disconnect"}]
    host = urlsplit(str(visit.base_url)).netloc.encode()
    headers = [(b"host", host), (b"sec-fetch-site", b"same-origin")]
    headers.append((b"content-type", b"multipart/form-data; boundary=a"))
    scope = {"type": "http", "method": "POST", "path": "/examine", "raw_path": b"/examine", "query_string": b""}
    scope |= {"headers": headers, "scheme": "http", "http_version": "1.1", "client": ("127.0.0.1", 1), "root_path": ""}

    async def receive():
        return parts.pop(0)

    async def send(message):
        raise AssertionError(message)

    anyio.run(visit.app, scope, receive, send)
    assert parts == []
    assert caplog.text == ""
