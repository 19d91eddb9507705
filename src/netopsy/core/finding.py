"""What one instrument saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Literal

from netopsy.core.drawing import render
from netopsy.core.errors import require
from netopsy.core.texts import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Number = int | float | str
Verdict = Literal["good", "doubtful", "plain"]


@dataclass(frozen=True, repr=False)
class Picture:
    """A drawing for the report."""

    svg: str
    """The drawing as SVG text; it reads well on light and on dark pages."""
    description: str
    """What is to be seen, for those who cannot see it."""
    caption: str = ""

    def __repr__(self) -> str:
        return f"<Picture: {self.description}>"

    @staticmethod
    def of(figure: Figure, description: str, caption: str = "") -> Picture:
        """A picture of a matplotlib figure."""
        return Picture(render(figure, "svg").decode(), description, caption)


@dataclass(frozen=True, repr=False)
class Finding:
    """One finding: a plain sentence with the number, what shows it, and how to read it."""

    sentence: str
    """What was seen, in one plain sentence that holds the number."""
    reading: str
    """How to read the picture, and what the finding does not say."""
    pictures: tuple[Picture, ...] = ()
    figures: Mapping[str, Number] = field(default_factory=dict)
    """The numbers behind the sentence, by name; they stand in the report's JSON too."""
    table: tuple[tuple[str, ...], ...] = ()
    """Rows to show as a table, the head first."""
    glance: str = ""
    """The sentence in ten words, for the list at the head of the report."""
    verdict: Verdict = "plain"
    """Whether it speaks for the network, is something to see to, or neither."""
    advice: str = ""
    """What to do about it, in a sentence."""
    code: str = ""
    """Lines of Python that reproduce it, given ``model`` and ``data``."""

    def __repr__(self) -> str:
        return f"<Finding: {self.sentence}>"

    def _repr_html_(self) -> str:
        """The sentence and its pictures, in a notebook."""
        from netopsy.core.svg import inline_svg

        drawn = "".join(
            f"<figure>{inline_svg(each.svg, f'{id(self)}-{number}-', each.description)[0]}"
            f"<figcaption>{escape(plain(each.caption))}</figcaption></figure>"
            for number, each in enumerate(self.pictures)
        )
        return f"<p><strong>{escape(plain(self.sentence))}</strong></p>{drawn}<p>{escape(plain(self.advice))}</p>"

    def __post_init__(self) -> None:
        require(self.sentence.strip().endswith((".", "!", "?")), f"sentence must be a sentence, got {self.sentence!r}")
