"""Feature-guided search for an image of another class, near a given one, by questions alone."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import check_seed, derive, generator
from netopsy.core.shapes import Images
from netopsy.robustness.checks import as_batch, check_images, one_label
from netopsy.robustness.feature_guided_attack.asking import Asking, Pictures, play
from netopsy.robustness.feature_guided_attack.board import Board
from netopsy.robustness.feature_guided_attack.keypoints import SMALL, Keypoints, sift_keypoints
from netopsy.robustness.feature_guided_attack.moves import Signs, moves_on
from netopsy.robustness.feature_guided_attack.options import Mode, Options
from netopsy.robustness.feature_guided_attack.result import SearchResult
from netopsy.robustness.feature_guided_attack.saliency import keypoint_densities, keypoint_partition
from netopsy.robustness.feature_guided_attack.single_player import SinglePlayer, pixels_a_move
from netopsy.robustness.feature_guided_attack.tree import Backup, Player, Selection, Tree, play_game
from netopsy.robustness.queries import Classifier, Queries

CAP = 100
"""Pixels of a keypoint's region on images of 100 pixels a side or more."""


@checked
def feature_guided_search(
    model: Classifier,
    image: Float[Tensor, "channels height width"],
    label: int | None = None,
    *,
    player: Player = "cooperative",
    norm: int = 0,
    budget: float | int | None = None,
    tau: float | int = 1.0,
    signs: Signs = "farther",
    max_queries: int = 5000,
    playouts: int | None = None,
    exploration: float | int = 2**0.5,
    keypoints: Keypoints | None = None,
    regions: Int[Tensor, "height width"] | None = None,
    region_pixels: Literal["auto"] | int | None = "auto",
    selection: Selection = "sample",
    backup: Backup = "playout",
    move_queries: int | None = None,
    stride: int = 1,
    mode: Mode = "mcts",
    visit: int | None = None,
    seed: int | torch.Generator = 0,
) -> SearchResult:
    """Look for the smallest change of pixels that changes a classifier's answer, asking it for answers and nothing
    else.

    Two players take turns: the first picks a keypoint of the image, the second a pixel of that keypoint's region, which
    is then set towards the farther bound. The game ends when the class changes, worth 1 / distance to the first player;
    beyond the ``budget`` or with no pixel left it is worth 0. Monte Carlo tree search plays both. Every change that it
    meets is reduced until no single pixel can be restored.

    A part of the tree that has been played to its end is not entered again; the released code does so.

    Args:
        model: a network or any function from images to scores or probabilities.
        image: ``[channels, height, width]`` from 0 to 1.
        label: its true class; by default what the classifier says.
        player: the second player: ``"cooperative"`` wants what the first wants (the nearest image), ``"adversarial"``
            the opposite (how sound it is to attack these features), ``"random"`` nothing.
        norm: of the distance: 0 counts changed pixels, not channels; 1 and 2 are over all channels.
        budget: greatest distance; none by default. The paper's, in L1: 40 for MNIST, 20 for CIFAR-10, 10000 for
            ImageNet.
        tau: how far a pixel moves, cut off at the bounds: by default to its opposite extreme.
        signs: ``"farther"`` towards the farther bound; ``"both"`` has a move the other way as well.
        max_queries: images that the classifier is asked about at most.
        playouts: random games for every new position, 3 by default; in the single-player mode 10.
        exploration: weight of rarely visited positions.
        keypoints: by default `sift_keypoints` of the image.
        regions: the keypoint to which each pixel belongs, negative where it may not be changed; by default
            `keypoint_partition`.
        region_pixels: of each region only so many, the nearest to the keypoint; ``"auto"`` is 100 for images of 100
            pixels a side or more, otherwise all.
        selection: draw the position to go on with in proportion to its score, as the paper, or take the best.
        backup: ``"playout"`` averages what the playouts of a position were worth, as the paper does, which is biased
            for a second player who does not cooperate; ``"game"`` takes the best for one player and the worst or the
            mean for the other, and tends to the game's exact value.
        move_queries: queries after which the search commits to a move; a quarter of all by default, and with ``"game"``
            it never does.
        stride: moves of a playout between two questions; more than 1 for large images and few queries.
        mode: ``"mcts"``, or ``"saliency"`` for the single-player game: keypoints are drawn from a distribution that
            grows where moves made the class less probable, and several pixels around them are changed at once.
        visit: pixels of one move in that mode; 6 for 28 x 28 pixels, 100 for 224 x 224, a power law through both.
        seed: for everything that is drawn.

    Returns:
        A `SearchResult`. Where the classifier is already wrong about the image, severity is 0 after one query.

    Raises:
        InputError: an image outside 0 to 1, a norm other than 0, 1 and 2, a class that there is not, numbers that are
            not positive, regions of another shape, or a classifier that does not return a row of scores an image.

    Source: Wicker, Huang and Kwiatkowska 2018, sections 3 and 4; the single-player game after the released SafeCV
    (details unconfirmed).

    >>> dark = lambda images: torch.stack([images.mean((1, 2, 3)), torch.full((len(images),), 0.1)], 1)
    >>> image = torch.zeros(1, 8, 8)
    >>> image[0, 2:4, 2:6] = 1.0
    >>> found = feature_guided_search(dark, image, budget=4)
    >>> found.label, found.predicted, found.severity
    (0, 1, 2.0)
    """
    batch = as_batch(image)
    options = Options.of({
        "player": player, "norm": norm, "budget": budget, "tau": tau, "signs": signs, "max_queries": max_queries,
        "playouts": playouts, "exploration": exploration, "region_pixels": region_pixels, "selection": selection,
        "backup": backup, "move_queries": move_queries, "stride": stride, "mode": mode, "visit": visit,
    })  # fmt: skip
    return _searches(model, batch, [label], [keypoints], [regions], [generator(seed)], options)[0]


