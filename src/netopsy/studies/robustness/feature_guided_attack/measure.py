"""What is measured on one network: the game against a white-box attack, its regions, its optimum, its players."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images, Labels
from netopsy.lab import Cell, Rows
from netopsy.lab.pictures import to_text
from netopsy.lab.subjects.digit_networks import CLASSES, DigitNetwork, digit_images, digit_network
from netopsy.robustness.feature_guided_attack import (
    feature_guided_search,
    keypoint_partition,
    saliency_map,
    sift_keypoints,
)
from netopsy.robustness.feature_guided_attack.board import Board, OutOfQueries, together
from netopsy.robustness.feature_guided_attack.moves import moves_on
from netopsy.robustness.feature_guided_attack.playouts import play_out
from netopsy.robustness.feature_guided_attack.pruning import prune
from netopsy.robustness.queries import Queries
from netopsy.studies.robustness.feature_guided_attack.jacobian import easiest
from netopsy.studies.robustness.feature_guided_attack.plan import (
    GAME,
    JACOBIAN,
    KEYPOINTS,
    PIXELS,
    PLAYERS,
    PLAYOUTS,
    PRUNED,
    RANDOM,
    TREE,
    Config,
)

EXAMPLES = 8
STEPS = (10, 30, 100, 300, 1000, 3000)
"""Queries after which it is noted whether the optimum was met."""
AT_ONCE = 4
"""Playouts alone that run together."""
ANY = 10**9
"""Queries where they are not counted."""


def plan(config: Config) -> Iterable[Cell]:
    """Four measurements on each network."""
    for seed in range(config.seeds):
        subject = {"network": config.network, "seed": seed}
        yield Cell.of(attacks, **subject, images=config.attacked, queries=config.attack_queries)
        yield Cell.of(regions, **subject, images=config.guided, queries=config.region_queries)
        board = {"images": config.boards, "queries": config.board_queries, "pixels": config.board_pixels}
        yield Cell.of(optimum, **subject, **board)
        yield Cell.of(players, **subject, images=config.played, queries=config.player_queries)


def attacks(network: DigitNetwork, seed: int, images: int, queries: int) -> Rows:
    """Changed pixels by image: of the game, and of the Jacobian's saliency map as it is and without needless pixels."""
    model = digit_network(network, seed)
    shown, labels = _recognised(model, images)
    flips = easiest(model, shown, labels, CLASSES, PIXELS)
    for number, (image, label) in enumerate(zip(shown, labels.tolist(), strict=True)):
        found = feature_guided_search(model, image, label, max_queries=queries, seed=derive(seed, "game", number))
        counts = {
            GAME: found.severity if found.success else PIXELS,
            JACOBIAN: int(flips[number].sum()),
            PRUNED: _reduced(model, image, label, flips[number]),
        }
        for method, count in counts.items():
            yield {"image": number, "method": method, "value": float(count), "reached": bool(flips[number].any())}
        yield {"measure": "success", "image": number, "value": float(found.success), "asked": found.n_queries}
        if seed == 0 and number < EXAMPLES and found.success:
            for what, picture in (("image", found.image), ("changed", found.adversarial)):
                at = {"what": what, "image": number, "label": label, "predicted": found.predicted}
                yield {"measure": "example", **at, "picture": to_text(picture[0])}


def _reduced(model: nn.Module, image: Tensor, label: int, flips: Tensor) -> int:
    """Pixels that are left of the flips when those that are not needed are taken back, as the game does."""
    if not flips.any():
        return 0
    board = _board(model, image, label, torch.zeros(image.shape[1:], dtype=torch.int64), ANY)
    pixels = set(flips.nonzero()[:, 0].tolist())
    state = frozenset(move for move, pixel in enumerate(board.moves.pixels) if pixel in pixels)
    (smallest,) = together(board, [prune(board, state)])
    return len(smallest)


def regions(network: DigitNetwork, seed: int, images: int, queries: int) -> Rows:
    """Changed pixels by image, with the regions of the keypoints and with random ones of the same sizes."""
    model = digit_network(network, seed)
    for number, (image, label) in enumerate(_pairs(model, images)):
        keypoints = sift_keypoints(image)
        own = keypoint_partition(keypoints, (image.shape[1], image.shape[2]))
        order = torch.randperm(own.numel(), generator=generator(derive(seed, "regions", number)))
        for method, divided in ((KEYPOINTS, own), (RANDOM, own.flatten()[order].view(own.shape))):
            options: dict[str, Any] = {"keypoints": keypoints, "regions": divided, "max_queries": queries}
            found = feature_guided_search(model, image, label, **options, seed=derive(seed, "guided", number))
            value = found.severity if found.success else PIXELS
            about = {"regions": int(own.max()) + 1, "keypoints": keypoints.found, "success": found.success}
            yield {"image": number, "method": method, "value": float(value), **about}


