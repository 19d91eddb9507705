"""The command line: every command is a thin call into the library, in a file of its own."""

from netopsy.cli.app import main

__all__ = ["main"]
