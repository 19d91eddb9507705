"""How far an image may be changed until its class changes: the largest radius proved, the smallest broken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.progress import track
from netopsy.core.shapes import Images
from netopsy.robustness.checks import Bounds, check_images
from netopsy.robustness.safety_verification.bounds import NUMBERS, Interval, bounds_of, lower_bounds
from netopsy.robustness.safety_verification.forward_bounds import closest_bounds
from netopsy.robustness.safety_verification.network import Operations
from netopsy.robustness.safety_verification.reading import read_network
from netopsy.robustness.safety_verification.region import input_region
from netopsy.robustness.safety_verification.rounding import rounding_error
from netopsy.robustness.safety_verification.verdict import Method, Verdict
from netopsy.robustness.safety_verification.verification import verify


@dataclass(frozen=True, eq=False)
class Radius:
    """The radius at which a class changes lies from ``proved`` to ``broken``, each dimension counted by itself."""

    proved: float
    """Up to here nothing has another class; 0 where not even the smallest radius was proved."""
    broken: float
    """Here something has; infinite where nothing was found."""
    verdicts: tuple[Verdict, ...]
    """Of every radius that was asked about."""

    @property
    def counterexample(self) -> Tensor | None:
        """The nearest that was found."""
        near = [one for one in self.verdicts if one.status == "unsafe"]
        return min(near, key=lambda one: one.distance() or 0.0).counterexample if near else None


@checked
@torch.inference_mode(mode=False)
def min_adversarial_radius(
    model: nn.Module,
    image: Tensor,
    *,
    dims: Sequence[int] | None = None,
    method: Method = "milp",
    tolerance: float | int = 1e-3,
    most: float | int = 1.0,
    margin: float | int = 1e-4,
    bounds: Bounds | None = (0, 1),
    timeout: float | int | None = None,
    nodes: int | None = None,
) -> Radius:
    """The smallest change per pixel that changes an image's class, enclosed by halving.

    Args:
        image: ``[channels, height, width]``.
        dims: pixels that may change; all by default.
        method: of `verify`; "grid" proves nothing between points and is refused.
        tolerance: the width of the enclosure to end at.
        most: the largest radius asked about.
        timeout, nodes: of each question. One that stays open counts as not proved, and the enclosure stays wide.

    Raises:
        InputError: what `verify` raises, or a tolerance that is not positive.

    Source: the complete check by Tjeng, Xiao and Tedrake 2019; the paper's section 5 compares minimal changes.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    >>> _ = net[1].weight.data.copy_(torch.eye(2)), net[1].bias.data.zero_()
    >>> found = min_adversarial_radius(net, torch.tensor([[[0.8, 0.2]]]))
    >>> found.proved <= 0.3 <= found.broken, found.broken - found.proved < 0.002
    (True, True)
    """
    require(tolerance > 0, f"tolerance must be positive, got {tolerance}")
    require(most > 0, f"most must be a positive radius, got {most}")
    require(method != "grid", "method must prove what lies between the points of a grid too, and 'grid' does not")
    asked: list[Verdict] = []

    def ask(radius: float) -> Verdict:
        region = input_region(image, span=radius, strategy="all" if dims is None else list(dims))
        found = verify(model, image, region, method=method, margin=margin, bounds=bounds, timeout=timeout, nodes=nodes)
        asked.append(found)
        return found

    proved, broken, opened = 0.0, math.inf, float(most)
    first = ask(opened)
    if first.status == "safe":
        return Radius(opened, math.inf, tuple(asked))
    broken = _distance(first)
    opened = min(opened, broken)
    while opened - proved > tolerance:  # the largest radius that is proved
        middle = (proved + opened) / 2
        found = ask(middle)
        broken = min(broken, _distance(found))
        proved, opened = (middle, opened) if found.status == "safe" else (proved, min(middle, _distance(found)))
    while math.inf > broken > opened + tolerance:  # then the smallest that is broken
        found = ask((opened + broken) / 2)
        opened, broken = (opened, _distance(found)) if found.broken else ((opened + broken) / 2, broken)
    return Radius(proved, broken, tuple(asked))


def _distance(verdict: Verdict) -> float:
    found = verdict.distance()
    return math.inf if found is None else found


@checked
@torch.inference_mode(mode=False)
def certified_radius(
    model: nn.Module,
    images: Images,
    *,
    steps: int = 8,
    most: float | int = 0.5,
    margin: float | int = 1e-4,
    bounds: Bounds | None = (0, 1),
    relaxed: bool = True,
    tight: int = 0,
) -> Float[Tensor, "batch"]:
    """For every image, the largest radius per pixel up to which bounds alone prove that its class stays; 0 for none.

    By intervals and linear relaxation, all images together: quick, sound for networks of any size, and the smaller
    beside the true radius the deeper the network is.

    Args:
        steps: halvings; the radius is found to ``most / 2 ** steps``.
        relaxed: by linear relaxation as well as by intervals; without, a step costs two forward passes an image.
        tight: bound hidden layers of at most so many units from the back as well: dearer and tighter.

    Raises:
        InputError: a layer that cannot be read, or images that are none.

    Source: Zhang et al. 2018 (CROWN).

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    >>> _ = net[1].weight.data.copy_(torch.eye(2)), net[1].bias.data.zero_()
    >>> round(float(certified_radius(net, torch.tensor([[[[0.8, 0.2]]]]))[0]), 2)
    0.3
    """
    check_images(images, bounds)
    require(steps >= 1, f"steps must be 1 or more, got {steps}")
    require(most > 0, f"most must be a positive radius, got {most}")
    network = read_network(model, images[0])
    together = max(1, NUMBERS // sum(torch.Size(shape).numel() for shape in network.shapes))
    found = []
    for some in track(images.detach().cpu().double().split(together), "proving radii"):
        low = torch.zeros(len(some), dtype=torch.float64)
        high = torch.full_like(low, float(most))
        for step in range(steps + 1):
            tried = high if step == 0 else (low + high) / 2
            safe = proved(network, some, tried, float(margin), bounds, tight, relaxed=relaxed)
            low, high = torch.where(safe, tried, low), torch.where(safe, high, tried)
        found.append(low)
    return torch.cat(found).to(images.dtype if images.dtype == torch.float64 else torch.float32)


def proved(
    network: Operations,
    images: Tensor,
    radius: Tensor,
    margin: float,
    bounds: Bounds | None,
    tight: int = 0,
    *,
    relaxed: bool = True,
) -> Tensor:
    """Which of the images ``[batch, *shape]`` in float64 keep their class up to their radius ``[batch]``, by bounds."""
    reach = radius.reshape(-1, *(1,) * (images.ndim - 1))
    low, high = images - reach, images + reach
    box = Interval(low, high) if bounds is None else Interval(low.clamp(*bounds), high.clamp(*bounds))
    found = closest_bounds(network, box, tight=tight) if relaxed else bounds_of(network, box)
    predicted = network(images).argmax(1)
    error = rounding_error(network, found)
    rows = torch.eye(network.classes, dtype=torch.float64)
    safe = torch.ones(len(images), dtype=torch.bool)
    for label in predicted.unique().tolist():
        own = (predicted == label).nonzero()[:, 0]
        others = [each for each in range(network.classes) if each != label]
        lead = found[-1].low[own][:, [label]] - found[-1].high[own][:, others]
        if relaxed:
            some = [Interval(one.low[own], one.high[own]) for one in found]
            linear = lower_bounds(network, some, rows[label] - rows[others], len(network.steps)).low
            lead = torch.maximum(lead, linear)
        needed = (error[own][:, others] + error[own][:, [label]]).clamp(min=margin)
        safe[own] = (lead > needed).all(1)
    return safe
