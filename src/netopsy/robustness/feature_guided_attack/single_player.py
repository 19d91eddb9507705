"""The game of one player: a distribution over keypoints that changes with what their moves achieve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from netopsy.robustness.feature_guided_attack.asking import Asking, together
from netopsy.robustness.feature_guided_attack.board import Answer, Board
from netopsy.robustness.feature_guided_attack.keypoints import Keypoints
from netopsy.robustness.feature_guided_attack.moves import State
from netopsy.robustness.feature_guided_attack.pruning import prune

SPREAD = 15.0
"""Pixels added to a keypoint's size for the normal distribution from which pixels are drawn."""
RATE = 25.0
"""What a move of a playout achieves is divided by this before it is added to its keypoint's probability."""
CLUSTER = 10
"""Moves that are taken back together at first."""
PATIENCE = 25
"""Moves in a row that made the true class no less probable, after which a playout or a descent ends."""
IDLE = 3
"""Descents in a row that asked for nothing new, after which a search ends."""

Shares = NDArray[np.float64]


def pixels_a_move(pixels: int) -> int:
    """6 for the 784 pixels of MNIST and 100 for 224 x 224, as released; between and beyond, a power law through both.

    >>> pixels_a_move(28 * 28), pixels_a_move(224 * 224), pixels_a_move(64)
    (6, 100, 1)
    """
    power = math.log(100 / 6) / math.log(224 * 224 / 784)
    return max(1, round(6 * (pixels / 784) ** power))


@dataclass
class Guide:
    """The keypoints' probabilities at one position, and how often each was chosen. Every position has its own."""

    shares: Shares
    chosen: Shares

    def copy(self) -> Guide:
        """Another that changes by itself."""
        return Guide(self.shares.copy(), self.chosen.copy())

    def learn(self, keypoint: int, gain: float) -> None:
        """Add to a keypoint's probability; none falls below 0, and all add up to 1."""
        self.shares[keypoint] = max(0.0, self.shares[keypoint] + gain)
        total = self.shares.sum()
        self.shares = self.shares / total if total > 0 else np.full(len(self.shares), 1 / len(self.shares))

    def exploring(self) -> Shares:
        """Probabilities with ``sqrt(ln n_i / N)`` added."""
        bonus = np.sqrt(np.log(self.chosen) / self.chosen.sum())
        found: Shares = self.shares + bonus
        return found / found.sum()


class SinglePlayer:
    """Descents from the image by exploring moves; from every position of a descent, playouts by the learnt ones."""

    def __init__(
        self, board: Board, keypoints: Keypoints, random: np.random.Generator, *, visit: int, simulations: int
    ) -> None:
        self.board, self.random, self.visit, self.simulations = board, random, visit, simulations
        shares = keypoints.response.double().numpy()
        self.root = Guide(shares / shares.sum(), np.ones(len(keypoints)))
        places = torch.tensor(board.moves.pixels)
        width = board.image.shape[-1]
        columns, rows = (places % width).double(), (places // width).double()
        xy, deviation = keypoints.xy.double(), (keypoints.size.double() + SPREAD)[:, None]
        square = (columns - xy[:, :1]) ** 2 + (rows - xy[:, 1:]) ** 2
        self.near: Shares = torch.softmax(-square / (2 * deviation**2), 1).numpy()
        self.places = places.numpy()
        self.shortest = math.inf
        """Severity of the nearest image found so far, before needless moves were taken back."""

    def search(self) -> Asking[None]:
        """Descend again and again, until several descents in a row asked for nothing new."""
        idle = 0
        while idle < IDLE:
            before = self.board.asked
            yield from self._descend()
            idle = idle + 1 if self.board.asked == before else 0

    def _descend(self) -> Asking[None]:
        state: State = frozenset()
        (answer,) = yield [state]
        guide, depth, vain = self.root, 1, 0
        while vain < PATIENCE:
            yield from together([self._play_out(state, answer, guide.copy()) for _ in range(self.simulations)])
            keypoint = int(self.random.choice(len(guide.shares), p=guide.exploring()))
            guide.chosen[keypoint] += 1
            tried = state | self._draw(keypoint, state)
            if tried == state or self._too_far(tried):
                return
            (now,) = yield [tried]
            gain = answer.probability - now.probability
            guide.learn(keypoint, gain / depth)
            if now.margin > 0:
                self._ended(tried)
                yield from prune(self.board, tried, part=CLUSTER)
                return
            if gain < 0:
                vain += 1
                continue
            state, answer, guide, depth, vain = tried, now, guide.copy(), depth + 1, 0

    def _play_out(self, state: State, answer: Answer, guide: Guide) -> Asking[None]:
        vain = 0
        while vain < PATIENCE:
            keypoint = int(self.random.choice(len(guide.shares), p=guide.shares))
            tried = state | self._draw(keypoint, state)
            if tried == state or self._too_far(tried):
                return
            (now,) = yield [tried]
            gain = answer.probability - now.probability
            guide.learn(keypoint, gain / RATE)
            if now.margin > 0:
                self._ended(tried)
                yield from prune(self.board, tried, part=CLUSTER)
                return
            vain = vain + 1 if gain <= 0 else 0
            if gain >= 0:
                state, answer = tried, now

    def _draw(self, keypoint: int, state: State) -> State:
        """Moves on so many different pixels that are still as they were."""
        used = self.places[sorted(state)]
        weights = np.where(np.isin(self.places, used), 0.0, self.near[keypoint])
        count = min(self.visit, int((weights > 0).sum()))
        if count == 0:
            return frozenset()
        drawn = self.random.choice(len(weights), count, replace=False, p=weights / weights.sum())
        _, first = np.unique(self.places[drawn], return_index=True)  # a pixel with two moves makes one of them
        return frozenset(int(move) for move in drawn[first])

    def _too_far(self, state: State) -> bool:
        severity = self.board.severity(state)
        return severity > self.board.budget or severity >= self.shortest

    def _ended(self, state: State) -> None:
        self.shortest = min(self.shortest, self.board.severity(state))
