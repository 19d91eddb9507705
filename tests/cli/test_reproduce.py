import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netopsy.cli import main
from netopsy.lab import evidence, runs

TOYS = Path(__file__).resolve().parents[1] / "lab" / "toys"
TOY = "netopsy_toy:STUDY"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory in which the toy study can be imported."""
    monkeypatch.syspath_prepend(str(TOYS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def netopsy(here):
    """The command in a process of its own; settings reach the toy study through the environment."""

    def start(*arguments, **settings):
        environment = {**os.environ, "PYTHONPATH": str(TOYS), "OMP_NUM_THREADS": "1", **settings}
        command = [sys.executable, "-m", "netopsy", *arguments]
        return subprocess.Popen(
            command, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def test_reproduce_shows_the_verdicts_and_keeps_the_run(here, capsys):
    assert main(["reproduce", TOY, "--preset", "smoke", "--workers", "0"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"toy-grows: holds, 1\.92 \[1\.78, 2\.06\]\n", shown)
    assert re.search(r"size 3 less size 1 +interval above 0\.5 +1\.92 \[1\.78, 2\.06\] over 4 runs +holds", shown)
    for piece in ("12 cells measured now", "runs/toy/smoke"):
        assert piece in shown
    assert (here / "runs" / "toy" / "smoke" / "rows.parquet").exists()
    assert main(["reproduce", TOY, "--preset", "smoke", "--workers", "0", "--seeds", "5"]) == 0
    assert "3 cells measured now" in capsys.readouterr().out


def test_record_and_evidence(here, capsys, monkeypatch):
    folder = here / "docs" / "evidence"
    monkeypatch.setattr(runs, "checkout_folder", lambda: folder)
    monkeypatch.setattr(evidence, "evidence_folder", lambda: folder)
    assert main(["evidence"]) == 0
    assert "no run has been recorded yet" in capsys.readouterr().out
    assert main(["reproduce", TOY, "--workers", "0", "--record"]) == 0
    capsys.readouterr()
    assert main(["evidence"]) == 0
    assert capsys.readouterr().out.startswith("toy-grows\tholds\t1.92 [1.78, 2.06]\t")
    assert main(["evidence", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["verdicts"][0]["claim"] == "toy-grows"


def test_a_failing_cell_is_named_and_the_exit_code_is_1(here, capsys, monkeypatch):
    toy = importlib.import_module("netopsy_toy")
    monkeypatch.setattr(toy, "STUDY", toy.study(bad=("size 2 seed 1", "size 3 seed 0")))
    assert main(["reproduce", TOY, "--out", "run", "--workers", "2"]) == 1
    output, errors = capsys.readouterr()
    assert re.search(r"cell 'measure, size 2, seed 1[^']*' failed: ArithmeticError: the toy broke in two lines", errors)
    assert re.search(r"cell 'measure, size 3, seed 0[^']*' failed", errors)
    assert "Traceback" not in output + errors
    assert len(list((here / "run" / "cells").glob("*.json"))) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-paper"], "unknown study 'no-such-paper'"),
        (["netopsy_toy:NOTHING"], "study 'netopsy_toy:NOTHING' cannot be loaded"),
        (["netopsy_toy:plan"], "must be a netopsy.lab.Study, got function"),
        ([TOY, "--preset", "huge"], "unknown preset 'huge'"),
        ([TOY, "--seeds", "0"], "seeds must be a positive int, got 0"),
        ([TOY, "--seeds", "-3"], "seeds must be a positive int, got -3"),
        ([TOY, "--seeds", "many"], "Invalid value for '--seeds'"),
        ([TOY, "--workers", "-1"], "workers must be a number of processes"),
        ([TOY, "--cluster", "somewhere"], "cluster must be the address of a running dask scheduler"),
        ([TOY, "--cluster", "tcp://127.0.0.1:1", "--workers", "2"], "exclude each other"),
        ([TOY, TOY, "--out", "x"], "takes one paper, got 2"),
        ([TOY, "--out", "precious"], "is a folder with something else in it, such as 'thesis.tex'"),
        ([TOY, "--out", "precious/thesis.tex"], "is a file"),
        ([TOY, "--out", "precious/thesis.tex/run"], "is a file"),
        ([], "Missing argument"),
        ([TOY, "no-such-paper"], "unknown study 'no-such-paper'"),
    ],
)
def test_bad_input_is_one_sentence_and_touches_nothing(here, capsys, arguments, message, unchecked):
    (here / "precious").mkdir()
    (here / "precious" / "thesis.tex").write_text("years of work")
    assert main(["reproduce", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert {path.name for path in here.rglob("*")} == {"precious", "thesis.tex"}


def test_an_unreachable_cluster_is_bad_input(here, capsys):
    assert main(["reproduce", TOY, "--cluster", "tcp://127.0.0.1:1"]) == 2
    assert "cluster must be the address of a running dask scheduler" in capsys.readouterr().err
    assert not list(here.iterdir())


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def lines(log):
    return [line.split(",") for line in log.read_text().splitlines()] if log.exists() else []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_ctrl_c_begins_no_other_cell_and_leaves_a_run_that_goes_on(netopsy, here, capsys, monkeypatch):
    log, cells = here / "log", here / "run" / "cells"
    settings = {"TOY_LOG": str(log), "TOY_NAP": "0.15", "TOY_SEEDS": "12"}
    process = netopsy("reproduce", TOY, "--out", "run", "--workers", "2", **settings)
    while len(list(cells.glob("*.json"))) < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    stored = len(list(cells.glob("*.json")))
    assert len(lines(log)) <= stored + 2 < 36  # what the two workers were at is lost, and no other cell was begun
    assert f"interrupted: {stored} of 36 cells are stored in run; the same command goes on from there" in errors
    assert "Traceback" not in errors
    patience = time.monotonic() + 30
    while still_there := [pid for _, pid in lines(log) if alive(pid)]:
        assert time.monotonic() < patience, still_there
        time.sleep(0.05)
    started = len(lines(log))
    toy = importlib.import_module("netopsy_toy")
    monkeypatch.setattr(toy, "STUDY", toy.study(log=str(log), nap=0.15, seeds=12))  # as in the process
    assert main(["reproduce", TOY, "--out", "run", "--workers", "2"]) == 0
    assert f"{36 - stored} cells measured now" in capsys.readouterr().out
    assert len(lines(log)) == started + 36 - stored


@pytest.mark.parametrize("columns", ["60", "140"])
def test_the_verdicts_fit_a_terminal(columns, here, capsys, monkeypatch):
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": columns}.items():
        monkeypatch.setenv(name, value)
    assert main(["reproduce", TOY, "--preset", "smoke", "--workers", "0"]) == 0
    output = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out)
    table = output[output.index("toy-grows") : output.index("12 cells")]
    assert {"part", "rule", "estimate", "answer"} <= set(table.split())
    assert max(len(line.rstrip()) for line in table.splitlines()) <= int(columns)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from netopsy.cli import main; main(['reproduce', '--help']);"
        "sys.exit(bool({'torch', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
