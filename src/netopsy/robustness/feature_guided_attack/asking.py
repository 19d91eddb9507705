"""Games played together: what they want to know at the same time is asked for in one batch."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.progress import Task
from netopsy.robustness.feature_guided_attack.board import Answer, Board
from netopsy.robustness.feature_guided_attack.moves import State
from netopsy.robustness.queries import Queries

NUMBERS = 2**24
"""Pixels in one batch at most."""

T = TypeVar("T")

Asking = Generator[list[State], list[Answer], T]
"""Work that needs answers: it yields states and is sent their answers."""


def together(works: Sequence[Asking[T]]) -> Asking[list[T]]:
    """All works as one that runs them level by level: what they ask for at the same time it asks for at once."""
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
        answers = yield [state for _, states in wanted for state in states]
        place = 0
        for number, states in wanted:
            go_on(number, answers[place : place + len(states)])
            place += len(states)
    return [ended[number] for number in range(len(works))]


def play(queries: Queries, boards: Sequence[Board], works: Sequence[Asking[T]]) -> list[T | None]:
    """Run each board's work to its end, or until its queries are spent: then ``None`` stands for what it returns.

    The images of all boards have one shape. An image is asked about only if its board knows no answer yet.
    """
    games = [_Game(board, work) for board, work in zip(boards, works, strict=True)]
    pictures = Pictures(boards)
    open_games = [(number, game) for number, game in enumerate(games) if game.go_on()]
    with queries.running(), Task("asking", sum(board.queries_left for board in boards)) as task:
        while open_games:
            rows = [(number, state) for number, game in open_games for state in game.unknown]
            answers = pictures.ask(queries, rows)
            place = 0
            for _, game in open_games:
                game.hear(answers[place : place + len(game.unknown)])
                place += len(game.unknown)
            task.advance(len(rows))
            open_games = [(number, game) for number, game in open_games if game.go_on()]
    return [game.result for game in games]


@dataclass(eq=False)
class _Game(Generic[T]):
    """A board's work between two batches: what it wants to know, and which of it has to be asked for."""

    board: Board
    work: Asking[T]
    wanted: list[State] | None = None
    found: dict[State, Answer] = field(default_factory=dict)
    unknown: list[State] = field(default_factory=list)
    result: T | None = None
    spent: bool = False

    def go_on(self) -> bool:
        """Run on as far as known answers go; false at the end."""
        while not self.spent:
            try:
                if self.wanted is None:
                    self.wanted = next(self.work)
                else:
                    self.wanted = self.work.send([self.found[state] for state in self.wanted])
            except StopIteration as end:
                self.result = end.value
                return False
            self.found = self.board.known(self.wanted)
            unknown = [state for state in dict.fromkeys(self.wanted) if state not in self.found]
            self.unknown = unknown[: self.board.queries_left]
            self.spent = len(self.unknown) < len(unknown)
            if self.unknown:
                return True
        self.work.close()
        return False

    def hear(self, answers: Sequence[Answer]) -> None:
        self.board.hear(self.unknown, answers)
        self.found.update(zip(self.unknown, answers, strict=True))


class Pictures:
    """The images of states on several boards."""

    def __init__(self, boards: Sequence[Board]) -> None:
        self.shape = boards[0].image.shape
        self.images = torch.stack([board.image.flatten(1) for board in boards])
        self.labels = torch.tensor([board.label for board in boards])
        counts = [len(board.moves.pixels) for board in boards]
        self.first = np.cumsum([0, *counts[:-1]])
        """The number of each board's first move among those of all."""
        device = self.images.device
        self.pixels = torch.tensor([pixel for board in boards for pixel in board.moves.pixels], device=device)
        self.values = torch.cat([board.moves.values.to(self.images) for board in boards])

    def of(self, rows: Sequence[tuple[int, State]]) -> Float[Tensor, "batch channels height width"]:
        """The image of each number of a board and state."""
        lengths = [len(state) for _, state in rows]
        numbers = np.fromiter((number for number, _ in rows), np.int64, len(rows))
        made = np.fromiter(chain.from_iterable(state for _, state in rows), np.int64, sum(lengths))
        made += np.repeat(self.first[numbers], lengths)
        device = self.images.device
        images = self.images[torch.from_numpy(numbers).to(device)]
        moves = torch.from_numpy(made).to(device)
        owner = torch.from_numpy(np.repeat(np.arange(len(rows)), lengths)).to(device)
        images[owner, :, self.pixels[moves]] = self.values[moves]
        return images.view(len(rows), *self.shape)

    def ask(self, queries: Queries, rows: Sequence[tuple[int, State]]) -> list[Answer]:
        """The answers, in batches that fit the memory."""
        step = max(1, NUMBERS // self.images[0].numel())
        return [
            answer
            for start in range(0, len(rows), step)
            for answer in self._answers(queries, rows[start : start + step])
        ]

    def _answers(self, queries: Queries, rows: Sequence[tuple[int, State]]) -> list[Answer]:
        scores = queries(self.of(rows))
        own = self.labels[[number for number, _ in rows]][:, None]
        others, predicted = scores.scatter(1, own, -torch.inf).max(1)
        margins = others - scores.gather(1, own)[:, 0]
        probabilities = scores.softmax(1).gather(1, own)[:, 0]
        return [
            Answer(*each) for each in zip(margins.tolist(), probabilities.tolist(), predicted.tolist(), strict=True)
        ]
