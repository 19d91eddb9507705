"""Mining on packed bits against mlxtend's Apriori, and one pass over images against a pass for every patch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from benchmarks.timing import Comparison, Growth
from netopsy.interpretability.pattern_net import PatternMiner, frequent_itemsets
from netopsy.interpretability.pattern_net.firing import filter_maps
from netopsy.interpretability.pattern_net.patchwise import agreement, patchwise_maps
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.models import small_conv_net


def benchmarks() -> Iterator[Comparison | Growth]:
    """Frequent sets of up to three of 128 filters in 2000 images; 64 images of 96x96; growth with the image's side."""
    fired, labels = firings(2000, 128)
    ours = partial(frequent_itemsets, fired, labels, 0, max_size=3, min_support=0.2)
    table = pd.DataFrame(fired[labels == 0].numpy())
    peer = partial(by_mlxtend, table)
    assert {frozenset(one.items) for one in ours()} == set(peer()["itemsets"])
    yield Comparison("pattern_mining", ours, peer, target=1.0, peer_name="mlxtend apriori", rounds=5)

    model, random = small_conv_net(seed=0).eval(), torch.Generator().manual_seed(0)
    images = torch.rand(64, 1, 96, 96, generator=random)
    field = receptive_field(model, "features.act4", images)
    assert agreement(model, "features.act4", images[:8]) >= 0.95
    yield Comparison(
        "pattern_one_pass",
        partial(filter_maps, model, "features.act4", images),
        partial(patchwise_maps, model, "features.act4", images, field, exact=False),
        target=0.1,
        peer_name="a pass for every patch",
        rounds=5,
    )
    both = torch.arange(64) % 2
    miner = PatternMiner(model, "features.act4", min_support=0.3, min_lift=1.0, radius=None, quantile=0.5)
    sides = (32, 64, 128, 224)
    yield Growth(
        "pattern_image_side",
        {side: partial(miner.fit, torch.rand(64, 1, side, side, generator=random), both) for side in sides},
        size_name="side",
    )


def by_mlxtend(table: pd.DataFrame) -> pd.DataFrame:
    """The peer's sets of up to three."""
    from mlxtend.frequent_patterns import apriori

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return apriori(table, min_support=0.2, max_len=3)


def firings(images: int, filters: int) -> tuple[Tensor, Tensor]:
    """As a network's: rare by themselves, and a quarter of the filters together in most images of class 0."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(images) % 2
    fired = torch.rand(images, filters, generator=random) < 0.2
    shared = torch.rand(images, 1, generator=random) < 0.5
    fired[:, : filters // 4] |= shared & (labels == 0)[:, None]
    return fired, labels
