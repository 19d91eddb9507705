"""Feature-guided search for an image of another class, near a given one, by questions alone."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.core.seeds import generator
from netopsy.robustness.checks import as_batch, one_label
from netopsy.robustness.feature_guided_attack.board import Board, OutOfQueries
from netopsy.robustness.feature_guided_attack.keypoints import SMALL, Keypoints, sift_keypoints
from netopsy.robustness.feature_guided_attack.moves import Signs, moves_on
from netopsy.robustness.feature_guided_attack.result import SearchResult
from netopsy.robustness.feature_guided_attack.saliency import keypoint_densities, keypoint_partition
from netopsy.robustness.feature_guided_attack.single_player import SinglePlayer, pixels_a_move
from netopsy.robustness.feature_guided_attack.tree import Backup, Player, Rules, Selection, Tree, play_game
from netopsy.robustness.queries import Classifier, Queries

Mode = Literal["mcts", "saliency"]
CAP = 100
"""Pixels of a keypoint's region on images of 100 pixels a side or more."""
MOVES = 4
"""Moves that a search commits to by default: the paper's time for MNIST is four times that of one move."""
PLAYOUTS = {"mcts": 3, "saliency": 10}


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
    for kind, name, among in (
        ("player", player, Player), ("selection", selection, Selection), ("backup", backup, Backup),
        ("mode", mode, Mode), ("signs", signs, Signs),
    ):  # fmt: skip
        lookup(kind, name, dict.fromkeys(get_args(among)))
    require(norm in (0, 1, 2) and not isinstance(norm, bool), f"norm must be 0, 1 or 2, got {norm!r}")
    _check_numbers(
        {"budget": budget, "tau": tau, "exploration": exploration},
        {"max_queries": max_queries, "playouts": playouts, "move_queries": move_queries, "stride": stride,
         "visit": visit, "region_pixels": None if region_pixels == "auto" else region_pixels},
    )  # fmt: skip
    require(backup != "game" or stride == 1, f"stride must be 1 with backup='game', got {stride}")
    random = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator(seed))))
    queries = Queries(model)
    scores = queries(batch)
    label = one_label(label, int(scores.argmax(1)), scores.shape[1])
    keypoints = sift_keypoints(image) if keypoints is None else keypoints
    if regions is None:
        regions = _regions(keypoints, (image.shape[1], image.shape[2]), region_pixels)
    else:
        _check_regions(regions, image)
    moves = moves_on(image, regions, float(tau), signs, norm)
    board = Board(queries, image, label, moves, budget=budget, max_queries=max_queries)
    if int(scores.argmax(1)) != label:
        return _result(board, keypoints, 0.0, int(scores.argmax(1)))
    count = PLAYOUTS[mode] if playouts is None else playouts
    if mode == "saliency":
        visit = pixels_a_move(image[0].numel()) if visit is None else visit
        single = SinglePlayer(board, keypoints, random, visit=visit, simulations=count)
        with suppress(OutOfQueries):
            single.search()
        return _result(board, keypoints, None)
    rules = Rules(player, count, float(exploration), selection, backup, stride)
    tree = Tree(board, rules, Random(int(random.integers(2**62))))
    if move_queries is None and backup == "playout":
        move_queries = max(1, max_queries // MOVES)
    with suppress(OutOfQueries):
        play_game(tree, max_queries=max_queries, move_queries=move_queries)
    return _result(board, keypoints, tree.value)


def _check_numbers(floats: dict[str, object], ints: dict[str, object]) -> None:
    for name, number in floats.items():
        fine = isinstance(number, float | int) and not isinstance(number, bool) and 0 < number < float("inf")
        zero = name == "exploration" and number == 0
        require(fine or zero or (name == "budget" and number is None), f"{name} must be a number > 0, got {number!r}")
    for name, number in ints.items():
        fine = isinstance(number, int) and not isinstance(number, bool) and number >= 1
        optional = name not in ("max_queries", "stride")
        require(fine or (optional and number is None), f"{name} must be an int of at least 1, got {number!r}")


def _check_regions(regions: Tensor, image: Tensor) -> None:
    require(
        isinstance(regions, Tensor) and not regions.is_floating_point() and regions.shape == image.shape[1:],
        f"regions must be ints of the image's height and width {tuple(image.shape[1:])}, got "
        f"{tuple(regions.shape) if isinstance(regions, Tensor) else type(regions).__name__}",
    )


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


def _result(board: Board, keypoints: Keypoints, value: float | None, wrong: int | None = None) -> SearchResult:
    state = frozenset[int]() if wrong is not None else board.best
    success = state is not None
    width = board.image.shape[-1]
    pixels = torch.tensor(sorted(board.moves.pixels[move] for move in state or ()), dtype=torch.int64)
    severity = 0.0 if wrong is not None else board.best_severity
    worth = float("inf") if wrong is not None else 1 / severity
    return SearchResult(
        image=board.image,
        label=board.label,
        success=success,
        adversarial=board.images([state or frozenset()])[0],
        predicted=wrong if wrong is not None else board.best_answer,
        severity=severity,
        norm=board.moves.norm,
        minimal=wrong is not None or state in board.minimal,
        value=worth if value is None or wrong is not None else value,
        n_queries=board.asked,
        history=((1, 0.0),) if wrong is not None else tuple(board.history),
        manipulations=torch.stack([pixels // width, pixels % width], 1),
        keypoints=keypoints,
    )
