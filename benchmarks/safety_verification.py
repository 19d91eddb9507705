"""A grid in batches against one point at a time, a region decided by MILP against z3's encoding, and how both grow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.timing import Comparison, Growth
from netopsy.lab.subjects.digit_networks import DigitNetwork, digit_images, digit_network
from netopsy.robustness.safety_verification import Region, certified_radius, input_region, verify

DECIDED = 6
"""Images whose regions both solvers decide."""


def benchmarks() -> Iterator[Comparison | Growth]:
    """The grid without bounds, so that both sides ask about the same points; with them; then the solvers."""
    small, large = (digit_network(DigitNetwork(network=name), 0) for name in ("mlp", "cnn"))
    image = digit_images()[1].inputs[0]
    region = input_region(image, n_dims=5, span=0.05, count=2)
    for name, asked, model in (("in_batches", small.forward, small), ("with_bounds", large, large)):
        ours = partial(verify, asked, image, region, method="grid")
        peer = partial(one_at_a_time, model, image, region)
        assert ours().status == "grid-safe", f"the grid of {name} has an adversarial point"
        assert not peer(), f"the grid of {name} has an adversarial point"
        yield Comparison(f"grid_{name}", ours, peer, target=0.05, peer_name="one point at a time", rounds=5)
    images = digit_images()[1].inputs[:DECIDED]
    assert answers(small, images, "milp") == answers(small, images, "smt")
    yield Comparison(
        "milp_against_z3",
        partial(answers, small, images, "milp"),
        partial(answers, small, images, "smt"),
        target=1.0,
        peer_name="z3 encoding",
        rounds=3,
    )
    yield Growth(
        "grid_dims",
        {dims: partial(verify, small.forward, image, widest(image, dims), method="grid") for dims in (3, 5, 7)},
        size_name="dims",
        rounds=3,
    )
    yield Growth(
        "bounds_images",
        {count: partial(certified_radius, small, digit_images()[1].inputs[:count]) for count in (8, 32, 128)},
        size_name="images",
    )


def widest(image: Tensor, dims: int) -> Region:
    """So many pixels, each a step of 0.02 up and down."""
    return input_region(image, n_dims=dims, span=0.02, count=2)


def answers(model: nn.Module, images: Tensor, method: str) -> list[str]:
    """What a solver says of all pixels within 0.09: more than bounds alone decide."""
    regions = [input_region(image, strategy="all", span=0.09) for image in images]
    return [verify(model, one, region, method=method).status for one, region in zip(images, regions, strict=True)]


def one_at_a_time(model: nn.Module, image: Tensor, region: Region) -> bool:
    """Whether a point of the grid has another class, as a plain loop finds out."""
    ladders = [
        [min(1.0, max(0.0, float(image.flatten()[dim]) + span * step)) for step in range(-count, count + 1)]
        for dim, span, count in zip(region.dims, region.span, region.count, strict=True)
    ]
    with torch.no_grad():
        label = int(model(image[None]).argmax())
        for values in itertools.product(*ladders):
            point = image.clone().flatten()
            point[list(region.dims)] = torch.tensor(values)
            if int(model(point.reshape(1, *image.shape)).argmax()) != label:
                return True
    return False
