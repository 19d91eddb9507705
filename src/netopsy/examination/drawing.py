"""Images in a report: no larger than can be seen there, and enlarged by the browser, so that the file stays small."""

from __future__ import annotations

from functools import partial

from netopsy.core import image_drawing

LARGEST = 96
"""Pixels a side of an image in a report; more could not be seen there."""

show_image = partial(image_drawing.show_image, largest=LARGEST, interpolation="none")
