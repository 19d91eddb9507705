"""Adding a paper adds files and edits none: done with a made-up one, on a copy of the sources."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import netopsy
from netopsy.lab.version import code_keys
from netopsy.studies import available, load

SOURCES = Path(netopsy.__file__).parent

ENTRY = """
title = "Made Up Means"
arxiv = "0000.00000"
year = 2024
venue = "none"
authors = "Nobody"
room = "theory"
status = "ready"
keywords = ["mean"]
summary = "The mean of more numbers is nearer to what they are drawn from."
methods = ["netopsy.theory.made_up_means.average"]

[[claims]]
id = "made-up-means-1"
text = "The mean of a hundred numbers is nearer than that of ten."
criterion = "Distance of ten less that of a hundred: 95% interval over runs above 0."
paper_value = "None."
"""

METHOD = '''
"""Means."""

from netopsy.core.errors import require


def average(numbers: list[float]) -> float:
    """The mean of some numbers.

    >>> average([1.0, 3.0])
    2.0
    """
    require(numbers, "numbers must hold at least one, got none")
    return sum(numbers) / len(numbers)
'''

STUDY = '''
"""Are means of more numbers nearer?"""

import random
from dataclasses import dataclass

from netopsy.core.drawing import figure
from netopsy.lab import Cell, Study, above, paired_difference
from netopsy.lab.plots import lines
from netopsy.theory.made_up_means import average


@dataclass(frozen=True)
class Config:
    """Every number."""

    seeds: int = 20
    sizes: tuple[int, ...] = (10, 100)


def plan(config):
    """A run a cell."""
    for seed in range(config.seeds):
        yield Cell.of(distance, seed=seed, sizes=config.sizes)


def distance(seed: int, sizes: tuple[int, ...]):
    """Of means from 0."""
    drawn = random.Random(seed)
    for size in sizes:
        yield {"size": size, "value": abs(average([drawn.gauss(0, 1) for _ in range(size)]))}


def judge(tables, config):
    """One part."""
    wide = tables.wide("distance", columns="size")
    yield "made-up-means-1", above("ten less a hundred", paired_difference(wide[10], wide[100]))


def draw(tables, config):
    """Distance by size."""
    drawn, ax = figure()
    lines(ax, tables["distance"], x="size")
    return {"distance": drawn}


PRESETS = {"smoke": Config(), "laptop": Config(), "paper": Config(100)}
STUDY = Study("made-up-means", PRESETS, plan, (distance,), judge, draw)
'''

OTHERS = ("dagnn", "eigen-cam")
SCRIPT = f"""
import json, sys
from netopsy.catalogue import paper
from netopsy.catalogue.methods import describe
from netopsy.lab import run
from netopsy.lab.version import code_keys
from netopsy.studies import load
done = run(load("made-up-means"), "smoke", out=sys.argv[1], workers=0)
found = {{"verdicts": [each.verdict for each in done.verdicts], "figures": sorted(done.figures)}}
found |= {{"call": describe(paper("made-up-means").methods[0]).call}}
found |= {{"keys": {{name: code_keys(load(name).measures) for name in {OTHERS}}}}}
print(json.dumps(found))
"""


def ask(sources: Path, out: Path) -> dict:
    environment = os.environ | {"PYTHONPATH": str(sources)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(out)], capture_output=True, text=True, env=environment, cwd=sources
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_paper_is_files_that_are_added(tmp_path):
    root = tmp_path / "src" / "netopsy"
    shutil.copytree(SOURCES, root, ignore=shutil.ignore_patterns("*.pyc.*"))  # which are being written
    before = {name: code_keys(load(name).measures) for name in OTHERS}
    assert "made-up-means" not in available()
    for path, text in {
        "catalogue/papers/made-up-means.toml": ENTRY,
        "theory/__init__.py": '"""What can be worked out with pencil and paper."""\n',
        "theory/made_up_means.py": METHOD,
        "studies/theory/__init__.py": '"""Studies."""\n',
        "studies/theory/made_up_means.py": STUDY,
    }.items():
        (root / path).parent.mkdir(exist_ok=True)
        assert not (root / path).exists()
        (root / path).write_text(text.lstrip())
    after = ask(root.parent, tmp_path / "run")
    assert after["verdicts"] == ["holds"]
    assert after["figures"] == ["distance"]
    assert after["call"] == "average(numbers)"
    assert after["keys"] == before  # no stored cell of another paper is lost
