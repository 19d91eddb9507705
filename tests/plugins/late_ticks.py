"""Ticks are made when they are first looked at: those that images hide are most of the price of new axes.

Matplotlib makes them late as well, and then touches each at once to clip and to style it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis, XAxis, YAxis, _LazyTickList

LISTS = ("majorTicks", "minorTicks")
SPINES = {XAxis: ("bottom", "top"), YAxis: ("left", "right")}
_set_clip_path, _set_tick_params, _reset_ticks = Axis.set_clip_path, Axis.set_tick_params, Axis.reset_ticks
_made = _LazyTickList.__get__


def install() -> None:
    """From now on; drawings stay the same to the byte, but for axes that are cleared to be used again."""
    Axis.set_clip_path, Axis.set_tick_params, Axis.reset_ticks = set_clip_path, set_tick_params, reset_ticks
    _LazyTickList.__get__ = made


@wraps(_set_clip_path)
def set_clip_path(self: Axis, path: Any, transform: Any = None) -> None:
    _to_those_that_are_there(_set_clip_path, self, path, transform)
    self.clip_of_ticks = path, transform


@wraps(_set_tick_params)
def set_tick_params(self: Axis, *arguments: Any, **named: Any) -> None:
    _to_those_that_are_there(_set_tick_params, self, *arguments, **named)


@wraps(_reset_ticks)
def reset_ticks(self: Axis) -> None:
    vars(self).pop("ticks_to_come", None)
    _reset_ticks(self)


@wraps(_made)
def made(self: _LazyTickList, axis: Axis | None, owner: type) -> Any:
    """With the style of when they would have been made, and clipped since."""
    style = vars(axis).get("ticks_to_come", {}).pop(LISTS[not self._major], None) if axis is not None else None
    if style is None:
        return _made(self, axis, owner)
    now = dict.copy(mpl.rcParams)
    dict.update(mpl.rcParams, style)
    try:
        ticks = _made(self, axis, owner)
    finally:
        dict.update(mpl.rcParams, now)
    for tick in ticks if hasattr(axis, "clip_of_ticks") else ():
        tick.set_clip_path(*axis.clip_of_ticks)
    return ticks


def _to_those_that_are_there(method: Callable[..., None], axis: Axis, *arguments: Any, **named: Any) -> None:
    """Call what goes through the ticks, and note the style of those it would have made."""
    if type(axis) not in SPINES:  # those of other projections
        method(axis, *arguments, **named)
        return
    missing = [name for name in LISTS if name not in vars(axis)]
    for name in missing:
        if name not in vars(axis).get("ticks_to_come", {}):
            for spine in SPINES[type(axis)]:
                axis.axes.spines[spine]._ensure_position_is_set()  # which a new tick does, and begins them anew
            vars(axis).setdefault("ticks_to_come", {})[name] = dict.copy(mpl.rcParams)
    vars(axis).update({name: [] for name in missing})
    try:
        method(axis, *arguments, **named)
    finally:
        for name in missing:
            vars(axis).pop(name, None)
