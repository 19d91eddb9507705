"""One look for every figure: print quality, colours that colour-blind readers can tell apart, light and dark pages.

Nothing global is changed: the style holds only inside the functions here, in ``with style():`` and in what is decorated
with ``@style()``. Matplotlib is imported only when something is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from cycler import cycler
from numpy.typing import NDArray

from netopsy.core.errors import require
from netopsy.core.texts import plain_lines

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#2f7fc1", "#d9742b", "#2a9d77", "#b65fa8", "#c9a227", "#6b7f99")
"""Blue, orange, green, purple, ochre, slate: distinct under every common colour blindness, on white and on black."""

INK = "#808488"
"""The mid-grey of text and axes: at least 3.7 to 1 on both a white and a black page."""

LARGEST_SVG = 150_000
"""How many bytes of a figure a page has room for."""

_STYLE: Any = {
    "figure.facecolor": "none",
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "none",
    "savefig.dpi": 200,
    "savefig.transparent": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "netopsy",
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=PALETTE),
    "grid.color": INK,
    "grid.alpha": 0.2,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.color": INK,
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "patch.edgecolor": "none",
    "image.cmap": "viridis",
}


@contextmanager
def style() -> Iterator[None]:
    """The theme, for what is drawn inside the block."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield


def figure(width: float = 5.0, height: float = 3.2) -> tuple[Figure, Axes]:
    """An empty figure of ``width`` by ``height`` inches with one set of axes."""
    drawn, axes = figure_grid(1, 1, width, height)
    return drawn, axes[0, 0]


def figure_grid(
    rows: int, columns: int, width: float = 7.0, height: float = 3.2, **options: Any
) -> tuple[Figure, NDArray[np.object_]]:
    """An empty figure with ``rows`` by ``columns`` axes; ``options`` go to `Figure.subplots`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    require(width > 0 and height > 0, f"width and height must be positive inches, got {width} and {height}")
    with style():
        drawn = Figure(figsize=(width, height))
        FigureCanvasAgg(drawn)
        axes = drawn.subplots(rows, columns, squeeze=False, **options)
    return drawn, axes


def panel(ax: Axes | None = None, width: float = 5.0, height: float = 3.2) -> Axes:
    """The axes to draw in: those given, otherwise new ones of pyplot's, which a notebook shows."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with style():
        return plt.subplots(figsize=(width, height))[1]


def image_grid(count: int, columns: int, width: float, height: float) -> list[Axes]:
    """Axes for so many images of ``width`` by ``height`` inches, at most ``columns`` in a row, in a new figure."""
    from matplotlib.figure import Figure

    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    axes = Figure(figsize=(width * columns, height * rows), layout="constrained").subplots(rows, columns, squeeze=False)
    places: list[Axes] = axes.ravel().tolist()
    for spare in places[count:]:
        spare.remove()
    return places[:count]


def label(text: str, most: int = 24, *, number: int | None = None) -> str:
    """Text from outside made safe for a drawing: one line, cut in the middle where it is long, every ``$`` literal.

    Control characters are dropped. What is safe already stays as it is. A leading underscore, which would keep a line
    out of its legend, gets a space before it.

    Args:
        most: characters to keep.
        number: of the class or node; shown in front where the font lacks letters of the name, which are left out then.

    >>> label("a very long name of a class indeed", most=11)
    'a ver…ndeed'
    >>> print(label("cat$"))
    cat\\$
    >>> label("ロケット", number=3), label("猫 cat", number=4)
    ('class 3', '4: cat')
    >>> label("_conv_head")
    ' _conv_head'
    """
    text = " ".join("".join(letter for letter in text if letter.isprintable() or letter.isspace()).split())
    if number is not None:
        shown = "".join(letter for letter in text if letter.isspace() or _drawable(letter)).strip()
        if shown != text:
            text = f"{number}: {shown}" if shown else f"class {number}"
    text = text.replace(r"\$", "$") or "–"
    if len(text) > most:
        head = most // 2
        text = f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def title(text: str, most: int = 60) -> str:
    """Every line of ``text`` through `label`; what is empty stays empty."""
    return "\n".join(label(line, most) if line else "" for line in text.split("\n"))


@cache
def _drawable(letter: str) -> bool:
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    return font.get_char_index(ord(letter)) != 0


def render(drawn: Figure, ending: str = "svg") -> bytes:
    """The figure as the content of an SVG, PNG or PDF file. The same figure gives the same bytes.

    Where an SVG would be larger than `LARGEST_SVG`, images, collections and lines of many points are drawn as pixels.
    """
    require(ending in _UNDATED, f"ending must be one of {', '.join(_UNDATED)}, got {ending!r}")
    content = _saved(drawn, ending)
    if ending == "svg" and len(content) > LARGEST_SVG:
        heavy = drawn.findobj(_is_heavy)
        before = [artist.get_rasterized() for artist in heavy]
        for artist in heavy:
            artist.set_rasterized(True)
        content = _saved(drawn, ending, dpi=120)
        for artist, was in zip(heavy, before, strict=True):
            artist.set_rasterized(was)
    return content


def _is_heavy(artist: Artist) -> bool:
    from matplotlib.collections import Collection
    from matplotlib.image import _ImageBase
    from matplotlib.lines import Line2D

    if isinstance(artist, Line2D):
        return len(np.atleast_1d(artist.get_xdata())) > 200
    return isinstance(artist, _ImageBase | Collection)


def _saved(drawn: Figure, ending: str, **options: Any) -> bytes:
    from matplotlib import rc_context
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    buffer = io.BytesIO()
    options |= {"format": ending, "metadata": _UNDATED[ending], "facecolor": "none"}
    with style():
        try:
            drawn.savefig(buffer, **options)
        except (ValueError, TypeError):  # a name with dollar signs that is no formula, or with letters that are none
            for text in drawn.findobj(Text):
                text.set(parse_math=False, text=plain_lines(text.get_text()))
            for axis in drawn.findobj(Axis):
                for formatter in (axis.get_major_formatter(), axis.get_minor_formatter()):
                    setattr(formatter, "format_ticks", partial(_plain_ticks, formatter.format_ticks))  # noqa: B010
            buffer = io.BytesIO()
            with rc_context({"text.parse_math": False}):
                drawn.savefig(buffer, **options)
    drawn.set_layout_engine("none")  # laying out takes most of the time, and every format has the same layout
    return _NO_XML.sub(b"", buffer.getvalue()) if ending == "svg" else buffer.getvalue()


def _plain_ticks(labels: Callable[[Any], list[str]], places: Any) -> list[str]:
    return [plain_lines(label) for label in labels(places)]


_NO_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Control characters, which no XML file may hold; in UTF-8 no other letter has these bytes."""
_UNDATED: dict[str, Any] = {"svg": {"Date": None}, "png": {}, "pdf": {"CreationDate": None}}
