"""`netopsy serve` really started, and ended by Ctrl-C; what it refuses."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from netopsy.cli import main


def test_it_serves_until_it_is_interrupted(tmp_path):
    around = os.environ | {"NETOPSY_FEED": f"sqlite:///{tmp_path}/papers.db", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "netopsy", "serve", "--port", "0", "--slots", "1"]
    with subprocess.Popen(command, env=around, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        line = served.stdout.readline()
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
            with urllib.request.urlopen(address, timeout=30) as answer:
                assert b"51 papers" in answer.read()
        finally:
            served.send_signal(signal.SIGINT)
            rest, errors = served.communicate(timeout=30)
        assert (served.returncode, rest, errors) == (0, "", "")


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
        (["--host", "0.0.0.0"], "say --public if that is meant"),
        (["--host", "0.0.0.0", "--public"], "--public needs an https address in NETOPSY_BASE_URL"),
        (["--host", "127.0.0.1 x"], "say --public"),
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
