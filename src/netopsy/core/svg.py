"""A figure's SVG made fit to stand inside a page, among other figures."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from netopsy.core.drawing import INK
from netopsy.core.errors import InputError
from netopsy.core.texts import plain_lines

_POINTS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54}


def inline_svg(text: str, prefix: str, description: str) -> tuple[str, int]:
    """The drawing as an element for HTML, and its natural width in pixels.

    Every id gets ``prefix``, and so does every reference to one, so that figures do not take each other's clip paths
    and glyphs. The grey of text and axes becomes the page's own ink. Elements and attributes that draw stay, and all
    others go: metadata, comments, whatever could run, move or load something, references to the outside among it.

    Raises:
        InputError: the text is no SVG.
    """
    try:
        root = ElementTree.fromstring(plain_lines(text))
    except ElementTree.ParseError as error:
        raise InputError(f"a picture must be SVG, and this is none: {error}") from error
    if _local(root.tag) != "svg":
        raise InputError(f"a picture must be SVG, got <{_local(root.tag)}>")
    width, height = _pixels(root.get("width")), _pixels(root.get("height"))
    _clean(root, prefix)
    if "viewBox" not in root.attrib and width and height:
        root.set("viewBox", f"0 0 {width:g} {height:g}")
    if not width:
        width = float((root.get("viewBox") or "0 0 480 0").split()[2])
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": description}
    # What matplotlib says in a style sheet, which inside a page would hold for all of the page.
    root.set("style", f"stroke-linejoin:round;stroke-linecap:butt;--natural:{round(width)}px")
    drawn = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    return re.sub(re.escape(INK), "currentColor", drawn, flags=re.IGNORECASE), round(width)


_DRAWING = frozenset(
    (
        *("svg", "g", "defs", "use", "symbol", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
        *("text", "tspan", "image", "clipPath", "mask", "marker", "pattern"),
        *("linearGradient", "radialGradient", "stop"),
    )
)
_PLACING = frozenset(
    (
        *("id", "href", "style", "transform", "d", "points", "viewBox", "preserveAspectRatio", "width", "height"),
        *("x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "dx", "dy", "rotate"),
        *("offset", "spreadMethod", "gradientUnits", "gradientTransform", "patternUnits", "patternTransform"),
        *("clipPathUnits", "maskUnits", "markerUnits", "markerWidth", "markerHeight", "refX", "refY", "orient"),
        *("textLength", "lengthAdjust", "space"),
    )
)
_LOOKING = re.compile(
    r"(fill|stroke|stop|clip|mask|marker|font|text|letter|word|color|opacity|display|visibility|overflow|shape|image"
    r"|paint|vector|dominant|alignment|baseline)(-[a-z]+)*"
)
"""Presentation attributes, which say how a thing is drawn."""
_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[\w+/=\s]*")


def _clean(element: ElementTree.Element, prefix: str) -> None:
    element.tag = _local(element.tag)
    element.tail = None
    if element.tag not in ("text", "tspan"):
        element.text = None
    for name, value in list(element.attrib.items()):
        del element.attrib[name]
        name = _local(name)
        # Two images that are alike have one id, which nothing refers to.
        kept = None if (element.tag, name) == ("image", "id") else _attribute(name, value, prefix)
        if kept is not None:
            element.set(name, kept)
    for child in list(element):
        if isinstance(child.tag, str) and _local(child.tag) == "a":
            child.tag = "g"  # what is drawn within a link stays
        if not isinstance(child.tag, str) or _local(child.tag) not in _DRAWING:
            element.remove(child)
        else:
            _clean(child, prefix)


def _attribute(name: str, value: str, prefix: str) -> str | None:
    if name not in _PLACING and not _LOOKING.fullmatch(name):
        return None
    if name == "id":
        return f"{prefix}{value}"
    if name == "href":
        if value.startswith("#"):
            return f"#{prefix}{value[1:]}"
        return value if _IMAGE.fullmatch(value) else None
    # A backslash would hide the letters of "url" from this look, and no drawing needs one.
    if "\\" in value or re.search(r"url\(\s*['\"]?(?!#)[^)#'\"]|image-set|expression", value, re.IGNORECASE):
        return None
    return re.sub(r"url\((['\"]?)#", rf"url(\g<1>#{prefix}", value)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _pixels(length: str | None) -> float:
    found = re.fullmatch(r"\s*([\d.]+)\s*([a-z]*)\s*", length or "")
    return float(found[1]) * _POINTS.get(found[2], 0.0) if found else 0.0
