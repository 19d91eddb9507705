"""Steps of a training run in the ways that people write them."""

from __future__ import annotations

import re

from netopsy.core.arguments import checked
from netopsy.core.errors import require

_WRITTEN = re.compile(r"(?:(\d+)ep)?(?:(\d+)it)?")


@checked
def parse_step(step: int | str, steps_per_epoch: int | None = None) -> int:
    """The number of steps that ``"3ep20it"``, ``"500it"`` or ``"160ep"`` stand for: epochs and iterations, added up.

    A number is taken as it is. The notation is that of the authors' code.

    Raises:
        InputError: a text of another form, a negative number, or epochs without ``steps_per_epoch``.

    >>> parse_step("3ep20it", 12), parse_step("500it")
    (56, 500)
    """
    if steps_per_epoch is not None:
        fits = isinstance(steps_per_epoch, int) and steps_per_epoch >= 1
        require(fits, f"steps_per_epoch must be an int of at least 1, got {steps_per_epoch!r}")
    if isinstance(step, int) and not isinstance(step, bool):
        require(step >= 0, f"a step must not be negative, got {step}")
        return step
    found = _WRITTEN.fullmatch(step) if isinstance(step, str) and step else None
    require(found is not None, f"a step must be a number or written as '3ep20it', '500it' or '160ep', got {step!r}")
    assert found is not None
    epochs, iterations = found.groups()
    require(
        epochs is None or steps_per_epoch is not None,
        f"step {step!r} counts epochs, for which steps_per_epoch is needed",
    )
    return int(epochs or 0) * (steps_per_epoch or 0) + int(iterations or 0)
