"""What is measured on one network: the game against a white-box attack, its regions, its optimum, its players."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    feature_guided_searches,
    keypoint_partition,
    saliency_map,
    sift_keypoints,
)
from netopsy.robustness.feature_guided_attack.asking import Asking, play, together
from netopsy.robustness.feature_guided_attack.board import Board
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
    seeds = [derive(seed, "game", number) for number in range(len(shown))]
    games = feature_guided_searches(model, shown, labels, max_queries=queries, seed=seeds)
    for number, (image, label, found) in enumerate(zip(shown, labels.tolist(), games, strict=True)):
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
    board = _board(image, label, torch.zeros(image.shape[1:], dtype=torch.int64), ANY)
    pixels = set(flips.nonzero()[:, 0].tolist())
    state = frozenset(move for move, pixel in enumerate(board.moves.pixels) if pixel in pixels)
    (smallest,) = play(Queries(model), [board], [prune(board, state)])
    assert smallest is not None, "its queries are not counted"
    return len(smallest)


def regions(network: DigitNetwork, seed: int, images: int, queries: int) -> Rows:
    """Changed pixels by image, with the regions of the keypoints and with random ones of the same sizes."""
    model = digit_network(network, seed)
    shown, labels = _recognised(model, images)
    keypoints = [sift_keypoints(image) for image in shown]
    near = [keypoint_partition(each, (shown.shape[2], shown.shape[3])) for each in keypoints]
    chance = []
    for number, own in enumerate(near):
        order = torch.randperm(own.numel(), generator=generator(derive(seed, "regions", number)))
        chance.append(own.flatten()[order].view(own.shape))
    seeds = [derive(seed, "guided", number) for number in range(len(shown))]
    for method, divided in ((KEYPOINTS, near), (RANDOM, chance)):
        options: dict[str, Any] = {"keypoints": keypoints, "regions": divided, "max_queries": queries}
        searches = feature_guided_searches(model, shown, labels, **options, seed=seeds)
        for number, (own, found) in enumerate(zip(near, searches, strict=True)):
            value = found.severity if found.success else PIXELS
            about = {"regions": int(own.max()) + 1, "keypoints": found.keypoints.found, "success": found.success}
            yield {"image": number, "method": method, "value": float(value), **about}


def optimum(network: DigitNetwork, seed: int, images: int, queries: int, pixels: int) -> Rows:
    """On the most salient pixels: the fewest that change the class, by trying all subsets, and who finds so few."""
    model = digit_network(network, seed)
    shown, labels = _recognised(model, images)
    shape = (shown.shape[2], shown.shape[3])
    keypoints = [sift_keypoints(image) for image in shown]
    salient = [saliency_map(each, shape).flatten().argsort(descending=True, stable=True)[:pixels] for each in keypoints]
    divided = [_only(keypoint_partition(each, shape), own) for each, own in zip(keypoints, salient, strict=True)]
    optima = [
        fewest_of_all(model, image, label, own)
        for image, label, own in zip(shown, labels.tolist(), salient, strict=True)
    ]
    seeds = [derive(seed, "tree", number) for number in range(len(shown))]
    options: dict[str, Any] = {"keypoints": keypoints, "regions": divided, "max_queries": queries}
    searches = feature_guided_searches(model, shown, labels, **options, seed=seeds)
    chance = [derive(seed, "alone", number) for number in range(len(shown))]
    random = playouts_alone(model, shown, labels, divided, queries, chance)
    for number, (fewest, found, alone) in enumerate(zip(optima, searches, random, strict=True)):
        if fewest is None:
            continue
        for method, history in ((TREE, found.history), (PLAYOUTS, alone)):
            best = min((severity for _, severity in history), default=float(pixels + 1))
            at = {"image": number, "method": method}
            yield {**at, "value": float(best == fewest), "best": best, "fewest": fewest}
            for step in STEPS:
                so_far = min((severity for asked, severity in history if asked <= step), default=None)
                yield {"measure": "history", **at, "asked": step, "value": float(so_far == fewest)}


def _only(divided: Tensor, pixels: Tensor) -> Tensor:
    """The regions of some pixels; all others belong to none."""
    kept = torch.full((divided.numel(),), -1)
    kept[pixels] = divided.flatten()[pixels]
    return kept.view(divided.shape)


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
    model: nn.Module, images: Images, labels: Labels, divided: list[Tensor], queries: int, seeds: list[int]
) -> list[Sequence[tuple[int, float]]]:
    """Random games from each image itself, each without its needless moves, for as many queries: no tree."""
    boards = [
        _board(image, label, own, queries) for image, label, own in zip(images, labels.tolist(), divided, strict=True)
    ]
    works = [_random_games(board, Random(seed), queries) for board, seed in zip(boards, seeds, strict=True)]
    play(Queries(model), boards, works)
    return [board.history for board in boards]


def _random_games(board: Board, random: Random, queries: int) -> Asking[None]:
    idle = 0
    while idle < queries:
        before = board.asked
        yield from together([play_out(board, frozenset(), None, random, 1) for _ in range(AT_ONCE)])
        idle = 0 if board.asked > before else idle + AT_ONCE


def players(network: DigitNetwork, seed: int, images: int, queries: int) -> Rows:
    """The game's value by image with each second player, as the search backs it up."""
    model = digit_network(network, seed)
    shown, labels = _recognised(model, images)
    seeds = [derive(seed, "players", number) for number in range(len(shown))]
    for player in PLAYERS:
        options: dict[str, Any] = {"player": player, "backup": "game", "max_queries": queries}
        for number, found in enumerate(feature_guided_searches(model, shown, labels, **options, seed=seeds)):
            yield {"image": number, "method": player, "value": found.value}


def _board(image: Tensor, label: int, divided: Tensor, queries: int) -> Board:
    return Board(image, label, moves_on(image, divided, 1.0, "farther", 0), budget=None, max_queries=queries)


def _recognised(model: nn.Module, count: int) -> tuple[Images, Labels]:
    """The first test images that the network gets right."""
    _, test = digit_images()
    with torch.no_grad():
        right = (model(test.inputs).argmax(1) == test.targets).nonzero()[:count, 0]
    return test.inputs[right], test.targets[right]
