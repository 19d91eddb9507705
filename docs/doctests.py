"""Shows the examples in docstrings as code: Markdown would read ``>>>`` as a quotation."""

from __future__ import annotations

from typing import Any

from griffe import Extension, Object


class Doctests(Extension):
    """Puts a code fence around every example of every docstring."""

    def on_object(self, *, obj: Object, **options: Any) -> None:
        """Rewrite one docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """``text`` with a fence around each example, which runs from ``>>>`` to the next empty line.

    >>> fenced("Adds.") == "Adds."
    True
    """
    lines: list[str] = []
    margin: str | None = None
    for line in text.splitlines():
        if margin is None and line.lstrip().startswith(">>>"):
            margin = line[: len(line) - len(line.lstrip())]
            lines += ["", f"{margin}```pycon"]
        if margin is not None and not line.strip():
            lines.append(f"{margin}```")
            margin = None
        lines.append(line)
    return "\n".join(lines if margin is None else [*lines, f"{margin}```"])
