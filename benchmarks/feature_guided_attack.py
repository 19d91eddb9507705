"""The games of several images in common batches, and that of one image in its own, against the same games asking about
one image at a time; and against ART's saliency map attack."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.timing import Comparison, Growth
from netopsy.core.seeds import seeded
from netopsy.robustness.feature_guided_attack import (
    SearchResult,
    asking,
    feature_guided_search,
    feature_guided_searches,
    stride_for,
)

QUERIES = 5000
SHIFTS = ((0, 0), (0, 1), (1, 0), (1, 1), (0, -1), (-1, 0), (-1, -1), (1, -1))
"""Rows and columns by which the picture is moved for the other images."""


def benchmarks() -> Iterator[Comparison | Growth]:
    """Blurred rings of 8 x 8 pixels and a network whose classes are near to one another."""
    image = picture(8)
    images = torch.stack([image.roll(shift, (1, 2)) for shift in SHIFTS])
    model = network(image)
    together, apart = partial(searches, model, images), partial(one_at_a_time, model, images)
    for first, second in zip(together(), apart(), strict=True):
        assert first.success
        assert first.history == second.history
        assert torch.equal(first.adversarial, second.adversarial)
    peer_name = "one image at a time"
    yield Comparison("feature_guided_attack_batched", together, apart, 0.1, peer_name=peer_name, rounds=2)
    ours, alone = partial(search, model, image), partial(one_at_a_time, model, images[:1])
    yield Comparison("feature_guided_attack_one_image", ours, alone, 0.1, peer_name=peer_name, rounds=3)
    if (peer := saliency_map_attack(model, image)) is not None:
        yield Comparison("feature_guided_attack_jsma", ours, peer, 10.0, peer_name="ART's JSMA, all classes", rounds=3)
    pictures = {side: picture(side) for side in (8, 16, 32, 64)}
    yield Growth(
        "feature_guided_attack_side",
        {side: partial(search, network(each), each) for side, each in pictures.items()},
        size_name="side",
        rounds=3,
    )


def network(image: torch.Tensor) -> nn.Module:
    """Two convolutions; the first class leads by so little that a few pixels decide."""
    with seeded(0):
        layers = (nn.Conv2d(1, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 16, 3, padding=1), nn.Tanh())
        model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(256, 10)).eval()
    lead = torch.zeros(10)
    lead[0] = 0.2
    with torch.no_grad():
        model[-1].bias += lead - model(image[None])[0]
    return model


def picture(side: int) -> torch.Tensor:
    """A bright ring on black."""
    place = torch.linspace(-1, 1, side)
    radius = (place[:, None] ** 2 + place**2).sqrt()
    return torch.exp(-(((radius - 0.55) / 0.12) ** 2))[None]


def search(model: nn.Module, image: torch.Tensor) -> SearchResult:
    """With the stride that the command takes."""
    return feature_guided_search(model, image, max_queries=QUERIES, stride=stride_for(image[0].numel()))


def searches(model: nn.Module, images: torch.Tensor) -> list[SearchResult]:
    """The same for several images, each as if it were the only one."""
    stride = stride_for(images[0, 0].numel())
    return feature_guided_searches(model, images, max_queries=QUERIES, stride=stride, seed=[0] * len(images))


def one_at_a_time(model: nn.Module, images: torch.Tensor) -> list[SearchResult]:
    """The same searches one after another, asking about one image after another, as the released code does."""
    before, asking.NUMBERS = asking.NUMBERS, 1
    try:
        return [search(model, image) for image in images]
    finally:
        asking.NUMBERS = before


def saliency_map_attack(model: nn.Module, image: torch.Tensor) -> Any:
    """The peer's white-box attack on the same image, towards each class in turn; ``None`` where it is not installed."""
    try:
        from art.attacks.evasion import SaliencyMapMethod
        from art.estimators.classification import PyTorchClassifier
    except ImportError:
        print("adversarial-robustness-toolbox is not installed: pip install 'netopsy[bench]'")
        return None
    import numpy as np

    classifier = PyTorchClassifier(
        model, nn.CrossEntropyLoss(), tuple(image.shape), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = SaliencyMapMethod(classifier, theta=1.0, gamma=0.1, batch_size=10, verbose=False)
    images = image[None].expand(10, -1, -1, -1).numpy()
    return partial(attack.generate, images, np.eye(10))
