"""What the page on papers by day shows runs."""

import re
import shlex
import shutil
from pathlib import Path

import feedparser

from netopsy.cli import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "feed.md").read_text()


def test_its_commands_run(new_feed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(new_feed, tmp_path / "papers.db")
    monkeypatch.setenv("NETOPSY_FEED", f"sqlite:///{tmp_path}/papers.db")
    monkeypatch.setenv("NETOPSY_SECRET_FILE", str(tmp_path / "secret"))
    (tmp_path / "papers.bib").write_text("@misc{one, title = {Of nets}, author = {A. Author}, eprint = {2611.00001}}")
    (tmp_path / "feeds.opml").write_text('<opml version="2.0"><body/></opml>')  # none that would be asked
    (tmp_path / "edges.csv").write_text("source,target\nada,bea\nbea,cid\ncid,ada\n")
    lines = [line[2:] for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert len(lines) >= 13
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, capsys.readouterr().err
    assert "Of nets" in (tmp_path / "today.rss").read_text()
    assert not feedparser.parse((tmp_path / "today.rss").read_text()).bozo
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(compile(code, "feed.md", "exec"), names)
    assert names["papers"]