@checked
def feature_guided_searches(
    model: Classifier,
    images: Images,
    labels: Sequence[int | None] | Int[Tensor, "batch"] | None = None,
    *,
    keypoints: Sequence[Keypoints] | None = None,
    regions: Sequence[Tensor] | Int[Tensor, "batch height width"] | None = None,
    seed: int | Sequence[int] = 0,
    **options: Any,
) -> list[SearchResult]:
    """`feature_guided_search` on several images at once: one search each, and one batch of questions for all of them.

    Each search is the one that its image alone would have, with queries, keypoints and a random state of its own; only
    the classifier is called more rarely, with more images. (Its scores may differ in the last digit with the size of
    the batch, as those of any network.)

    Args:
        model: a network or any function from images to scores or probabilities.
        images: ``[batch, channels, height, width]`` from 0 to 1.
        labels: the true class of each; by default what the classifier says.
        keypoints: of each image.
        regions: of each image.
        seed: one a search; of a single one, search ``n`` has ``derive(seed, n)``.
        options: all others of `feature_guided_search`, the same for all.

    Returns:
        A `SearchResult` an image.

    Raises:
        InputError: as `feature_guided_search`, or not one label, keypoints, regions or seed an image.

    Source: Wicker, Huang and Kwiatkowska 2018, sections 3 and 4 (place unconfirmed).

    >>> dark = lambda images: torch.stack([images.mean((1, 2, 3)), torch.full((len(images),), 0.1)], 1)
    >>> images = torch.zeros(2, 1, 8, 8)
    >>> images[0, 0, 2:4, 2:6], images[1, 0, 3:5, 1:5] = 1.0, 1.0
    >>> [one.severity for one in feature_guided_searches(dark, images, budget=4, max_queries=300)]
    [2.0, 2.0]
    """
    check_images(images)
    count = len(images)
    if isinstance(seed, int):
        check_seed(seed)
        seed = [derive(seed, number) for number in range(count)]
    true = labels.tolist() if isinstance(labels, Tensor) else labels
    for name, given in (("labels", true), ("keypoints", keypoints), ("regions", regions), ("seed", seed)):
        require(given is None or len(given) == count, f"{name} must be {count}, one an image, got {len(given or ())}")
    none: list[Any] = [None] * count
    return _searches(
        model,
        images,
        none if true is None else true,
        none if keypoints is None else keypoints,
        none if regions is None else list(regions),
        [generator(each) for each in seed],
        Options.of(options),
    )


