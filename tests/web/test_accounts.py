"""Signing in by a letter: once, in time, to where one was; out again; and what anybody sees stays the same for all."""

import json
from dataclasses import replace
from datetime import timedelta

from signing import BASE, NOW, OURS, ask, browser, rows, sign_in, token_of
from sqlalchemy import update

from netopsy.feed import schema
from netopsy.feed.database import writing
from netopsy.feed.mail.maildir import Maildir
from netopsy.feed.tick import tick
from netopsy.web.app import create_app


def test_a_letter_signs_in_once_and_leads_back(app, own):
    visit = browser(app)
    place = ask(visit, own, back="/papers/grokking?x=1")
    for _ in range(2):  # a program that looks at links signs nobody in
        page = visit.get(place)
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
        assert "set-cookie" not in page.headers
    assert rows(own, schema.account) == []
    answer = visit.post(place, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/papers/grokking?x=1")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-netopsy=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert "Domain" not in cookie
    assert visit.get("/settings").status_code == 200
    other = browser(app)
    for each in (visit, other):
        again = each.post(place, headers=OURS)
        assert (again.status_code, "set-cookie" in again.headers) == (410, False)
        assert each.get(place).status_code == 410
    assert other.get("/settings").status_code == 401


def test_a_link_is_good_for_15_minutes(app, own, moment):
    visit = browser(app)
    place = ask(visit, own)
    moment[0] += timedelta(minutes=15)
    assert visit.get(place).status_code == 410
    assert visit.post(place, headers=OURS).status_code == 410
    assert rows(own, schema.account) == []


def test_tokens_stand_in_no_table(app, own, settings, tmp_path, moment):
    visit = sign_in(app, own)
    (token,) = visit.cookies.values()
    moment[0] += timedelta(minutes=1)
    tick(own, settings, Maildir(tmp_path / "mail"), now=moment[0])
    (letter,) = (each.read_bytes() for each in (tmp_path / "mail" / "new").iterdir())
    assert b"To: ada@example.org" in letter
    everything = repr([rows(own, each) for each in schema.METADATA.sorted_tables])
    assert token not in everything
    assert "/sign-in/" not in everything
    assert rows(own, schema.delivery)[0]["address"] is None


def test_the_answer_is_the_same_for_whoever_has_an_account_and_three_letters_go_to_one(app, own):
    sign_in(app, own)
    visit = browser(app)
    answers = {visit.post("/sign-in", data={"address": each}, headers=OURS).content for each in ["ada@example.org"] * 5}
    answers.add(visit.post("/sign-in", data={"address": "new@example.org"}, headers=OURS).content)
    answers.add(visit.post("/sign-in", data={"address": "ADA@EXAMPLE.org"}, headers=OURS).content)
    assert len(answers) == 1
    to = [each["address"] for each in rows(own, schema.delivery)]
    assert (to.count("ada@example.org"), to.count("new@example.org")) == (3, 1)


def test_one_visitor_asks_for_letters_to_ten_addresses_a_day_by_both_forms_together(app, own, moment):
    visit = browser(app)

    def asked(number):
        place = "/sign-in" if number % 2 else "/subscribe"
        return visit.post(place, data={"address": f"a{number}@example.org"}, headers=OURS)

    assert [asked(number).status_code for number in range(10)] == [200] * 10
    assert [asked(number).status_code for number in (3, 4, 10, 11)] == [200, 200, 429, 429]
    assert "10 addresses a day" in asked(11).text
    assert len(rows(own, schema.delivery)) == 12
    moment[0] += timedelta(days=1)
    assert asked(11).status_code == 200


def test_a_cookie_that_was_planted_is_never_taken_over(app, own):
    planted = "A" * 43
    visit = browser(app)
    visit.cookies.set("__Host-netopsy", planted, domain="papers.example.org")
    place = ask(visit, own)
    answer = visit.post(place, headers=OURS)
    assert planted not in answer.headers["set-cookie"]
    other = browser(app)
    other.cookies.set("__Host-netopsy", planted, domain="papers.example.org")
    assert other.get("/settings").status_code == 401


def test_signing_in_ends_the_session_that_the_browser_had(app, own):
    visit = sign_in(app, own)
    before = dict(visit.cookies)
    place = ask(browser(app), own, "bob@example.org")
    assert visit.post(place, headers=OURS).status_code == 303
    old = browser(app)
    old.cookies.update(before)
    assert old.get("/settings").status_code == 401
    assert visit.get("/settings/my-data.json").json()["account"]["address"] == "bob@example.org"


def test_cookies_of_nobody_are_anybody(app):
    visit = browser(app)
    for cookie in ("", "x", "A" * 43, "A" * 5000, "é" * 43, "' or 1=1 --", "../../etc/passwd"):
        page = visit.get("/", headers={"cookie": f"__Host-netopsy={cookie}".encode()})
        assert page.status_code == 200
        assert "form_token" not in page.text
        assert visit.get("/shelf", headers={"cookie": f"__Host-netopsy={cookie}".encode()}).status_code == 401


def test_signing_out_here_and_everywhere(app, own):
    here, there = sign_in(app, own), sign_in(app, own)
    assert "In 2 browsers" in here.get("/settings").text
    kept = dict(here.cookies)
    answer = here.post("/sign-out", data={"form_token": token_of(here)}, headers=OURS)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    old = browser(app)
    old.cookies.update(kept)
    assert [each.get("/settings").status_code for each in (here, old, there)] == [401, 401, 200]
    third = sign_in(app, own)
    third.post("/sign-out", data={"form_token": token_of(third), "everywhere": "true"}, headers=OURS)
    assert [each.get("/settings").status_code for each in (there, third)] == [401, 401]
    assert rows(own, schema.session) == []


def test_a_token_is_replaced_once_a_day_and_two_tabs_go_on(app, own, moment):
    visit, tab = sign_in(app, own), browser(app)
    old, form = dict(visit.cookies), token_of(visit)
    moment[0] += timedelta(days=2)
    assert visit.post("/vote", data={"form_token": form, "cast": "grokking"}, headers=OURS).status_code == 303
    assert dict(visit.cookies) != old
    tab.cookies.update(old)
    moment[0] += timedelta(seconds=30)
    said = tab.post("/shelf", data={"form_token": form, "save": "grokking"}, headers=OURS)
    assert (said.status_code, "set-cookie" in said.headers) == (303, False)
    assert token_of(visit) == form
    moment[0] += timedelta(seconds=31)
    assert tab.get("/settings").status_code == 401
    assert visit.get("/settings").status_code == 200
    moment[0] += timedelta(days=91)
    assert visit.get("/settings").status_code == 401


def test_reading_signed_in_changes_nothing(app, own):
    visit = sign_in(app, own)
    before = [rows(own, each) for each in schema.METADATA.sorted_tables]
    for place in (
        "/",
        "/papers/grokking",
        "/shelf",
        "/settings",
        "/settings/my-data.json",
        "/shelf/export",
        "/sign-in",
    ):
        assert visit.get(place).status_code in (200, 303)
    assert [rows(own, each) for each in schema.METADATA.sorted_tables] == before


EVIL = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n//evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "evil.example",
    " //evil.example",
    "/\u2028/evil.example",
    "/%0d%0aSet-Cookie:x\r\nx: y",
    "",
    "/" + "a" * 3000,
]


