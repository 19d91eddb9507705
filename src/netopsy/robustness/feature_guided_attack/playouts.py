"""A game played at random to its end, and what is left of it when needless moves are taken back."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from netopsy.robustness.feature_guided_attack.asking import Asking
from netopsy.robustness.feature_guided_attack.board import Board
from netopsy.robustness.feature_guided_attack.moves import State
from netopsy.robustness.feature_guided_attack.pruning import prune


class Play(NamedTuple):
    """What a playout was worth: 1 / severity where it ended in another class within the budget, otherwise 0."""

    reward: float
    """Of its end."""
    pruned: float
    """Of its end without needless moves."""


LOST = Play(0.0, 0.0)
AFTER_EVERY = 64
"""A playout on an image of so many pixels asks after every move."""


def stride_for(pixels: int) -> int:
    """Moves between two questions that let a few thousand queries hold several playouts on images of ``pixels``.

    >>> stride_for(64), stride_for(64 * 64)
    (1, 64)
    """
    return max(1, pixels // AFTER_EVERY)


def play_out(board: Board, state: State, keypoint: int | None, random: Random, stride: int) -> Asking[Play]:
    """Play on from a state whose class is the true one: a random region that has moves left, a random move in it.

    Args:
        keypoint: the region of the first move, where the first player has already chosen.
        stride: moves between two questions whether the class has changed.
    """
    left = board.moves.left(state)
    regions = [moves for moves in left if moves]
    first = None if keypoint is None else left[keypoint]
    made, spent = list(state), sum(board.moves.costs[move] for move in state)
    most = board.moves.power(board.budget)
    while True:
        asked = len(made)
        for _ in range(stride):
            if not regions:
                break
            region, first = random.choice(regions) if first is None else first, None
            made.append(_taken(board, region, random))
            if not region:
                regions = [each for each in regions if each is not region]
            spent += board.moves.costs[made[-1]]
            if spent > most:
                return LOST
        if len(made) == asked:
            return LOST
        (answer,) = yield [frozenset(made)]
        if answer.margin > 0:
            state = frozenset(made)
            smallest = yield from prune(board, state)
            return Play(board.reward(state), board.reward(smallest))


def _taken(board: Board, region: list[int], random: Random) -> int:
    """A random move, which is taken out of the region, and with it the other move on the same pixel."""
    place = random.randrange(len(region))
    region[place], region[-1] = region[-1], region[place]
    move = region.pop()
    twins = [each for each in region if board.moves.pixels[each] == board.moves.pixels[move]] if board.twins else []
    for twin in twins:
        region.remove(twin)
    return move
