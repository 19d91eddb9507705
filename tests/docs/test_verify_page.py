"""What the page on proved answers shows in Python runs."""

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "verify.md").read_text()


def test_a_small_network_is_asked_about(tmp_path, monkeypatch, capsys):
    import torch

    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(compile(code, "verify.md", "exec"), names)
    assert (tmp_path / "verdict.png").stat().st_size > 1000
    assert names["found"].status in capsys.readouterr().out
    assert 0 < names["radius"].proved <= names["radius"].broken