def test_nobody_is_led_to_another_site(app, own):
    visit, signed = browser(app), sign_in(app, own)
    form = token_of(signed)
    for number, back in enumerate(EVIL):
        assert 'name="back" value="/"' in visit.get("/sign-in", params={"back": back}).text
        assert signed.get("/sign-in", params={"back": back}).headers["location"] == "/"
        data = {"form_token": form, "cast": "grokking", "back": back[:2000]}
        assert signed.post("/vote", data=data, headers=OURS).headers["location"] == "/"
        referer = {"referer": back.encode("utf-8", "ignore")[:900].strip()}
        refused = visit.post("/vote", data=data, headers=OURS | referer)
        assert refused.status_code == 401
        assert 'href="/sign-in?back=/"' in refused.text
        if number < 8:
            asking = {"address": f"a{number}@example.org", "back": back[:2000]}
            assert visit.post("/sign-in", data=asking, headers=OURS).status_code == 200
    assert {each["back"] for each in rows(own, schema.sign_in_link)} == {"/"}


def test_whoever_may_not_is_led_to_sign_in_and_back(app):
    visit = browser(app)
    page = visit.get("/shelf?tag=a&q=%C3%A9")
    assert page.status_code == 401
    assert page.headers["cache-control"] == "no-store"
    assert 'href="/sign-in?back=/shelf%3Ftag%3Da%26q%3D%25C3%25A9"' in page.text
    refused = visit.post("/vote", data={"cast": "grokking"}, headers=OURS | {"referer": f"{BASE}/papers/grokking"})
    assert 'href="/sign-in?back=/papers/grokking"' in refused.text


