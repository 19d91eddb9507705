"""What the page on ways of pruning shows in Python runs, and its table names every way there is."""

import re
from pathlib import Path

from netopsy.sparsity.comparison import METHODS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "prune.md").read_text()


def test_a_small_network_is_pruned(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "prune.md", "exec"), {})
    assert capsys.readouterr().out.endswith("60\n")


def test_every_way_is_in_the_table():
    assert tuple(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == METHODS
