"""The `netopsy` command: its sub-commands, and what happens when something goes wrong.

Nothing heavy is imported here, so that help is instant; each command imports what it needs when it runs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import typer
from typer.main import get_command

from netopsy import InputError, __version__
from netopsy.cli import attack, compare, examine, feed, graph, papers, prune, reproduce, run, serve, verify
from netopsy.cli.terminal import UNWRITABLE, complain, flush, own_streams, prepare, silence

app = typer.Typer(
    name="netopsy",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Published neural-network research as instruments for your own networks, images and graphs.",
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"netopsy {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _netopsy(version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True)) -> None:
    pass


for group in (attack, compare, examine, feed, graph, papers, prune, reproduce, run, serve, verify):
    group.register(app)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 1 something failed, 2 bad input, 130 interrupted."""
    with own_streams():
        return _run(arguments)


def _run(arguments: list[str] | None) -> int:
    try:
        prepare()
        code = _command()(args=arguments, standalone_mode=False)
        flush()
    except SystemExit as error:  # no command of netopsy's raises it; the parser does when its reader is gone
        if isinstance(error.__context__, BrokenPipeError):
            silence()
            return 1
        return _say(f"the command was ended by SystemExit: {error}, raised by code that it was given", 2)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except BrokenPipeError:
        silence()
        return 1
    except InputError as error:
        return _say(str(error), 2)
    except MemoryError as error:
        return _say(f"out of memory{f': {error}' if str(error) else ''}", 1)
    except Exception as error:
        if isinstance(error, typer.Abort) or type(error).__name__ == "Abort":
            return _say("interrupted", 130)
        if hasattr(error, "format_message"):  # a usage error of the command-line parser
            return _say(error.format_message(), 2) if error.format_message() else 2
        from netopsy.lab.errors import StorageError

        if isinstance(error, StorageError):
            return _say(str(error), 1)
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            silence()
            return _say(f"the output cannot be written: {error.strerror or error}", 1)
        raise
    return code if isinstance(code, int) else 0


@cache
def _command() -> Any:
    """What reads the arguments: made of what all commands take, which takes longer than reading them."""
    return get_command(app)


def _say(message: str, code: int) -> int:
    complain(message)
    return code
