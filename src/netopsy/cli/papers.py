"""(being written)"""

import typer


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
