"""What every command of the command line keeps: help, and one sentence about what cannot be used."""

import pytest
import typer.main
from click import Argument, Group

from netopsy.cli import main
from netopsy.cli.app import app


def commands(command, path=()):
    """Each command with its own words, groups included."""
    yield path, command
    if isinstance(command, Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


EVERY = dict(commands(typer.main.get_command(app)))
WORKING = {path: command for path, command in EVERY.items() if not isinstance(command, Group)}


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def words(path):
    return " ".join(path) or "netopsy"


def refused(capsys, arguments, naming):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("netopsy: ")
    assert naming in line


@pytest.mark.parametrize("path", EVERY, ids=words)
def test_help_says_what_it_does_and_what_every_option_is(path, capsys):
    assert main([*path, "--help"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert EVERY[path].help
    for parameter in EVERY[path].params:
        if not isinstance(parameter, Argument):
            assert max(parameter.opts, key=len) in said.out
        assert parameter.name in ("version", "help") or parameter.help, parameter.name


@pytest.mark.parametrize("path", EVERY, ids=words)
def test_an_unknown_option_is_named(path, capsys):
    refused(capsys, [*path, "--no-such-option"], "--no-such-option")


@pytest.mark.parametrize("path", WORKING, ids=words)
def test_what_is_not_there_is_named(path, capsys, tmp_path):
    arguments = [each for each in WORKING[path].params if isinstance(each, Argument) and each.required]
    given = ["no-such-thing.csv"] * len(arguments)
    if path == ("examine",):
        given = ["--model", "netopsy.models:small_conv_net", "--data", "no-such-thing.csv"]
    if not given:
        pytest.skip("it is given nothing")
    refused(capsys, [*path, *given], "no-such-thing.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", WORKING, ids=words)
def test_a_missing_argument_is_named(path, capsys):
    missing = [each for each in WORKING[path].params if isinstance(each, Argument) and each.required]
    if not missing:
        pytest.skip("it needs none")
    refused(capsys, list(path), missing[0].make_metavar() if missing[0].metavar is None else missing[0].metavar)
