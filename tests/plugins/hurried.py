"""Instruments that do less than the quickest depth: for tests that ask whether they run, not how well."""

import pytest

from netopsy.examination.instruments import (
    fooling_images,
    intrinsic_dimension,
    level_set_traversal,
    preferred_images,
    reconstruction,
    tickets,
)
from netopsy.training import stack


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Few steps, images and rounds while ``patch`` lasts."""
    for instrument in (preferred_images, reconstruction):
        patch.setattr(instrument, "STEPS", 30)
        patch.setattr(instrument, "FEWEST", 2)
    patch.setattr(intrinsic_dimension, "commonest", lambda _: 0.0)  # which five steps do not reach
    patch.setattr(tickets, "MOST", 14)  # of which depth quick allows a quarter
    patch.setattr(fooling_images, "MOST", 1_000)
    patch.setattr(level_set_traversal, "MOST", 16)
    patch.setattr(stack, "traced", lambda function, *_: function)  # a recording takes longer than a few steps
