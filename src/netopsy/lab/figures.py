"""One look for every figure: print quality, colours that colour-blind readers can tell apart, light and dark pages.

Nothing global is changed: figures are made without pyplot, and the style holds only inside the functions here and in
``with style():``.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.image import _ImageBase
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from netopsy.core.errors import require
from netopsy.lab.files import LARGEST_SVG
from netopsy.lab.statistics import mean_interval

PALETTE = ("#2f7fc1", "#d9742b", "#2a9d77", "#b65fa8", "#c9a227", "#6b7f99")
"""Blue, orange, green, purple, ochre, slate: distinct under every common colour blindness, on white and on black."""

INK = "#808488"
"""The mid-grey of text and axes: at least 3.7 to 1 on both a white and a black page."""

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
    require(width > 0 and height > 0, f"width and height must be positive inches, got {width} and {height}")
    with style():
        drawn = Figure(figsize=(width, height))
        FigureCanvasAgg(drawn)
        axes = drawn.subplots(rows, columns, squeeze=False, **options)
    return drawn, axes


def mean_with_band(
    axes: Axes,
    x: Sequence[float] | ArrayLike,
    samples: ArrayLike,
    *,
    label: str | None = None,
    color: str | None = None,
    confidence: float = 0.95,
    **options: Any,
) -> None:
    """Draw the mean over seeds against ``x`` as a line, and its interval as a band.

    ``samples`` is ``(seeds, points)``; ``options`` go to `Axes.plot`. With fewer than three seeds there is no band.
    """
    values, points = np.asarray(samples, dtype=np.float64), np.asarray(x, dtype=np.float64)
    require(
        values.ndim == 2 and points.shape == values.shape[1:],
        f"samples must be (seeds, points) with one column for each x, got {values.shape} for x of shape {points.shape}",
    )
    estimates = [mean_interval(column, confidence=confidence) for column in values.T]
    (line,) = axes.plot(points, [each.value for each in estimates], label=label, color=color, **options)
    low, high = np.array([each.interval for each in estimates]).reshape(-1, 2).T
    axes.fill_between(points, low, high, color=line.get_color(), alpha=0.2, linewidth=0)


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
    if isinstance(artist, Line2D):
        return len(np.atleast_1d(artist.get_xdata())) > 200
    return isinstance(artist, _ImageBase | Collection)


def _saved(drawn: Figure, ending: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with style():
        drawn.savefig(buffer, format=ending, metadata=_UNDATED[ending], facecolor="none", **options)
    return buffer.getvalue()


_UNDATED: dict[str, Any] = {"svg": {"Date": None}, "png": {}, "pdf": {"CreationDate": None}}
