import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pandas as pd
import pytest

from netopsy import __main__
from netopsy.cli import main
from netopsy.cli.outputs import results
from netopsy.cli.tables import print_rows
from netopsy.cli.terminal import kept_streams, own_streams, say

TOYS = Path(__file__).resolve().parents[1] / "lab" / "toys"
STEERING = "a\x1b]0;title\x07b\ud800"


def netopsy(*arguments, cwd=None, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "netopsy", *arguments],
        cwd=cwd,
        text=True,
        stderr=subprocess.PIPE,
        **{"stdout": subprocess.PIPE, **options},
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("command", ["--version", "papers"])
def test_output_that_cannot_be_written_is_one_sentence(command):
    with open("/dev/full", "w") as full:
        process = netopsy(command, stdout=full)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert errors.splitlines()[-1] == "netopsy: the output cannot be written: No space left on device"
    assert "Traceback" not in errors


def test_a_terminal_without_the_letters_and_a_backend_that_is_none(tmp_path):
    (tmp_path / "ring.csv").write_text("α,β\nβ,γ\nγ,α\n")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "MPLBACKEND": "nonsense"}
    surroundings = {**os.environ, **ascii_only}
    process = netopsy("graph", "cluster", "ring.csv", "--seed-node", "α", cwd=tmp_path, env=surroundings)
    errors = process.communicate(timeout=60)[1]
    assert "Traceback" not in errors
    process = netopsy("show", "teddy", env=surroundings)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert output.isascii()


def test_names_steer_no_terminal(capsys):
    say(f"{STEERING}\n{STEERING}")
    print_rows(("name", "n"), [(STEERING, "1")], cut="name")
    assert main(["reproduce", STEERING[:-1]]) == 2
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert shown.out == "a]0;titleb\na]0;titleb\na]0;titleb\t1\n"


def test_tables_hold_no_formula(tmp_path):
    table = pd.DataFrame({"node": ["=cmd|x", "-1", "+a", None], "n": [1, -2, 3, 4], "mixed": ["@x", 1, 2.5, STEERING]})
    with results(tmp_path / "out", "test") as folder:
        folder.table("nodes", table, "csv")
    text = (tmp_path / "out" / "nodes.csv").read_text()
    assert text == "node,n,mixed\n'=cmd|x,1,'@x\n-1,-2,1\n'+a,3,2.5\n,4,a]0;titleb\n"


@pytest.fixture
def handler():
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_the_command_is_loaded(monkeypatch, capsys, handler):
    class Loading(types.ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "netopsy.cli", Loading("netopsy.cli"))
    assert __main__.main() == 130
    assert capsys.readouterr().err == "netopsy: interrupted\n"


def test_ctrl_c_once_all_is_done(monkeypatch, handler):
    monkeypatch.setattr("netopsy.cli.main", lambda: 0)
    assert __main__.main() == 0
    signal.raise_signal(signal.SIGINT)


def test_a_study_of_ones_own_lies_in_the_working_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "mystudy.py").write_text((TOYS / "netopsy_toy.py").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in ("", ".", str(tmp_path))])
    monkeypatch.delitem(sys.modules, "mystudy", raising=False)
    try:
        assert main(["reproduce", "mystudy:STUDY", "--preset", "smoke", "--workers", "2"]) == 0
    finally:
        sys.modules.pop("mystudy", None)
    assert "12 cells measured now" in capsys.readouterr().out


def test_workers_without_room_for_their_sockets_are_one_sentence(tmp_path):
    (tmp_path / ("x" * 120)).mkdir()
    process = netopsy(
        "reproduce",
        "netopsy_toy:STUDY",
        cwd=tmp_path,
        env={
            **os.environ,
            "TMPDIR": str(tmp_path / ("x" * 120)),
            "PYTHONPATH": os.pathsep.join([str(TOYS), *sys.path]),
        },
    )
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "worker processes cannot be started (AF_UNIX path too long" in errors
    assert len(errors.splitlines()) == 1


ODD_FACTORIES = {
    "interrupts": ("raise KeyboardInterrupt", "raised KeyboardInterrupt although nobody interrupted"),
    "ends in its own way": ("raise type('Own', (BaseException,), {})('x')", "raised Own: x, which is meant"),
    "is hollow": ("import torch; return torch.nn.Linear(1, 1, device='meta')", "no values for 'weight'"),
}


@pytest.mark.parametrize(("does", "says"), ODD_FACTORIES.values(), ids=ODD_FACTORIES)
def test_a_factory_that_would_end_the_command_is_told(tmp_path, monkeypatch, capsys, does, says):
    (tmp_path / "odd_factory.py").write_text(f"def make():\n    {does}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "odd_factory", raising=False)
    assert main(["examine", "--model", "odd_factory:make", "--data", "digits"]) == 2
    output, errors = capsys.readouterr()
    assert says in errors
    assert (output, len(errors.splitlines())) == ("", 1)


def test_a_factory_that_closes_what_is_printed_to_and_exits_is_told(tmp_path):
    does = "import os, sys; sys.stdout.close(); sys.stderr.close(); os.close(1); sys.stdout = None; sys.exit(0)"
    (tmp_path / "odd.py").write_text(f"def make():\n    {does}\n")
    process = netopsy("examine", "--model", "odd:make", "--data", "digits", cwd=tmp_path)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert "odd:make could not make a network: it raised SystemExit: 0, which is meant to end" in errors
    assert len(errors.splitlines()) == 1


def test_streams_closed_by_others_still_print(capfd):
    with own_streams():
        sys.stdout.close()
        os.close(1)
        sys.stdout = None
        with kept_streams():
            sys.stderr = None
        say("still here", err=True)
    assert capfd.readouterr().err == "still here\n"


def test_help_whose_reader_is_gone_says_nothing():
    process = netopsy("examine", "--help")
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(timeout=60) == 1
    assert errors == ""
