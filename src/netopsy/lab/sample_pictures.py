"""Pictures that are always there: digits that the sample network has never seen, and photographs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from netopsy.core.errors import lookup

if TYPE_CHECKING:
    from netopsy.lab.given import Image

DIGITS: Mapping[str, int] = MappingProxyType({"a three": 3, "a seven": 7, "a zero": 0, "a four": 4, "an eight": 8})
PHOTOGRAPHS = ("astronaut", "cat", "coffee", "rocket")
SAMPLES = (*DIGITS, *PHOTOGRAPHS)
"""The names that `sample_picture` knows, the one that is taken by itself first."""


def sample_picture(name: str) -> Image:
    """A picture by its name: of a digit, the first of its class among those that are held out from training.

    Raises:
        UnknownNameError: there is none of that name.

    >>> sample_picture("a three").pixels.shape, sample_picture("a three").shows
    (torch.Size([3, 8, 8]), '3')
    """
    from netopsy.data import digits_split
    from netopsy.data.photographs import photograph
    from netopsy.lab.given import Image

    lookup("sample", name, dict.fromkeys(SAMPLES, name))
    code = f"from netopsy.lab.sample_pictures import sample_picture\n\npicture = sample_picture({name!r}).pixels"
    if name not in DIGITS:
        return Image(photograph(name).expand(3, -1, -1).contiguous(), name, code=code)
    held_out = digits_split()[-1]
    first = int((held_out.targets == DIGITS[name]).nonzero()[0])
    return Image(held_out.inputs[first].expand(3, -1, -1).contiguous(), name, str(DIGITS[name]), code)
