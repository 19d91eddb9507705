import importlib
import subprocess
import sys
from pathlib import Path
from time import sleep

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    found = importlib.import_module("benchmarks.timing")
    monkeypatch.setattr(found.gc, "collect", lambda: 0)  # which takes long among all that the tests have made
    return found


def nap(milliseconds):
    return lambda: sleep(milliseconds / 1000)


@pytest.mark.parametrize(("target", "met"), [(0.9, True), (0.1, False)])
def test_a_comparison_ends_with_the_ratio_and_its_target(timing, capsys, target, met):
    comparison = timing.Comparison("naps", nap(10), nap(20), target=target, rounds=3)
    assert comparison.report() is met
    *times, last = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[0] for line in times] == ["ours", "peer"]
    name, ratio, wanted, *missed = last.split()
    assert (name, wanted) == ("naps", f"target<={target:.2f}")
    assert 0.3 < float(ratio.removeprefix("ratio=")) < 0.75
    assert missed == ([] if met else ["MISSED"])


def test_both_sides_run_equally_often_and_take_turns(timing):
    ran = []
    timing.alternate(lambda: ran.append("a"), lambda: ran.append("b"), rounds=4)
    assert "".join(ran) == "ab" + "ab" + "ba" + "ab" + "ba"


@pytest.mark.parametrize(("seconds", "met"), [(1.0, True), (1e-4, False)])
def test_a_bound(timing, capsys, seconds, met):
    assert timing.Bound("nap", nap(5), seconds, rounds=2).report() is met
    assert ("MISSED" in capsys.readouterr().out) is not met


def test_a_share_is_to_be_reached(timing, capsys):
    assert timing.Share("right", lambda: 0.96, 0.95).report()
    assert not timing.Share("right", lambda: 0.94, 0.95).report()
    assert capsys.readouterr().out.split()[:3] == ["right", "share=0.960", "target>=0.950"]


def test_growth_compares_neighbouring_sizes(timing, capsys):
    timing.Growth("naps", {1: nap(5), 2: nap(10), 4: nap(20)}, rounds=2).report()
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("naps growth 1->2 x")
    assert ", 2->4 x" in last


def test_an_unknown_name_lists_those_there_are():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "norm_grad" in done.stderr


def test_every_benchmark_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    main = importlib.import_module("benchmarks.__main__")
    assert "norm_grad" in main.names()
    for name in main.names():
        assert callable(importlib.import_module(f"benchmarks.{name}").benchmarks)
