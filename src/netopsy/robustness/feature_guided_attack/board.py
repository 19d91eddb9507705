"""The image under a set of moves, and what the black box says about it: asked in batches, remembered and counted."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.robustness.feature_guided_attack.moves import Moves, State
from netopsy.robustness.queries import Queries

REMEMBERED = 64
"""States of more moves than this are not remembered: they hardly ever come again, and fill the memory."""
NUMBERS = 2**24
"""Pixels in one batch at most."""

T = TypeVar("T")


class OutOfQueries(Exception):  # noqa: N818 - no error: a search that ends
    """The black box may not be asked again."""


class Answer(NamedTuple):
    """What the black box says about a state."""

    margin: float
    """The highest score of another class less that of the true one: the class has changed where it is positive."""
    probability: float
    """Of the true class."""
    predicted: int


Asking = Generator[list[State], list[Answer], T]
"""Work that needs answers: it yields states and is sent their answers."""


class Board:
    """One game: answers by state, how many were asked for, and the nearest image of another class met so far."""

    def __init__(
        self, queries: Queries, image: Tensor, label: int, moves: Moves, *, budget: float | int | None, max_queries: int
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
        self._queries, self._most = queries, max_queries
        self._pixels, self._values = torch.tensor(moves.pixels), moves.values.to(image)
        self._known: dict[State, Answer] = {}

    @property
    def asked(self) -> int:
        """Images that the black box was asked about."""
        return self._queries.count

    @property
    def queries_left(self) -> int:
        """Images that it may still be asked about."""
        return self._most - self._queries.count

    def severity(self, state: State) -> float:
        """Distance of the state's image from the image."""
        return self.moves.severity(state)

    def reward(self, state: State) -> float:
        """What a state of another class is worth: 1 / severity, and 0 beyond the budget."""
        severity = self.severity(state)
        return 1 / severity if severity <= self.budget else 0.0

    def images(self, states: Sequence[State]) -> Float[Tensor, "batch channels height width"]:
        """The images of states."""
        images = self.image.expand(len(states), *self.image.shape).clone().flatten(2)
        rows = torch.tensor([row for row, state in enumerate(states) for _ in state], dtype=torch.int64)
        made = torch.tensor([move for state in states for move in state], dtype=torch.int64)
        images[rows, :, self._pixels[made]] = self._values[made]
        return images.view(len(states), *self.image.shape)

    def ask(self, states: Sequence[State]) -> list[Answer]:
        """The answers; those that are known cost nothing.

        Raises:
            OutOfQueries: not all could be asked for; those that could be were.
        """
        found = {state: self._known[state] for state in states if state in self._known}
        unknown = [state for state in dict.fromkeys(states) if state not in found]
        allowed = unknown[: max(0, self.queries_left)]
        step = max(1, NUMBERS // self.image.numel())
        for start in range(0, len(allowed), step):
            some = allowed[start : start + step]
            before = self.asked
            for number, (state, answer) in enumerate(zip(some, self._answers(some), strict=True)):
                found[state] = answer
                if len(state) <= REMEMBERED:
                    self._known[state] = answer
                self._note(state, answer, before + number + 1)
        if len(allowed) < len(unknown):
            raise OutOfQueries
        return [found[state] for state in states]

    def settle(self, state: State) -> None:
        """Note that no move of a state can be taken back; of states equally near, such a one is the best."""
        self.minimal.add(state)
        answer = self._known.get(state)
        if answer is not None and self.severity(state) <= self.best_severity:
            self.best, self.best_answer = state, answer.predicted

    def _answers(self, states: Sequence[State]) -> list[Answer]:
        scores = self._queries(self.images(states))
        others = scores.clone()
        others[:, self.label] = -torch.inf
        margins = others.amax(1) - scores[:, self.label]
        probabilities = scores.softmax(1)[:, self.label]
        return [
            Answer(*each)
            for each in zip(margins.tolist(), probabilities.tolist(), others.argmax(1).tolist(), strict=True)
        ]

    def _note(self, state: State, answer: Answer, asked: int) -> None:
        severity = self.severity(state)
        if answer.margin > 0 and severity <= self.budget and severity < self.best_severity:
            self.best, self.best_severity, self.best_answer = state, severity, answer.predicted
            self.history.append((asked, severity))


def together(board: Board, works: Sequence[Asking[T]]) -> list[T]:
    """Run all to their ends, level by level: what they ask for at the same time is one batch."""
    ended: dict[int, T] = {}
    asking: dict[int, list[State]] = {}

    def go_on(number: int, answers: list[Answer] | None) -> None:
        try:
            asking[number] = works[number].send(answers)  # type: ignore[arg-type]
        except StopIteration as end:
            asking.pop(number, None)
            ended[number] = end.value

    for number in range(len(works)):
        go_on(number, None)
    while asking:
        wanted = list(asking.items())
        answers = board.ask([state for _, states in wanted for state in states])
        place = 0
        for number, states in wanted:
            go_on(number, answers[place : place + len(states)])
            place += len(states)
    return [ended[number] for number in range(len(works))]
