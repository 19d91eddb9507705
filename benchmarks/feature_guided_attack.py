"""The game in batches against the same game asking about one image at a time, and against ART's saliency map attack."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.timing import Comparison, Growth
from netopsy.core.seeds import seeded
from netopsy.models import small_conv_net
from netopsy.robustness.feature_guided_attack import SearchResult, feature_guided_search, stride_for

QUERIES = 600


def benchmarks() -> Iterator[Comparison | Growth]:
    """One image of 28 x 28 pixels; the peers must find something, too."""
    with seeded(0):
        model = small_conv_net().eval()
    image = picture(28)
    label = int(model(image[None]).argmax(1))
    ours = partial(search, model, image, label, playouts=24)
    alone = partial(search, OneByOne(model), image, label, playouts=24)
    first, second = ours(), alone()
    assert first.history == second.history
    assert first.n_queries == second.n_queries
    yield Comparison("feature_guided_attack_batched", ours, alone, 0.1, peer_name="one image at a time", rounds=5)
    if (peer := saliency_map_attack(model, image)) is not None:
        yield Comparison("feature_guided_attack_jsma", ours, peer, 1.0, peer_name="ART's JSMA, all classes", rounds=5)
    yield Growth(
        "feature_guided_attack_side",
        {side: partial(search, model, picture(side), None) for side in (16, 32, 64)},
        size_name="side",
        rounds=3,
    )


def picture(side: int) -> torch.Tensor:
    """A bright ring on black."""
    place = torch.linspace(-1, 1, side)
    radius = (place[:, None] ** 2 + place**2).sqrt()
    return torch.exp(-(((radius - 0.55) / 0.12) ** 2))[None]


def search(model: Any, image: torch.Tensor, label: int | None, playouts: int = 3) -> SearchResult:
    """With the stride that the command takes."""
    options: dict[str, Any] = {"max_queries": QUERIES, "stride": stride_for(image[0].numel()), "playouts": playouts}
    return feature_guided_search(model, image, label, **options)


class OneByOne(nn.Module):
    """A network that is asked about one image after another, as the released code does."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores."""
        return torch.cat([self.network(one) for one in images.split(1)])


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