def optimum(network: DigitNetwork, seed: int, images: int, queries: int, pixels: int) -> Rows:
    """On the most salient pixels: the fewest that change the class, by trying all subsets, and who finds so few."""
    model = digit_network(network, seed)
    for number, (image, label) in enumerate(_pairs(model, images)):
        keypoints = sift_keypoints(image)
        shape = (image.shape[1], image.shape[2])
        salient = saliency_map(keypoints, shape).flatten().argsort(descending=True, stable=True)[:pixels]
        divided = torch.full((image[0].numel(),), -1)
        divided[salient] = keypoint_partition(keypoints, shape).flatten()[salient]
        fewest = fewest_of_all(model, image, label, salient)
        if fewest is None:
            continue
        options: dict[str, Any] = {"keypoints": keypoints, "regions": divided.view(shape), "max_queries": queries}
        found = feature_guided_search(model, image, label, **options, seed=derive(seed, "tree", number))
        alone = playouts_alone(model, image, label, divided.view(shape), queries, derive(seed, "alone", number))
        for method, history in ((TREE, found.history), (PLAYOUTS, alone)):
            best = min((severity for _, severity in history), default=float(pixels + 1))
            at = {"image": number, "method": method}
            yield {**at, "value": float(best == fewest), "best": best, "fewest": fewest}
            for step in STEPS:
                so_far = min((severity for asked, severity in history if asked <= step), default=None)
                yield {"measure": "history", **at, "asked": step, "value": float(so_far == fewest)}


def fewest_of_all(model: nn.Module, image: Tensor, label: int, pixels: Tensor) -> int | None:
    """Pixels of the smallest subset of ``pixels`` that changes the class when flipped; all are tried, in batches."""
    flipped = torch.where(image > 0.5, 0.0, 1.0).flatten(1)
    fewest = None
    for numbers in torch.arange(1, 2 ** len(pixels)).split(4096):
        chosen = (numbers[:, None] >> torch.arange(len(pixels))) & 1 == 1
        images = image.flatten(1).expand(len(numbers), -1, -1).clone()
        images[:, :, pixels] = torch.where(chosen[:, None], flipped[:, pixels], images[:, :, pixels])
        with torch.no_grad():
            other = model(images.view(-1, *image.shape)).argmax(1) != label
        counts = chosen.sum(1)[other]
        if len(counts):
            fewest = min(int(counts.min()), fewest or len(pixels))
    return fewest


def playouts_alone(
    model: nn.Module, image: Tensor, label: int, divided: Tensor, queries: int, seed: int
) -> list[tuple[int, float]]:
    """Random games from the image itself, each without its needless moves, for as many queries: no tree."""
    board, random = _board(model, image, label, divided, queries), Random(seed)
    idle = 0
    with suppress(OutOfQueries):
        while idle < queries:
            before = board.asked
            together(board, [play_out(board, frozenset(), None, random, 1) for _ in range(AT_ONCE)])
            idle = 0 if board.asked > before else idle + AT_ONCE
    return board.history


def players(network: DigitNetwork, seed: int, images: int, queries: int) -> Rows:
    """The game's value by image with each second player, as the search backs it up."""
    model = digit_network(network, seed)
    for number, (image, label) in enumerate(_pairs(model, images)):
        for player in PLAYERS:
            options: dict[str, Any] = {"player": player, "backup": "game", "max_queries": queries}
            found = feature_guided_search(model, image, label, **options, seed=derive(seed, "players", number))
            yield {"image": number, "method": player, "value": found.value}


def _board(model: nn.Module, image: Tensor, label: int, divided: Tensor, queries: int) -> Board:
    moves = moves_on(image, divided, 1.0, "farther", 0)
    return Board(Queries(model), image, label, moves, budget=None, max_queries=queries)


def _recognised(model: nn.Module, count: int) -> tuple[Images, Labels]:
    """The first test images that the network gets right."""
    _, test = digit_images()
    with torch.no_grad():
        right = (model(test.inputs).argmax(1) == test.targets).nonzero()[:count, 0]
    return test.inputs[right], test.targets[right]


def _pairs(model: nn.Module, count: int) -> Iterator[tuple[Tensor, int]]:
    images, labels = _recognised(model, count)
    return zip(images, labels.tolist(), strict=True)
