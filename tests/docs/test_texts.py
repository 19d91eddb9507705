"""What the documents promise exists: commands, options, make targets, names, files; and README's Python runs."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import networkx as nx
import pytest
import typer.main

import netopsy
from netopsy.cli.app import app, main

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
README = (ROOT / "README.md").read_text()
each_text = pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, also those inside a tab, without their margin."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return ["".join(line.removeprefix(margin) for line in body.splitlines(keepends=True)) for margin, body in found]


def commands(text: str) -> list[list[str]]:
    lines = [line for block in blocks(text, "console") for line in block.splitlines()]
    inline = re.findall(r"`((?:netopsy|make) [^`]+)`", text)
    return [
        shlex.split(line.removeprefix("$ ")) for line in [*lines, *inline] if line.startswith(("$ ", "netopsy", "make"))
    ]


@each_text
def test_commands_exist_with_the_options_shown(text):
    known = typer.main.get_command(app).commands
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in commands(text.read_text()):
        if words[0] == "make":
            assert words[1] in targets, words
        if words[0] != "netopsy" or words[1].startswith("-"):
            continue
        assert words[1] in known, words
        command, rest = known[words[1]], words[2:]
        while rest and hasattr(command, "commands"):  # a group
            assert rest[0] in command.commands, words
            command, rest = command.commands[rest[0]], rest[1:]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words[2:] if word.startswith("--")} <= options, words


def test_the_options_of_an_examination_are_those_of_the_command():
    told = set(re.findall(r"^\| `(--[a-z]+)` \|", (ROOT / "docs" / "examination.md").read_text(), re.MULTILINE))
    command = typer.main.get_command(app).commands["examine"]
    assert told == {name for parameter in command.params for name in parameter.opts if name.startswith("--")} - {
        "--help"
    }


@each_text
def test_python_shown_is_python_and_its_names_exist(text):
    for block in blocks(text.read_text(), "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("netopsy"):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "netopsy":
                assert hasattr(netopsy, node.attr), node.attr


def test_readme_s_examples_run(capsys, unchecked):
    shown = re.findall(r"(<!-- not run[^\n]*\n)?```python\n(.*?)```", README, re.DOTALL)
    run = [code for skipped, code in shown if not skipped]
    assert len(run) == 2
    for code in run:
        assert code.count("steps=300") == 1
        exec(compile(code.replace("steps=300", "steps=60"), "README.md", "exec"), {})
    first, *table = capsys.readouterr().out.splitlines()
    assert -1 <= float(first) <= 1
    assert table[0].startswith("100.0% of the weights: ")
    assert len(table) == 9


@each_text
def test_links_to_files_lead_somewhere(text):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text.read_text()):
        generated = target.startswith(("papers/", "api/"))
        assert re.match(r"https?:", target) or generated or (text.parent / target).exists(), target


def test_paths_in_readme_exist():
    for path in re.findall(r"`((?:src|docs|benchmarks)/[\w./]*)", README):
        assert (ROOT / path.rstrip("/")).exists(), path


def test_the_changelog_knows_this_version():
    assert f"## [{netopsy.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_the_one_declared():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert len(text.splitlines()) > 200


def test_pre_commit_fetches_nothing():
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [entry["repo"] for entry in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")


def test_readme_s_graph_commands_run(tmp_path, monkeypatch, capsys, unchecked):
    monkeypatch.chdir(tmp_path)
    friends = nx.relabel_nodes(nx.les_miserables_graph(), {"Valjean": "Ann"})
    nx.write_edgelist(friends, "friends.csv", delimiter=",", data=False)
    for name, seed in (("mine", 1), ("yours", 2), ("theirs", 3)):
        nx.write_edgelist(nx.gnp_random_graph(20, 0.3, seed=seed), f"{name}.csv", delimiter=",", data=False)
    graph = [words for words in commands(README) if words[:2] == ["netopsy", "graph"]]
    assert {words[2] for words in graph} == {"orbits", "predict-links", "cluster", "sparsify", "value"}
    for words in graph:
        shorter = ["--epochs", "5"] if words[2] == "predict-links" else []
        assert main([*words[1:], *shorter]) == 0, capsys.readouterr().err
