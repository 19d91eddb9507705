"""Taking back moves that are not needed, until every one of them is."""

from __future__ import annotations

from netopsy.robustness.feature_guided_attack.asking import Asking
from netopsy.robustness.feature_guided_attack.board import Board
from netopsy.robustness.feature_guided_attack.moves import State

PARTS = 8
"""Parts into which many moves are divided, to take back whole parts first."""
SHARES = (0.25, 0.5, 0.75, 1.0)


def prune(board: Board, state: State, *, part: int | None = None) -> Asking[State]:
    """A subset of a state of another class from which no single move can be taken back without the class coming back.

    Parts of the moves are taken back first, all tried at once, then smaller ones down to single moves. Of the parts
    that can go, as many go together as leave the class changed, those first that leave it the most so.

    Args:
        part: moves in the first parts; by default an eighth of them.
    """
    size = max(1, min(part or -(-len(state) // PARTS), len(state) - 1))
    while len(state) > 1:
        moves = sorted(state)
        parts = [frozenset(moves[start : start + size]) for start in range(0, len(moves), size)]
        answers = yield [state - each for each in parts]
        free = sorted((-answer.margin, number) for number, answer in enumerate(answers) if answer.margin > 0)
        if free:
            state = yield from _take_back(state, [parts[number] for _, number in free])
            size = min(size, max(1, len(state) - 1))
        elif size > 1:
            size = max(1, size // 2)
        else:
            break
    board.settle(state)
    return state


def _take_back(state: State, free: list[State]) -> Asking[State]:
    """Without the first of the parts ``free``, or more of them where that leaves the class changed, too."""
    counts = sorted({round(share * len(free)) for share in SHARES} - {0, 1}, reverse=True)
    smaller = [state.difference(*free[:count]) for count in counts]
    smaller = [each for each in smaller if each]
    answers = (yield smaller) if smaller else []
    for each, answer in zip(smaller, answers, strict=True):
        if answer.margin > 0:
            return each
    return state - free[0]