def _searches(
    model: Classifier,
    images: Tensor,
    labels: Sequence[int | None],
    keypoints: Sequence[Keypoints | None],
    regions: Sequence[Tensor | None],
    generators: Sequence[torch.Generator],
    options: Options,
) -> list[SearchResult]:
    shape = (images.shape[2], images.shape[3])
    for each in regions:
        _check_regions(each, shape)
    queries = Queries(model)
    scores = queries(images)
    said = scores.argmax(1).tolist()
    true = [one_label(label, guess, scores.shape[1]) for label, guess in zip(labels, said, strict=True)]
    games = []
    for number, (image, given, own) in enumerate(zip(images, keypoints, regions, strict=True)):
        seed = int(torch.randint(2**62, (1,), generator=generators[number]))
        found = sift_keypoints(image) if given is None else given
        own = _regions(found, shape, options.region_pixels) if own is None else own
        moves = moves_on(image, own, float(options.tau), options.signs, options.norm)
        board = Board(image, true[number], moves, budget=options.budget, max_queries=options.max_queries, asked=1)
        games.append(_Search(board, found, said[number], np.random.default_rng(seed), options))
    open_games = [game for game in games if not game.wrong]
    if open_games:
        play(queries, [game.board for game in open_games], [game.work for game in open_games])
    return [game.result() for game in games]


class _Search:
    """The search from one image, of which nothing has been asked but the image itself."""

    def __init__(
        self, board: Board, keypoints: Keypoints, said: int, random: np.random.Generator, options: Options
    ) -> None:
        self.board, self.keypoints, self.said = board, keypoints, said
        self.wrong = said != board.label
        self.tree: Tree | None = None
        self.work: Asking[None]
        if options.mode == "saliency":
            visit = pixels_a_move(board.image[0].numel()) if options.visit is None else options.visit
            self.work = SinglePlayer(board, keypoints, random, visit=visit, simulations=options.random_games).search()
        else:
            self.tree = Tree(board, options.rules, Random(int(random.integers(2**62))))
            self.work = play_game(self.tree, max_queries=options.max_queries, move_queries=options.queries_a_move)

    def result(self) -> SearchResult:
        """What was found."""
        board = self.board
        state = frozenset[int]() if self.wrong else board.best
        severity = 0.0 if self.wrong else board.best_severity
        worth = float("inf") if self.wrong else 1 / severity
        width = board.image.shape[-1]
        pixels = torch.tensor(sorted(board.moves.pixels[move] for move in state or ()), dtype=torch.int64)
        return SearchResult(
            image=board.image,
            label=board.label,
            success=state is not None,
            adversarial=Pictures([board]).of([(0, state or frozenset())])[0],
            predicted=self.said if self.wrong else board.best_answer,
            severity=severity,
            norm=board.moves.norm,
            minimal=self.wrong or state in board.minimal,
            value=self._value(worth),
            n_queries=board.asked,
            history=((1, 0.0),) if self.wrong else tuple(board.history),
            manipulations=torch.stack([pixels // width, pixels % width], 1),
            keypoints=self.keypoints,
        )

    def _value(self, found: float) -> float:
        if self.wrong or self.tree is None:
            return found
        if self.tree.first.children:
            return self.tree.value
        return found if self.tree.rules.player == "cooperative" else 0.0


def _check_regions(regions: object, shape: tuple[int, int]) -> None:
    got = f"{tuple(regions.shape)} of {regions.dtype}" if isinstance(regions, Tensor) else type(regions).__name__
    fine = isinstance(regions, Tensor) and not (regions.is_floating_point() or regions.dtype == torch.bool)
    fine = fine and isinstance(regions, Tensor) and regions.shape == shape
    require(regions is None or fine, f"regions must be ints of the image's height and width {shape}, got {got}")


def _regions(keypoints: Keypoints, shape: tuple[int, int], most: Literal["auto"] | int | None) -> Tensor:
    """The partition, of which each keypoint keeps at most so many pixels, those of the highest density."""
    regions = keypoint_partition(keypoints, shape)
    if most == "auto":
        most = CAP if max(shape) >= SMALL else None
    if most is None:
        return regions
    densities = keypoint_densities(keypoints, shape).amax(0).flatten()
    kept = torch.full_like(regions, -1).flatten()
    for number in regions.unique().tolist():
        own = (regions.flatten() == number).nonzero()[:, 0]
        kept[own[densities[own].argsort(descending=True, stable=True)[:most]]] = number
    return kept.view(shape)
