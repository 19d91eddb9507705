"""A figure of recorded evidence as pixels: of SVG just what matplotlib writes, drawn by matplotlib's own renderer."""

from __future__ import annotations

import base64
import binascii
import io
import math
import re
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.path import Path as Outline
from matplotlib.transforms import Affine2D, TransformedPath
from numpy.typing import NDArray

from netopsy.core.errors import InputError, require

LARGEST = 4_000
"""Pixels of an edge."""
_PART = re.compile(r"[MLQCz]|-?[\d.]+(?:e-?\d+)?")
_MOVE = re.compile(r"(\w+)\(([^)]*)\)")
_CODES = {"M": (Outline.MOVETO, 1), "L": (Outline.LINETO, 1), "Q": (Outline.CURVE3, 2), "C": (Outline.CURVE4, 3)}
_LINK = "{http://www.w3.org/1999/xlink}href"
_KEPT = ("fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-dashoffset",
         "stroke-linecap", "stroke-linejoin", "opacity")  # fmt: skip

Style = Mapping[str, str]


def painted(svg: bytes, width: int) -> NDArray[np.uint8]:
    """The figure as ``[height, width, 4]`` pixels, transparent where nothing is drawn.

    Raises:
        InputError: it is no SVG of matplotlib's.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    require(1 <= width <= LARGEST, f"width must be from 1 to {LARGEST} pixels, got {width}")
    try:
        root = fromstring(svg)
        _, _, wide, high = map(float, root.get("viewBox", "").split())
        require(wide > 0 and 0 < high / wide * width <= LARGEST, "the figure is of no size that can be drawn")
        return _Painter(root, width, wide, high).pixels()
    except (ParseError, DefusedXmlException, ValueError, KeyError, IndexError, binascii.Error) as error:
        raise InputError(f"the figure is no SVG of matplotlib's: {error}") from None


class _Painter:
    """Draws what stands in a figure in the order in which it stands there."""

    def __init__(self, root: Element, width: int, wide: float, high: float) -> None:
        self.root, self.scale = root, width / wide
        self.height = math.ceil(high * self.scale)
        self.renderer = RendererAgg(width, self.height, 72)
        self.named = {name: one for one in root.iter() if (name := one.get("id"))}
        # The renderer counts from the bottom.
        self.page = Affine2D().scale(self.scale, -self.scale).translate(0, self.height)

    def pixels(self) -> NDArray[np.uint8]:
        self._draw(self.root, {}, Affine2D())
        return np.array(self.renderer.buffer_rgba())

    def _draw(self, one: Element, style: Style, place: Affine2D) -> None:
        kind = str(one.tag).rpartition("}")[2]
        if kind in ("defs", "clipPath", "metadata", "style"):
            return
        own, moved = dict(style) | _style(one), _after(_transform(one.get("transform", "")), place)
        if kind == "use":
            shift = Affine2D().translate(float(one.get("x", 0)), float(one.get("y", 0)))
            target = self.named[one.get(_LINK, "")[1:]]
            self._draw(target, own | {"clip": one.get("clip-path", own.get("clip", ""))}, _after(shift, moved))
        elif kind == "path":
            self._path(one, own, moved)
        elif kind == "image":
            self._image(one, moved)
        else:
            for each in one:
                self._draw(each, own | ({"clip": clip} if (clip := one.get("clip-path")) else {}), moved)

    def _path(self, one: Element, style: Style, place: Affine2D) -> None:
        outline = _outline(one.get("d", ""))
        if outline is None:
            return
        gc: Any = self.renderer.new_gc()
        clip = one.get("clip-path") or style.get("clip")
        if clip:
            gc.set_clip_path(self._clip(clip))
        whole = float(style.get("opacity", 1))
        fill, stroke = style.get("fill", "#000000"), style.get("stroke", "none")
        face = None
        if fill != "none":
            face = (*to_rgb(fill), whole * float(style.get("fill-opacity", 1)))
        if stroke == "none":
            gc.set_linewidth(0)
            gc.set_snap(False)  # which would make nothing of a thin letter
        else:
            gc.set_linewidth(float(style.get("stroke-width", 1)) * self.scale)
            gc.set_foreground((*to_rgb(stroke), whole * float(style.get("stroke-opacity", 1))), isRGBA=True)
            cap = style.get("stroke-linecap", "butt")
            gc.set_capstyle("projecting" if cap == "square" else cap)
            gc.set_joinstyle(style.get("stroke-linejoin", "round"))
            dashes = [float(each) * self.scale for each in re.findall(r"[\d.]+", style.get("stroke-dasharray", ""))]
            gc.set_dashes(float(style.get("stroke-dashoffset", 0)) * self.scale, dashes or None)
        self.renderer.draw_path(gc, outline, _after(place, self.page), face)
        gc.restore()

    def _clip(self, named: str) -> TransformedPath:
        inside = self.named[named.removeprefix("url(#").removesuffix(")")][0]
        if str(inside.tag).endswith("}rect"):
            x, y, wide, high = (float(inside.get(name, 0)) for name in ("x", "y", "width", "height"))
            outline = Outline.unit_rectangle().transformed(Affine2D().scale(wide, high).translate(x, y))
        else:
            outline = _outline(inside.get("d", "")) or Outline(np.empty((0, 2)))
        return TransformedPath(outline, self.page)

    def _image(self, one: Element, place: Affine2D) -> None:
        from PIL import Image

        kind, _, content = one.get(_LINK, "").partition(",")
        require(kind == "data:image/png;base64", "only images in the figure are drawn")
        x, y, wide, high = (float(one.get(name, 0)) for name in ("x", "y", "width", "height"))
        corners = _after(place, Affine2D().scale(self.scale)).transform([(x, y), (x + wide, y + high)])
        (left, top), (right, bottom) = corners.min(0), corners.max(0)
        with Image.open(io.BytesIO(base64.b64decode(content)), formats=["PNG"]) as opened:
            require(max(opened.size) <= LARGEST, f"an image in it has more than {LARGEST} pixels")
            size = max(1, round(right - left)), max(1, round(bottom - top))
            own = opened.convert("RGBA").resize(size, Image.Resampling.BOX if opened.width > size[0] else 0)
        if corners[1, 1] < corners[0, 1]:
            own = own.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        page = Image.fromarray(np.array(self.renderer.buffer_rgba()))
        layer = Image.new("RGBA", page.size)
        layer.paste(own, (round(left), round(top)))
        np.asarray(self.renderer.buffer_rgba())[:] = np.asarray(Image.alpha_composite(page, layer))


def _style(one: Element) -> dict[str, str]:
    pairs = (each.partition(":") for each in one.get("style", "").split(";"))
    own = {name.strip(): value.strip() for name, _, value in pairs}
    return {name: own[name] for name in _KEPT if name in own}


def _transform(text: str) -> Affine2D:
    """The last of several is done first."""
    found = Affine2D()
    for kind, inside in reversed(_MOVE.findall(text)):
        numbers = [float(each) for each in re.split(r"[\s,]+", inside.strip())]
        if kind == "translate":
            found.translate(numbers[0], numbers[1] if len(numbers) > 1 else 0.0)
        elif kind == "scale":
            found.scale(numbers[0], numbers[-1])
        elif kind == "rotate":
            found.rotate_deg(numbers[0])
        else:
            require(kind == "matrix", f"it has a transform that matplotlib does not write, {kind[:20]}")
            found = _after(found, Affine2D.from_values(*numbers))
    return found


def _after(first: Affine2D, second: Affine2D) -> Affine2D:
    """One that does both."""
    return Affine2D(second.get_matrix() @ first.get_matrix())


def _outline(d: str) -> Any:
    vertices: list[tuple[float, float]] = []
    codes: list[Any] = []
    parts = iter(_PART.findall(d))
    for part in parts:
        if part == "z":
            vertices.append((0.0, 0.0))
            codes.append(Outline.CLOSEPOLY)
            continue
        code, many = _CODES[part]
        for _ in range(many):
            vertices.append((float(next(parts)), float(next(parts))))
            codes.append(code)
    return Outline(np.array(vertices), np.array(codes, Outline.code_type)) if vertices else None
