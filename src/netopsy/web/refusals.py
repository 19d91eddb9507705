"""What the interface says where it does not do what it was asked for: a sentence, under ``error``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

WHY = {
    400: "Something of it cannot be understood.",
    403: "It is not meant for this site, or another's to decide.",
    404: "There is no such thing, or it is not shown.",
    413: "It is too large.",
    422: "A value is not of its kind.",
    429: "As much was done today as may be.",
    503: "The database, or something else that is needed, is busy or away.",
}


class Refusal(BaseModel):
    """Why not, in a sentence."""

    error: str


def refusals(codes: Iterable[int] = WHY) -> dict[int | str, dict[str, Any]]:
    """They as the description of an interface has them."""
    return {code: {"model": Refusal, "description": WHY[code]} for code in codes}
