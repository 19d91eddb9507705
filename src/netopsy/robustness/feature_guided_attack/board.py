"""One game: what the black box said about every state, and the nearest image of another class met so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torch import Tensor

from netopsy.robustness.feature_guided_attack.moves import Moves, State

REMEMBERED = 64
"""States of more moves than this are not remembered: they hardly ever come again, and fill the memory."""


class Answer(NamedTuple):
    """What the black box says about a state."""

    margin: float
    """The highest score of another class less that of the true one: the class has changed where it is positive."""
    probability: float
    """Of the true class."""
    predicted: int


class Board:
    """Answers by state, how many were asked for, and the nearest image of another class met so far."""

    def __init__(
        self, image: Tensor, label: int, moves: Moves, *, budget: float | int | None, max_queries: int, asked: int = 0
    ) -> None:
        self.moves, self.label, self.image = moves, label, image
        self.budget = float("inf") if budget is None else float(budget)
        self.history: list[tuple[int, float]] = []
        self.best: State | None = None
        self.best_severity, self.best_answer = float("inf"), label
        self.minimal: set[State] = set()
        """States of another class from which no move can be taken back."""
        self.twins = len(set(moves.pixels)) < len(moves.pixels)
        """Whether some pixel has two moves."""
        self.asked, self._most = asked, max_queries
        """Images that the black box was asked about."""
        self._known: dict[State, Answer] = {}

    @property
    def queries_left(self) -> int:
        """Images that it may still be asked about."""
        return max(0, self._most - self.asked)

    def severity(self, state: State) -> float:
        """Distance of the state's image from the image."""
        return self.moves.severity(state)

    def reward(self, state: State) -> float:
        """What a state of another class is worth: 1 / severity, and 0 beyond the budget."""
        severity = self.severity(state)
        return 1 / severity if severity <= self.budget else 0.0

    def known(self, states: Iterable[State]) -> dict[State, Answer]:
        """The answers that are remembered."""
        return {state: self._known[state] for state in states if state in self._known}

    def hear(self, states: Sequence[State], answers: Sequence[Answer]) -> None:
        """Take in answers that were asked for."""
        for state, answer in zip(states, answers, strict=True):
            self.asked += 1
            if len(state) <= REMEMBERED:
                self._known[state] = answer
            severity = self.severity(state)
            if answer.margin > 0 and severity <= self.budget and severity < self.best_severity:
                self.best, self.best_severity, self.best_answer = state, severity, answer.predicted
                self.history.append((self.asked, severity))

    def settle(self, state: State) -> None:
        """Note that no move of a state can be taken back; of states equally near, such a one is the best."""
        self.minimal.add(state)
        answer = self._known.get(state)
        if answer is not None and self.severity(state) <= self.best_severity:
            self.best, self.best_answer = state, answer.predicted
