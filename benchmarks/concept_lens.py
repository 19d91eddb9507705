"""Finding concepts and coding activations in them against scikit-learn's NMF, and how the cost grows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from benchmarks.timing import Comparison, Growth
from netopsy.interpretability.concept_lens import ConceptLens, concept_importance, nmf, non_negative_codes
from netopsy.models import small_conv_net

SIZES = ((2000, 512, 10), (10000, 512, 10), (20000, 128, 10), (50000, 256, 25))
"""Rows, channels, concepts: pooled features of a large network, and the places of several grids."""
WITHIN = 1.01
"""Our error is at most so many times the peer's."""


def benchmarks() -> Iterator[Comparison | Growth]:
    """The same error within 1 %, in at most the peer's time; then the growth with image side and concepts."""
    for rows, channels, count in SIZES:
        data = activations_like_a_networks(rows, channels)
        compare_errors(data, count)
        yield Comparison(
            f"concepts_nmf_{rows}x{channels}_{count}",
            partial(nmf, data, count),
            partial(peer_fit, data, count),
            target=1.0,
            peer_name="scikit-learn NMF",
            rounds=5,
        )
    data = activations_like_a_networks(20000, 128)
    peer = peer_fit(data, 10)
    bank = torch.from_numpy(peer.components_)
    compare_codes(data, bank, peer)
    yield Comparison(
        "concepts_encode_20000x128_10",
        partial(non_negative_codes, data, bank),
        partial(peer.transform, data.numpy()),
        target=1.0,
        peer_name="scikit-learn transform",
        rounds=5,
    )
    model = small_conv_net(seed=0).eval()
    random = torch.Generator().manual_seed(0)
    images = {side: torch.rand(8, 1, side, side, generator=random) for side in (32, 64, 128, 224)}
    yield Growth(
        "concepts_image_side",
        {side: partial(ConceptLens(model, "features.act3").fit, some) for side, some in images.items()},
        size_name="side",
        rounds=3,
    )
    lenses = {count: ConceptLens(model, "features.act3", count).fit(images[64]) for count in (5, 10, 20)}
    yield Growth(
        "concepts_occlusion_by_concepts",
        {
            count: partial(concept_importance, lens.score(0), lens.encode(images[64]), "oc", batch_size=64)
            for count, lens in lenses.items()
        },
        size_name="concepts",
        rounds=3,
    )


def peer_fit(data: Tensor, count: int) -> NMF:
    """scikit-learn's coordinate descent with the same start and limits; it may stop at its limit of 200 passes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return NMF(count, init="nndsvda", max_iter=200).fit(data.numpy())


def compare_errors(data: Tensor, count: int) -> None:
    """Our error and the peer's, which ours may not exceed by more than 1 %."""
    found = nmf(data, count)
    ours, theirs = float((data - found.codes @ found.bank).norm()), float(peer_fit(data, count).reconstruction_err_)
    print(f"  error: ours {ours:.6g}, scikit-learn {theirs:.6g}, ratio {ours / theirs:.4f}")
    assert ours <= WITHIN * theirs, f"the error is {ours / theirs:.3f} times the peer's"


def compare_codes(data: Tensor, bank: Tensor, peer: NMF) -> None:
    """The objective of our codes and the peer's, which ours may not exceed by more than 1e-4."""
    made = non_negative_codes(data, bank), torch.from_numpy(np.asarray(peer.transform(data.numpy())))
    ours, theirs = (float((data - codes @ bank).square().sum()) for codes in made)
    print(f"  squared error of the codes: ours {ours:.6g}, scikit-learn {theirs:.6g}, ratio {ours / theirs:.6f}")
    assert ours <= theirs * (1 + 1e-4), f"the squared error is {ours / theirs:.5f} times the peer's"


def activations_like_a_networks(rows: int, channels: int) -> Tensor:
    """Sparse parts that add up, under noise, behind a ReLU."""
    random = torch.Generator().manual_seed(0)
    codes = 5 * torch.rand(rows, 15, generator=random) ** 4
    bank = torch.rand(15, channels, generator=random) ** 3
    noise = torch.randn(rows, channels, generator=random)
    return (codes @ bank + 0.5 * noise - 0.5).relu()
