"""What the page on graphs shows in Python runs, but for the part that reads a file of the reader's own."""

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "graphs.md").read_text()


def test_the_networks_are_written_and_strangers_exchange_their_messages(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    codes = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "facebook.mat" not in code]
    assert len(codes) == 2
    names: dict = {}
    for code in codes:
        exec(compile(code, "graphs.md", "exec"), names)
    assert (tmp_path / "florentine.csv").stat().st_size > 100
    assert capsys.readouterr().out.startswith("[")
    square, share, error = names["value"].content["disparity"]
    assert square > 0
    assert 0 < share < 1
    assert error == 0
