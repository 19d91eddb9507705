"""The page on generators runs from top to bottom, with less training than it asks for."""

import re
from pathlib import Path

import torch

from netopsy.core.seeds import seeded

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "take-a-generator-apart.md").read_text()

LESS = {
    "scenes(5000)": "scenes(300)",
    "steps=1000": "steps=30",
    "randn(1000, 32)": "randn(400, 32)",
    "z[:200]": "z[:50]",
    "z[:20]": "z[:4]",
    "steps=50, pairs=100": "steps=2, pairs=10",
    "[:500]": "[:50]",
    '"house"': '"ground"',  # so short a training gives no houses yet, but a ground
}


def test_the_page_runs(tmp_path, monkeypatch, capsys, unchecked):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    short = code
    for shown, less in LESS.items():
        assert shown in short
        short = short.replace(shown, less)
    names: dict = {}
    with seeded(0):
        exec(compile(short, "take-a-generator-apart.md", "exec"), names)
    assert (tmp_path / "units.png").stat().st_size > 1000
    assert (tmp_path / "edits.png").stat().st_size > 1000
    assert names["gained"].shape == (8, 8)
    assert not torch.equal(names["before"], names["without"])
    assert "of the house pixels are gone" in capsys.readouterr().out
