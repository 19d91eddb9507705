"""`netopsy graph`: what can be done with a graph in a file. One file a sub-command, named in `COMMANDS`."""

from __future__ import annotations

import typer

from netopsy.cli.graph import cluster, orbits, predict_links, sparsify, value

COMMANDS = (cluster, orbits, predict_links, sparsify, value)
"""Modules with a function `register(group)`."""


def register(app: typer.Typer) -> None:
    """Add the group and its sub-commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Small subgraphs, missing links, clusters, sparse versions and the value of a graph in a file.",
    )
    for command in COMMANDS:
        command.register(group)
    app.add_typer(group, name="graph")
