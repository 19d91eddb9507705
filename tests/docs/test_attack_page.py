"""What the page on changed answers shows in Python runs."""

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "attack.md").read_text()


def test_the_search_and_the_certificate_run(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(compile(code, "attack.md", "exec"), names)
    assert names["found"].n_queries <= 500
    assert "Certificate(safe=" in capsys.readouterr().out
