"""The control of a search that is guided by keypoints: regions as large, anywhere in the image."""

from __future__ import annotations

import torch
from torch import Tensor

from netopsy.core.seeds import generator
from netopsy.robustness.feature_guided_attack import Keypoints, keypoint_partition


def random_regions(keypoints: Keypoints, shape: tuple[int, int], seed: int) -> Tensor:
    """As many pixels for each keypoint as it has by nearness, anywhere in the image."""
    own = keypoint_partition(keypoints, shape)
    return own.flatten()[torch.randperm(own.numel(), generator=generator(seed))].view(shape)
