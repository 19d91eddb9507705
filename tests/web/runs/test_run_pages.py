"""Papers run from the browser: forms, uploads, progress, results; only what is meant to be seen is."""

import errno
import json
import re
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from netopsy.core.finding import Finding, Picture
from netopsy.feed import Feed
from netopsy.feed.moderation import hide, unhide
from netopsy.feed.settings import Settings
from netopsy.lab.recipes import Option, PaperRecipe
from netopsy.web.app import create_app
from netopsy.web.pages import runs as pages
from netopsy.web.runs import forms, queue
from netopsy.web.runs.carry_out import Outcome
from netopsy.web.runs.expiry import runs_folder
from netopsy.web.runs.results import write_whole

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OURS = {"sec-fetch-site": "same-origin"}
EDGES = b"source,target\na,b\nb,c\n"
HOSTILE = "<script>alert(1)</script>"
ROUTE = "/papers/graphlet-orbits/run"


@pytest.fixture(scope="module")
def feed(new_feed, tmp_path_factory):
    file = shutil.copy(new_feed, tmp_path_factory.mktemp("pages") / "papers.db")
    made = Feed.open(f"sqlite:///{file}", now=NOW)
    made.follow(encode=0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def local(feed):
    """The user of this machine."""
    app = create_app(feed, Settings(), now=lambda: NOW)
    return TestClient(app, base_url="http://127.0.0.1:8051", follow_redirects=False, headers=OURS)


@pytest.fixture(scope="module")
def anybody(feed):
    """A visitor of a public page."""
    app = create_app(feed, Settings(base_url="https://papers.example.org"), now=lambda: NOW)
    return TestClient(app, base_url="https://papers.example.org", follow_redirects=False, headers=OURS)


@pytest.fixture(scope="module")
def folders(feed):
    return runs_folder(feed.engine, Settings())


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(pages, "OFTEN", 0.01)


def _token(visit, address=ROUTE):
    found = re.search(r'name="form_token" value="([^"]*)"', visit.get(address).text)
    return found[1]


def _post(visit, address=ROUTE, files=None, **fields):
    # An empty file makes it multipart, as a browser's form is.
    files = files or {"file-9": ("", b"")}
    return visit.post(address, data={"form_token": _token(visit, address)} | fields, files=files)


def _fields(text):
    """What a browser sends of the form with choices, as its fields stand."""
    form = text.partition('class="choices"')[2].partition("</form>")[0]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes.get("type") not in ("radio", "file") or " checked" in tag:
            found[attributes["name"]] = attributes["value"]
    for name, options in re.findall(r'<select[^>]* name="([^"]*)">(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r"<option[^>]* selected>([^<]*)", options) or re.search(r"<option[^>]*>([^<]*)", options)
        found[name] = chosen[1]
    return found


def _number(answer):
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/runs/")


def _end(feed, folders, number, outcome):
    """Do what a worker does."""
    owner = "a worker"
    taken = queue.claim(feed.engine, owner, now=NOW)
    while taken.id != number:
        queue.finish(feed.engine, taken.id, owner, "failed", "x.", now=NOW)
        taken = queue.claim(feed.engine, owner, now=NOW)
    write_whole(outcome, folders / number)
    assert queue.finish(feed.engine, number, owner, "done", "", now=NOW)


def _outcome():
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 150"><script>alert(1)</script></svg>'
    finding = Finding(
        f"It is {HOSTILE}.",
        "Read it so.",
        pictures=(Picture(svg, HOSTILE, HOSTILE),),
        figures={"n": float("nan")},
        table=(("name", HOSTILE), *((f"row {number}", "=1+1") for number in range(300))),
        code="import netopsy",
    )
    return Outcome("A finding", (("A finding", finding),), (f"Another: {HOSTILE}",))


def test_a_paper_that_can_be_run_says_so_in_lists_and_on_its_page(local):
    assert f'href="{ROUTE}"' in local.get("/day/2025-03-14").text
    assert f'href="{ROUTE}"' in local.get("/papers/graphlet-orbits").text
    assert local.get("/papers/nowhere/run").status_code == 404
    assert _post(local, "/examine").status_code == 303
    assert local.post("/papers/nowhere/run", headers=OURS).status_code == 404


def test_every_recipe_has_its_form():
    for slug in (*forms.recipes(), forms.EXAMINATION):
        found = forms.form_of(slug)
        assert found.recipe.takes or found.recipe.options is not None
        assert found.recipe.paper == slug
    assert set(forms.form_of("eigen-cam").architectures) >= {"lenet", "mlp"}


def test_forms_are_kept_for_every_copy_of_the_same_recipes(monkeypatch, tmp_path):
    before, folder = forms._fingerprint(), Path(forms.studies.__file__).parent
    copied = [Path(shutil.copy(each, _made(tmp_path / each.parent.name))) for each in folder.glob("*/*_recipe.py")]
    monkeypatch.setattr(forms.studies, "__file__", str(tmp_path / "__init__.py"))
    assert forms._fingerprint() == before
    with copied[0].open("a") as opened:
        opened.write("\n")
    assert forms._fingerprint() != before


def _made(folder):
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("address", [ROUTE, "/papers/eigen-cam/run", "/examine"])
def test_a_form_is_whole(local, anybody, address):
    from html.parser import HTMLParser

    for visit in (local, anybody):
        answer = visit.get(address)
        assert answer.status_code == 200
        seen = []
        parser = HTMLParser()
        parser.handle_starttag = lambda tag, attrs, seen=seen: seen.append((tag, dict(attrs)))
        parser.feed(answer.text)
        labels = {attrs.get("for") for tag, attrs in seen if tag == "label"}
        fields = [attrs["id"] for tag, attrs in seen if tag in ("input", "select") and "id" in attrs]
        assert set(fields) <= labels
        assert len(fields) == len(set(fields))
        assert len([tag for tag, _ in seen if tag == "h1"]) == 1
        assert not [attrs for _, attrs in seen if "style" in attrs or any(name.startswith("on") for name in attrs)]
    assert ">laptop" not in anybody.get(ROUTE).text
    assert ">laptop" in local.get(ROUTE).text


def test_options_are_fields_of_their_kind_and_come_into_the_job(local, feed, monkeypatch):
    options = (
        Option("rank", "How many", 2, low=1.0, high=5.0),
        Option("share", "How much", 0.5),
        Option("way", "Which way", "up", choices=("up", "down")),
    )
    recipe = PaperRecipe("graphlet-orbits", "A toy", "x", (), lambda **_: None, options=options)
    monkeypatch.setattr(forms, "form_of", lambda slug: forms.Form(recipe))
    text = local.get(f"{ROUTE}?toy").text  # at an address of its own: finished pages are kept
    for field in (
        'type="number" name="option-rank" value="2" step="1" min="1.0" max="5.0"',
        'type="number" name="option-share" value="0.5" step="any"',
        "<option selected>up</option><option>down</option>",
        "<button>Run it</button>",
    ):
        assert field in text
    number = _number(_post(local, **{"option-rank": "3", "option-way": "down", "option-share": ""}))
    assert queue.find(feed.engine, number).job.options == {"rank": "3", "share": "0.5", "way": "down"}
    answer = _post(local, **{"option-rank": "6"})
    assert (answer.status_code, "rank must be a whole number from 1 to 5" in answer.text) == (400, True)


def test_an_upload_waits_under_a_name_of_ours_and_the_same_again_is_the_same_run(local, feed, folders):
    files = {"file-0": ("../../My secret graph.CSV", EDGES, "text/csv")}
    number = _number(_post(local, files=files, seed="5"))
    assert re.fullmatch(r"[0-9a-f]{32}", number)
    assert [each.name for each in (folders / number).iterdir()] == ["input-0.csv"]
    assert (folders / number / "input-0.csv").read_bytes() == EDGES
    job = queue.find(feed.engine, number).job
    assert (job.paper, job.seed, job.inputs[0].file) == ("graphlet-orbits", 5, "input-0.csv")
    assert _number(_post(local, files=files, seed="5")) == number
    assert _number(_post(local, files=files, seed="6")) != number
    other = {"file-0": ("x.csv", EDGES + b"c,d\n", "text/csv")}
    assert _number(_post(local, files=other, seed="5")) != number
    assert not list(folders.glob("incoming-*"))
    assert "secret" not in local.get(f"/runs/{number}").text


@pytest.mark.parametrize(
    ("files", "fields", "status", "message"),
    [
        ({"file-0": ("a.npz", b"PK")}, {}, 400, "must end in .csv or"),
        ({"file-0": ("a.csv.gz", b"x")}, {}, 400, "must end in .csv or"),
        ({"file-0": ("a.csv", b"")}, {}, 400, "is empty"),
        ({"file-0": ("a.csv", b"x" * 20_000_001)}, {}, 400, "at most 20,000,000 bytes"),
        (None, {"sample-0": "../karate"}, 400, "unknown sample"),
        (None, {"seed": "-1"}, 400, "the seed must be"),
        (None, {"seed": "9" * 30}, 400, "the seed must be"),
        (None, {"kind": "study", "preset": "paper"}, 400, "unknown preset"),
        (None, {"sample-0": "x" * 10_001}, 400, "maximum size"),
        (None, {f"x{number}": "" for number in range(120)}, 400, "Too many fields"),
        ({f"file-{number}": (f"{number}.csv", EDGES) for number in range(5)}, {}, 400, "Too many files"),
        ({"file-0": ("a.csv", b"x" * 71_000_000)}, {}, 413, "at most 70,000,000 bytes"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_left(local, folders, files, fields, status, message):
    before = sorted(each.name for each in folders.iterdir()) if folders.exists() else []
    answer = _post(local, files=files, **fields)
    assert (answer.status_code, message in answer.text) == (status, True), answer.text
    assert sorted(each.name for each in folders.iterdir()) == before


def test_a_full_disk_is_told_on_the_form_and_nothing_is_left(local, folders, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("netopsy.web.runs.uploads._copied", full)
    answer = _post(local, files={"file-0": ("a.csv", EDGES)})
    assert (answer.status_code, "The disk of this site is full" in answer.text) == (507, True)
    assert not list(folders.glob("incoming-*"))


def test_only_these_forms_may_be_large(local):
    for address in ("/subscribe", "/runs/x/cancel", "/papers/x/run/more", "/examine/x"):
        assert local.post(address, content=b"x" * 64_001).status_code == 413
    assert local.put("/examine", content=b"x" * 64_001).status_code == 413


def test_a_weights_file_names_its_architecture(local, feed):
    files = {"file-0": ("w.safetensors", b"x")}
    known = forms.form_of(forms.EXAMINATION).architectures
    fields = _fields(local.get("/examine").text)
    assert fields["architecture-0"] == next(iter(known))  # as a browser sends what is not touched
    assert {name for name in fields if name.startswith("size-")} == {
        f"size-0-{kind}-{size}" for kind, sizes in known.items() for size in sizes
    }
    for kind, sizes in known.items():
        assert {size: fields[f"size-0-{kind}-{size}"] for size in sizes} == dict(sizes)
    fields |= {"architecture-0": "lenet", "size-0-lenet-size": "8", "size-0-mlp-sizes": "64 10"}
    fields |= {"mean-0": "0.5", "std-0": " 0.25 "}
    number = _number(_post(local, "/examine", files=files, **fields))
    given = queue.find(feed.engine, number).job.inputs[0]
    assert (given.architecture, given.sizes, given.file) == ("lenet", "size=8", "input-0.safetensors")
    assert (given.mean, given.std) == ("0.5", "0.25")
    for wrong, message in [
        ({"architecture-0": "os.system"}, "unknown architecture"),
        ({"size-0-lenet-size": "8, channels=3"}, "size must be numbers"),
        ({"size-0-lenet-size": "9" * 301}, "at most 300 letters"),
        ({"mean-0": "0 " * 200}, "at most 300 letters"),
        ({"architecture-0": "mlp", "size-0-mlp-sizes": ""}, "mlp needs its sizes"),
    ]:
        answer = _post(local, "/examine", files=files, **fields | wrong)
        assert (answer.status_code, message in answer.text) == (400, True), answer.text


def test_a_form_of_another_session_or_site_is_refused(local):
    assert local.post(ROUTE, data={"form_token": "x"}, files={"a": ("", b"")}).status_code == 403
    assert local.post(ROUTE, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    number = _number(_post(local, seed="77"))
    assert local.post(f"/runs/{number}/cancel", data={"form_token": "x"}).status_code == 403


def test_anybody_runs_five_a_day_and_cancels_only_their_own(anybody, local, feed):
    numbers = [_number(_post(anybody, seed=str(number))) for number in range(5)]
    answer = _post(anybody, seed="6")
    assert answer.status_code == 429
    assert "5 runs a day" in answer.text
    assert _number(_post(anybody, seed="2")) == numbers[2]
    theirs = _number(_post(local, seed="99"))
    assert anybody.post(f"/runs/{theirs}/cancel", data={"form_token": ""}).status_code == 403
    answer = anybody.post(f"/runs/{numbers[0]}/cancel", data={"form_token": ""})
    assert answer.status_code == 303
    assert queue.find(feed.engine, numbers[0]).state == "cancelled"
    assert queue.CANCELLED in anybody.get(f"/runs/{numbers[0]}").text
    queue.cancel(feed.engine, theirs, now=NOW)
    for number in numbers[1:]:
        queue.cancel(feed.engine, number, now=NOW)


def test_a_run_is_followed_without_scripts_and_its_results_are_shown_as_text(local, feed, folders):
    number = _number(_post(local, seed="1234"))
    waiting = local.get(f"/runs/{number}")
    assert '<noscript><meta http-equiv="refresh"' in waiting.text
    assert "It waits for its turn" in waiting.text
    assert waiting.headers["x-robots-tag"] == "noindex"
    assert waiting.headers["cache-control"] == "no-store"
    _end(feed, folders, number, _outcome())
    done = local.get(f"/runs/{number}")
    assert "refresh" not in done.text
    assert HOSTILE not in done.text
    assert "&lt;script&gt;alert(1)" in done.text
    assert f'<img src="/runs/{number}/files/picture-1-1.svg"' in done.text
    assert "101 more rows are in the file" in done.text
    assert _number(_post(local, seed="1234")) == number
    for name, kind in (("result.json", "application/json"), ("table-1.csv", "text/csv; charset=utf-8")):
        answer = local.get(f"/runs/{number}/files/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert "sandbox" in answer.headers["content-security-policy"]
    assert "'=1+1" in answer.text
    assert json.loads(local.get(f"/runs/{number}/files/result.json").text)["findings"][0]["figures"] == {"n": None}
    picture = local.get(f"/runs/{number}/files/picture-1-1.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.headers["content-security-policy"].endswith("; sandbox")
    assert picture.headers["x-content-type-options"] == "nosniff"


TRAVERSALS = (
    *("../job.json", "..%2Fjob.json", "%2e%2e/job.json", "%2e%2e%2fjob.json", "..%5cjob.json", "....//job.json"),
    *("/etc/passwd", "%2Fetc%2Fpasswd", "job.json", "log.txt", "input-0.csv", "../../papers.db", "..%2f..%2fpapers.db"),
    *("result.json%00.svg", "result.json/", "./result.json/../../job.json", "%252e%252e%252fjob.json", "link.svg"),
    *("..%c0%afjob.json", "result.json%2f..%2f..%2fjob.json", "RESULT.JSON", "C:%5Cjob.json"),
    *("file:%2f%2f%2fetc%2fpasswd", "~root", ".%2e/job.json"),
)


@pytest.fixture(scope="module")
def done(local, feed, folders):
    number = _number(_post(local, seed="4321"))
    _end(feed, folders, number, _outcome())
    folder = folders / number
    (folder / "job.json").write_text("THE JOB")
    (folder / "log.txt").write_text("THE LOG")
    (folder / "result" / "link.svg").symlink_to("/etc/passwd")
    told = json.loads((folder / "result" / "result.json").read_text())
    told["files"].append("link.svg")
    (folder / "result" / "result.json").write_text(json.dumps(told))
    return number


@pytest.mark.parametrize("name", TRAVERSALS)
def test_nothing_but_results_is_handed_out(local, done, name):
    answer = local.get(f"/runs/{done}/files/{name}")
    assert answer.status_code in (400, 404)
    assert "THE JOB" not in answer.text
    assert "root:" not in answer.text
    assert "SQLite" not in answer.text


@pytest.mark.parametrize("number", ["%2e%2e", "0" * 32, "x" * 32, "../../papers.db", "0" * 31 + "%2f", "A" * 5000])
def test_a_run_that_there_is_none_of(local, number):
    for tail in ("", "/events", "/files/result.json"):
        assert local.get(f"/runs/{number}{tail}").status_code == 404


def _stream(visit, number, **headers):
    text = visit.get(f"/runs/{number}/events", headers=headers)
    assert text.status_code == 200
    events = []
    for block in text.text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if fields:
            events.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
    return text.headers, events


def test_events_come_as_they_happen_and_go_on_where_a_browser_left_off(local, feed, folders, clock):
    number = _number(_post(local, seed="555"))
    taken = queue.claim(feed.engine, "one", now=NOW)
    while taken.id != number:
        queue.finish(feed.engine, taken.id, "one", "failed", "x.", now=NOW)
        taken = queue.claim(feed.engine, "one", now=NOW)
    queue.progress(feed.engine, number, "one", {"what": "counting", "done": 1, "total": 2}, now=NOW)
    timer = threading.Timer(0.3, lambda: queue.finish(feed.engine, number, "one", "done", "", now=NOW))
    timer.start()
    headers, events = _stream(local, number)
    timer.join()
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-accel-buffering"] == "no"
    assert [(kind, seq) for kind, seq, _ in events] == [
        *(("state", "1"), ("state", "2"), ("progress", "3"), ("state", "4"), ("over", None)),
    ]
    assert [(kind, seq) for kind, seq, _ in _stream(local, number, **{"last-event-id": "2"})[1]] == [
        *(("state", "4"), ("over", None)),
    ]
    for odd in ("-1", "x", "9" * 40, "٣"):
        assert len(_stream(local, number, **{"last-event-id": odd.encode()})[1]) == 4
    assert [kind for kind, *_ in _stream(local, number, **{"last-event-id": "4"})[1]] == ["over"]


def test_only_so_many_streams_are_open_at_once(local, feed, monkeypatch):
    number = _number(_post(local, seed="556"))
    monkeypatch.setattr(pages, "OF_ONE", 0)
    answer = local.get(f"/runs/{number}/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    queue.cancel(feed.engine, number, now=NOW)
    assert local.app.state.site.streams.total() == 0


def test_a_run_is_gone_when_its_time_is_over(local, feed, folders, done):
    from netopsy.web.runs.expiry import expire

    assert local.get(f"/runs/{done}").status_code == 200
    expire(feed.engine, folders, now=NOW + timedelta(days=8))
    assert local.get(f"/runs/{done}").status_code == 404
    assert not (folders / done).exists()


def test_a_hidden_paper_is_run_by_nobody(local, feed):
    address = "/papers/teddy/run"
    token = _token(local, address)
    hide(feed.engine, "teddy", by="local", reason="not ours to show", now=NOW)
    answer = local.post(address, data={"form_token": token}, files={"file-9": ("", b"")})
    assert answer.status_code == 404
    assert local.get(address).status_code == 404
    unhide(feed.engine, "teddy", by="local", now=NOW)
    assert local.get(address).status_code == 200
