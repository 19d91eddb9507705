"""A page for whoever holds the token: by address, cookie or bearer; nobody else sees anything of it."""

import stat

import pytest
from starlette.testclient import TestClient

from netopsy.core.errors import InputError
from netopsy.feed.settings import Settings
from netopsy.web.admission import token_at
from netopsy.web.early import Early

BASE = "http://192.0.2.7:8051"


@pytest.fixture
def kept(own, tmp_path):
    """A page at an address of a network, its file and its token."""
    file = tmp_path / "there" / "token"
    token, new = token_at(file)
    assert new
    settings = Settings(base_url=BASE, token_file=str(file), secret_file=str(tmp_path / "secret"))
    return Early(own, settings), file, token


def _visit(app, base=BASE):
    return TestClient(app, base_url=base, follow_redirects=False)


@pytest.mark.parametrize("path", ["/", "/papers/grokking", "/api/v1/today", "/feeds/today.rss", "/mcp", "/nowhere"])
def test_nobody_sees_anything_without_it(kept, path):
    answer = _visit(kept[0]).get(path)
    assert answer.status_code == 403
    assert "open it once with ?token=" in answer.text
    assert "Grokking" not in answer.text
    assert "set-cookie" not in answer.headers


def test_the_page_that_refuses_is_drawn_and_a_watch_is_answered(kept):
    visit = _visit(kept[0])
    style = visit.get("/").text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert visit.get(style).status_code == visit.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/static/nothing", "/static/a/b", "/healthz/x", "/healthzx", "/static/../moderation"])
def test_what_is_beside_them_is_for_nobody_in_particular(kept, path):
    answer = _visit(kept[0]).get(path)
    assert answer.status_code in (403, 404)
    assert "Moderation" not in answer.text
    assert "form_token" not in answer.text


def test_it_comes_in_by_the_address_once_and_is_a_cookie_from_then_on(kept):
    app, _, token = kept
    visit = _visit(app)
    answer = visit.get(f"/search?q=a+b&token={token}&room=graphs")
    assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=a+b&room=graphs")
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert token not in cookie
    page = visit.get("/papers/grokking")
    assert page.status_code == 200
    assert "Moderation" in page.text  # as whoever sits before this machine
    assert visit.get("/").status_code == 200


def test_what_was_sent_needs_it_too(kept):
    app, _, token = kept
    visit = _visit(app)
    ours = {"Sec-Fetch-Site": "same-origin"}
    assert visit.post(f"/vote?token={token}", data={"cast": "grokking"}, headers=ours).status_code == 403
    visit.get(f"/?token={token}")
    form = visit.get("/papers/grokking").text.split('name="form_token" value="')[1].split('"')[0]
    voted = visit.post("/vote", data={"form_token": form, "cast": "grokking"}, headers=ours)
    assert voted.status_code == 303
    assert visit.get("/api/v1/trending?limit=1").json()["papers"][0]["slug"] == "grokking"


def test_a_program_bears_it(kept):
    app, _, token = kept
    visit = _visit(app)
    assert visit.get("/api/v1/today", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert visit.get("/api/v1/today", headers={"Authorization": f"Bearer {token}x"}).status_code == 403
    assert visit.get("/api/v1/today", headers={"Authorization": f"Basic {token}"}).status_code == 403


@pytest.mark.parametrize("given", ["", "x", "\udcff", "é" * 43, "token"])
def test_another_is_refused_whatever_it_is(kept, given):
    visit = _visit(kept[0])
    assert visit.get("/", params={"token": given.encode("utf-8", "surrogateescape")}).status_code == 403
    visit.cookies.set("netopsy", "x")
    assert visit.get("/").status_code == 403


def test_an_address_that_looks_like_another_site_leads_back_here(kept):
    app, _, token = kept
    assert _visit(app).get(f"{BASE}//evil.example/?token={token}").headers["location"] == "/evil.example/"


def test_a_name_that_is_none_of_its_own_is_refused_and_any_number_will_do(kept):
    app, _, token = kept
    bears = {"Authorization": f"Bearer {token}"}
    assert _visit(app, "http://evil.example").get("/", headers=bears).status_code == 400
    assert _visit(app, "http://192.0.2.8:8051").get("/", headers=bears).status_code == 200
    assert _visit(app, "http://[2001:db8::1]:8051").get("/", headers=bears).status_code == 200


def test_the_file_is_for_its_owner_and_read_again(kept):
    _, file, token = kept
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token_at(file) == (token, False)
    assert len(token) == 43


@pytest.mark.parametrize("text", ["", "short", "two words of which each is long enough", "ä" * 30])
def test_a_file_without_a_token_is_one_sentence(tmp_path, text):
    (tmp_path / "token").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="must hold one word of at least 20 letters"):
        token_at(tmp_path / "token")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="the file of the token .* cannot be read or made"):
        token_at(tmp_path)
