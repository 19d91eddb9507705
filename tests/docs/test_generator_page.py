"""The page on generators runs from top to bottom, with less training than it asks for."""

import re
from pathlib import Path

import torch

from netopsy.core.seeds import seeded

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "take-a-generator-apart.md").read_text()


def test_the_page_runs(tmp_path, monkeypatch, capsys, unchecked):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    assert "steps=1000" in code
    assert 'index("house")' in code
    # So short a training gives no houses yet, but a ground.
    short = code.replace("steps=1000", "steps=30").replace("scenes(5000)", "scenes(500)").replace('"house"', '"ground"')
    names: dict = {}
    with seeded(0):
        exec(compile(short.replace("steps=50", "steps=2"), "take-a-generator-apart.md", "exec"), names)
    assert (tmp_path / "units.png").stat().st_size > 1000
    assert (tmp_path / "edits.png").stat().st_size > 1000
    assert names["gained"].shape == (8, 8)
    assert not torch.equal(names["before"], names["without"])
    assert "of the house pixels are gone" in capsys.readouterr().out