def test_what_anybody_sees_is_shared_and_what_a_visitor_sees_is_not(app, own, moment):
    anybody, ada, bob = browser(app), sign_in(app, own), sign_in(app, own, "bob@example.org")
    for place in ("/", "/papers/grokking"):
        page = anybody.get(place)
        assert page.headers["cache-control"].startswith("max-age=30")
        assert "Cookie" in page.headers["vary"]
        assert "set-cookie" not in page.headers
        assert "form_token" not in page.text
        tags = {each.get(place).headers["etag"] for each in (anybody, ada, bob)}
        assert len(tags) == 3
        assert {each.get(place).headers["cache-control"] for each in (ada, bob)} == {"private, no-cache"}
        for each in (ada, bob):
            assert each.get(place, headers={"if-none-match": page.headers["etag"]}).status_code == 200
    known = {"if-none-match": ada.get("/").headers["etag"]}
    assert ada.get("/", headers=known).status_code == 304
    assert anybody.get("/", headers=known).status_code == 200
    ada.post("/shelf", data={"form_token": token_of(ada), "save": "grokking"}, headers=OURS)
    assert ada.get("/", headers=known).status_code == 200
    for place in ("/api/v1/today", "/feeds/today.rss"):
        assert ada.get(place).headers["cache-control"].startswith("max-age=30")


def test_moderators_are_those_of_the_setting(app, own):
    from fastapi import Request

    from netopsy.web.visitor import require_moderator

    @app.get("/only-here")
    def only(request: Request):
        return {"moderator": require_moderator(request).moderator}

    answers = [each.get("/only-here").status_code for each in (browser(app), sign_in(app, own))]
    assert answers == [401, 403]
    assert sign_in(app, own, "Grace@Example.org").get("/only-here").json() == {"moderator": True}


def test_the_user_of_this_machine_needs_no_letter(own, settings, moment):
    app = create_app(own, replace(settings, base_url="http://127.0.0.1:8051"), now=lambda: moment[0])
    visit = browser(app)
    visit.base_url = "http://127.0.0.1:8051"
    assert visit.get("/settings").status_code == 200
    assert rows(own, schema.account) == []
    ours = {"origin": "http://127.0.0.1:8051"}
    data = {"form_token": token_of(visit), "cast": "grokking"}
    assert visit.post("/vote", data=data, headers=ours).status_code == 303
    assert [each["id"] for each in rows(own, schema.account)] == ["local"]
    assert own.show("grokking").votes == 1
    assert visit.get("/sign-in?back=/shelf").headers["location"] == "/shelf"
    for name in ("x-forwarded-for", "x-real-ip", "forwarded", "via"):
        assert visit.get("/settings", headers={name: "203.0.113.9"}).status_code == 401


def test_an_account_is_deleted_by_a_word_that_is_typed(app, own):
    visit = sign_in(app, own)
    form = token_of(visit)
    visit.post("/vote", data={"form_token": form, "cast": "grokking"}, headers=OURS)
    visit.post("/shelf", data={"form_token": form, "save": "grokking"}, headers=OURS)
    found = visit.get("/settings/my-data.json")
    assert found.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    account = found.json()["account"]
    assert [each["paper"] for each in account["votes"]] == [each["paper"] for each in account["shelf"]]
    assert "hash" not in json.dumps(account)
    for typed in ("", "yes", "DELETED"):
        refused = visit.post("/settings/delete", data={"form_token": form, "typed": typed}, headers=OURS)
        assert refused.status_code == 400
        assert "Nothing was deleted" in refused.text
    assert (
        visit.post("/settings/delete", data={"form_token": form, "typed": " Delete "}, headers=OURS).status_code == 303
    )
    for table in (schema.account, schema.vote, schema.shelf, schema.session):
        assert rows(own, table) == []
    assert visit.get("/settings").status_code == 401


def test_one_who_is_banned_is_told_so_in_a_sentence_and_does_not_come_back_as_another(app, own, moment):
    visit = sign_in(app, own)
    form = token_of(visit)
    with writing(own.engine) as connection:
        connection.execute(update(schema.account).values(banned_until=NOW + timedelta(days=3)))
    refused = visit.post("/vote", data={"form_token": form, "cast": "grokking"}, headers=OURS)
    assert refused.status_code == 403
    assert "may not vote, comment or submit until 2026-12-01 12:00 UTC." in refused.text
    assert rows(own, schema.vote) == []
    assert visit.post("/shelf", data={"form_token": form, "save": "grokking"}, headers=OURS).status_code == 303
    visit.post("/settings/delete", data={"form_token": form, "typed": "delete"}, headers=OURS)
    (row,) = rows(own, schema.account)
    assert (row["address"], rows(own, schema.shelf), rows(own, schema.session)) == (None, [], [])
    again = sign_in(app, own)
    data = {"form_token": token_of(again), "cast": "grokking"}
    assert again.post("/vote", data=data, headers=OURS).status_code == 403
    moment[0] += timedelta(days=3)
    assert again.post("/vote", data=data, headers=OURS).status_code == 303
