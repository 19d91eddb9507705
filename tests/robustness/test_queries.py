"""A black box is asked in batches, counted, and told apart from what is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.robustness.queries import Queries


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 3))


def test_scores_are_those_of_the_network_in_evaluation_mode_and_rows_are_counted() -> None:
    net, images = network().train(), torch.rand(7, 1, 2, 2)
    asked = Queries(net, batch_size=3)
    found = asked(images)
    torch.testing.assert_close(found, net[2](images.flatten(1)).detach())
    asked(images[:2])
    assert asked.count == 9
    assert net.training
    assert not found.requires_grad


def test_a_function_of_arrays_that_returns_probabilities_is_a_classifier() -> None:
    def predict(images: torch.Tensor) -> np.ndarray:
        share = images.flatten(1).mean(1).numpy()
        return np.stack([share, 1 - share], 1)

    images = torch.rand(5, 1, 2, 2)
    found = Queries(predict, batch_size=2).probabilities(images)
    torch.testing.assert_close(found[:, 0], images.flatten(1).mean(1))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Linear, "model must be a network or a function"),
        (lambda images: images.flatten(1)[:, :1], "two classes or more"),
        (lambda images: images[:1].flatten(1), "for 3 images"),
        (lambda images: images.flatten(1) * torch.nan, "must be finite"),
        (lambda images: {"logits": images}, "returns dict"),
    ],
)
def test_what_is_no_classifier_is_named(model: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Queries(model, batch_size=3)(torch.rand(3, 1, 2, 2))  # type: ignore[arg-type]


def test_images_that_the_network_does_not_take_are_named() -> None:
    with pytest.raises(InputError, match="do not go through the network"):
        Queries(network())(torch.rand(3, 1, 3, 3))
