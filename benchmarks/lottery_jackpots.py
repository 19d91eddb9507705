"""A step of the search for a mask against the reference's way with sorted index lists, and how ranking grows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.timing import Comparison, Growth
from netopsy.models import resnet
from netopsy.sparsity.lottery_jackpots import MaskSearch, start_masks
from netopsy.sparsity.lottery_jackpots.ranking import swapped

SPARSITY, SHARE, MOVED = 0.9, 0.3, 0.02
"""Share of weights removed, of the swaps that are allowed, and how far scores stray from where they began."""

Layer = tuple[Tensor, Tensor]
Exchange = Callable[[list[Layer]], list[Tensor]]


def benchmarks() -> Iterator[Comparison | Growth]:
    """Ranking and exchanging alone, on the layers of a ResNet-20; then whole steps, which the network takes most of."""
    model, images, labels = resnet(20), torch.rand(128, 3, 32, 32), torch.arange(128) % 10
    start = start_masks(model, SPARSITY, exclude=["output"])
    layers = [layer(mask.numel(), seed) for seed, mask in enumerate(start.values())]
    check(layers)
    peer_name = "sorting and lists"
    yield Comparison(
        "jackpot_swap", partial(ours, layers), partial(with_lists, layers), target=0.33, peer_name=peer_name, rounds=9
    )
    search = MaskSearch(model, start)

    def step(exchange: Exchange) -> None:
        search.step(F.cross_entropy(search(images), labels), lr=0.0)
        exchange(layers)

    yield Comparison(
        "jackpot_step", partial(step, ours), partial(step, with_lists), target=1.0, peer_name=peer_name, rounds=5
    )
    yield Growth(
        "jackpot_swap_weights",
        {n: partial(ours, [layer(n, 0)]) for n in (10_000, 100_000, 1_000_000)},
        size_name="weights",
    )


def layer(n: int, seed: int) -> Layer:
    """A mask and scores as a few steps leave them: most are near where they began, some have changed sides."""
    random = torch.Generator().manual_seed(seed)
    kept = torch.randperm(n, generator=random) >= math.floor(SPARSITY * n)
    return kept, torch.where(kept, 1.0, 0.99) + MOVED * torch.randn(n, generator=random)


def ours(layers: list[Layer]) -> list[Tensor]:
    """The new masks, as the search makes them."""
    share = torch.tensor([SHARE], dtype=torch.float64)
    return [swapped(kept[None], scores[None], (~kept).sum()[None], share)[0][0] for kept, scores in layers]


def with_lists(layers: list[Layer]) -> list[Tensor]:
    """How the released code goes about it, re-created: every score sorted, indices in Python lists."""
    masks = []
    for kept, scores in layers:
        order = scores.sort(stable=True).indices.tolist()
        zeros = int((~kept).sum())
        removed_now = set((~kept).nonzero()[:, 0].tolist())
        removed_next = set(order[:zeros])
        leaving = [place for place in order if place in removed_next and place not in removed_now]
        entering = [place for place in reversed(order) if place in removed_now and place not in removed_next]
        allowed = math.ceil(SHARE * len(entering))
        mask = kept.clone()
        mask[entering[:allowed]] = True
        mask[leaving[:allowed]] = False
        masks.append(mask)
    return masks


def check(layers: list[Layer]) -> None:
    """Both sides exchange the same."""
    for own, theirs, (kept, _) in zip(ours(layers), with_lists(layers), layers, strict=True):
        assert torch.equal(own, theirs), "the masks differ"
        assert not torch.equal(own, kept), "nothing was exchanged"
