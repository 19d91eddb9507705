"""What a complete solver is asked and answers; there are two of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from netopsy.core.errors import lookup
from netopsy.robustness.safety_verification.program import Program


class TimeUp(Exception):  # noqa: N818 - no error: a question that is left open
    """The deadline came in the middle of something."""


@dataclass(frozen=True)
class Limits:
    """Where a search ends without an answer."""

    deadline: float | None = None
    """A time of `time.monotonic`."""
    nodes: int | None = None
    """Branches that a solver may look at, where it counts them."""

    @classmethod
    def of(cls, timeout: float | int | None, nodes: int | None = None) -> Limits:
        """So many seconds from now on."""
        return cls(None if timeout is None else time.monotonic() + timeout, nodes)

    @property
    def left(self) -> float | None:
        """Seconds that are left."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def require_time(self) -> None:
        """Raise `TimeUp` where the time is up."""
        if self.over:
            raise TimeUp


@dataclass(frozen=True, eq=False)
class Answer:
    """``proved``: no input of the box brings the rival within the margin. Otherwise maybe an input that does."""

    proved: bool
    witness: Tensor | None = None
    reason: str = ""
    """Why the question stays open."""


@runtime_checkable
class Solver(Protocol):
    """Looks for an input of the program's box where score ``over`` leads score ``rival`` by at most ``margin``."""

    def __call__(self, program: Program, over: int, rival: int, margin: float, limits: Limits) -> Answer: ...


def constant_answer(program: Program, lead: float, margin: float) -> Answer:
    """Where no input of the box changes the lead."""
    return Answer(lead > margin, None if lead > margin else program.input_of(program.low))


def solver_called(name: str) -> Solver:
    """The solver of that name.

    Raises:
        UnknownNameError: there is none.
        InputError: its library is not installed.
    """
    from netopsy.robustness.safety_verification import milp, smt

    makers = {"milp": milp.solver, "smt": smt.solver}
    return lookup("solver", name, makers)()
