"""netopsy: published neural-network research as instruments for your own networks, images and graphs.

Names are loaded when they are first used, so ``import netopsy`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.2.0"

_EXPORTS = {
    "InputError": "netopsy.core.errors",
    "compare": "netopsy.examination.comparison.compare",
    "examine": "netopsy.examination.examine",
}

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'netopsy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
