"""The game as a tree: the first player picks a keypoint, the second a pixel of its region; Monte Carlo tree search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from netopsy.robustness.feature_guided_attack.asking import Asking, together
from netopsy.robustness.feature_guided_attack.board import Board
from netopsy.robustness.feature_guided_attack.moves import State
from netopsy.robustness.feature_guided_attack.playouts import play_out

Player = Literal["cooperative", "adversarial", "random"]
Selection = Literal["sample", "argmax"]
Backup = Literal["playout", "game"]

FIRST_PLAYOUTS = 4
"""Playouts that run together before it is known how many queries one takes."""
PART = 2
"""Later as many run together as take this part of the queries that are left."""
LEAST = 1e-9
IDLE = 30
"""Steps in a row that asked for nothing new, after which a move is made."""


@dataclass(frozen=True)
class Rules:
    """How the tree is searched."""

    player: Player
    playouts: int
    exploration: float
    selection: Selection
    backup: Backup
    stride: int


class Node:
    """A position: the first player's turn, or the second's where a ``keypoint`` is chosen."""

    __slots__ = ("children", "done", "keypoint", "state", "terminal", "total", "value", "visits")

    def __init__(self, state: State, keypoint: int | None, value: float = 0.0, *, terminal: bool = False) -> None:
        self.state, self.keypoint, self.value = state, keypoint, value
        self.terminal = self.done = terminal
        self.total, self.visits = value, 1
        self.children: list[Node] = []

    @property
    def first_player(self) -> bool:
        """Whether it is the first player's turn."""
        return self.keypoint is None


class Tree:
    """The search of one game from its ``root``, whose ``value`` estimates what the game is worth."""

    def __init__(self, board: Board, rules: Rules, random: Random) -> None:
        self.board, self.rules, self.random = board, rules, random
        self.first = self.root = Node(frozenset(), None)
        self.first.visits = 0
        self._playouts = self._cost = 0

    @property
    def value(self) -> float:
        """Estimate for the position in which the game began."""
        return self._mean(self.first) if self.first.children else 0.0

    def grow(self) -> Asking[None]:
        """Descend to a position that has no children yet, and give it all of them."""
        path = [self.root]
        while path[-1].children:
            path.append(self._selected(path[-1]))
        leaf = path[-1]
        children = self._children_of(leaf)
        for group in self._groups(children):
            yield from self._play(group)
            leaf.children += group
            self._back_up(path, group)
        if not children:
            leaf.terminal = True
        for node in reversed(path):
            node.done = all(child.done for child in node.children)

    def commit(self) -> None:
        """Make the move with the best mean the root; nature moves at random."""
        root = self.root
        if root.first_player or self.rules.player == "cooperative":
            self.root = max(root.children, key=self._mean)
        elif self.rules.player == "adversarial":
            self.root = min(root.children, key=self._mean)
        else:
            self.root = self.random.choice(root.children)

    def _children_of(self, node: Node) -> list[Node]:
        left = self.board.moves.left(node.state)
        if node.first_player:
            return [Node(node.state, number) for number, moves in enumerate(left) if moves]
        assert node.keypoint is not None
        return [Node(node.state | {move}, None) for move in left[node.keypoint]]

    def _groups(self, children: list[Node]) -> Iterator[list[Node]]:
        """Children whose playouts run together: the more, the cheaper, but few enough for several rounds of them."""
        start = 0
        while start < len(children):
            count_together = FIRST_PLAYOUTS
            if self._playouts:
                each = max(1.0, self._cost / self._playouts)
                count_together = int(max(1.0, self.board.queries_left / PART / each))
            count = max(1, count_together // self.rules.playouts)
            yield children[start : start + count]
            start += count

    def _play(self, children: list[Node]) -> Asking[None]:
        """The value of each: of its end where it is one, otherwise that of the best of its playouts."""
        before = self.board.asked
        if not children[0].first_player:
            running = children
        else:
            within = [child for child in children if self.board.severity(child.state) <= self.board.budget]
            said = yield [child.state for child in within]
            answers = dict(zip(map(id, within), said, strict=True))
            running = []
            for child in children:
                ended = id(child) not in answers or answers[id(child)].margin > 0
                if ended or not any(self.board.moves.left(child.state)):
                    won = id(child) in answers and answers[id(child)].margin > 0
                    child.value = child.total = self.board.reward(child.state) if won else 0.0
                    child.terminal = child.done = True
                else:
                    running.append(child)
        works = [
            play_out(self.board, child.state, child.keypoint, self.random, self.rules.stride)
            for child in running
            for _ in range(self.rules.playouts)
        ]
        plays = yield from together(works)
        self._playouts += len(plays)
        self._cost += self.board.asked - before
        for number, child in enumerate(running):
            own = plays[number * self.rules.playouts : (number + 1) * self.rules.playouts]
            game = self.rules.backup == "game"
            child.value = child.total = max(play.reward if game else play.pruned for play in own)

    def _back_up(self, path: Sequence[Node], group: Sequence[Node]) -> None:
        for node in reversed(path):
            node.total += sum(child.total for child in group)
            node.visits += len(group)
            values = [child.value for child in node.children]
            if node.first_player or self.rules.player == "cooperative":
                node.value = max(values)
            else:
                node.value = min(values) if self.rules.player == "adversarial" else sum(values) / len(values)

    def _mean(self, node: Node) -> float:
        return node.value if self.rules.backup == "game" else node.total / max(1, node.visits)

    def _selected(self, node: Node) -> Node:
        """The child to descend to, of those that have not been played to their ends."""
        children = [child for child in node.children if not child.done]
        if not node.first_player and self.rules.player == "random":
            return self.random.choice(children)
        hostile = not node.first_player and self.rules.player == "adversarial"
        means = [self._mean(child) for child in children]
        more = [self.rules.exploration * math.sqrt(math.log(max(1, node.visits)) / child.visits) for child in children]
        if self.rules.selection == "argmax":
            scores = [extra - mean if hostile else mean + extra for mean, extra in zip(means, more, strict=True)]
            return children[max(range(len(children)), key=scores.__getitem__)]
        weights = [max(LEAST, mean + extra) for mean, extra in zip(means, more, strict=True)]
        if hostile:
            weights = [1 / weight for weight in weights]
        return self.random.choices(children, weights)[0]


def play_game(tree: Tree, *, max_queries: int, move_queries: int | None) -> Asking[None]:
    """Search until the queries are spent, committing to a move every ``move_queries``, or until the game is played out.

    A step that asked for nothing new counts as one query, so that every search ends; where moves are committed to, many
    such steps in a row are reason to make one.
    """
    spent = 0
    while spent < max_queries and not tree.root.done:
        end = max_queries if move_queries is None else min(max_queries, spent + move_queries)
        idle = 0
        while spent < end and not tree.root.done and (move_queries is None or idle < IDLE):
            before = tree.board.asked
            yield from tree.grow()
            asked = tree.board.asked - before
            spent += max(1, asked)
            idle = 0 if asked else idle + 1
        if move_queries is not None and not tree.root.done:
            tree.commit()
