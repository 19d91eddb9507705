"""Small games whose values are known by trying everything, without any part of the method."""

import itertools

import torch

PLAYERS = {
    "cooperative": max,
    "adversarial": min,
    "random": lambda values: sum(values) / len(values),
}


def linear(gains, margin):
    """A classifier of dark images ``[1, 1, n]``: lighting pixel i takes ``gains[i]`` from the margin of class 0."""
    weights = torch.tensor(gains, dtype=torch.double)

    def classify(images):
        scores = margin - images.double().flatten(1) @ weights
        return torch.stack([scores, torch.zeros(len(images), dtype=torch.double)], 1)

    return classify


def exact_value(gains, regions, margin, player):
    """The game's value by trying every line of play: 1 / number of moves at the first change of class."""

    def first(moved):
        open_regions = [own for own in regions if set(own) - moved]
        return max((second(moved, own) for own in open_regions), default=0.0)

    def second(moved, own):
        return PLAYERS[player]([after(moved | {move}) for move in own if move not in moved])

    def after(moved):
        return 1 / len(moved) if sum(gains[move] for move in moved) > margin else first(moved)

    return first(frozenset())


def fewest(gains, margin):
    """The fewest pixels that change the class, by trying every subset; ``None`` where none does."""
    for count in range(1, len(gains) + 1):
        if any(sum(some) > margin for some in itertools.combinations(gains, count)):
            return count
    return None
