"""The steps of a walk: one forward and one backward pass each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.progress import Task
from netopsy.core.shapes import Images, Labels
from netopsy.robustness.checks import Bounds, check_labels
from netopsy.robustness.level_set_traversal.checks import check_count, check_number, inward
from netopsy.robustness.level_set_traversal.gradients import Differentiable, Slope, borrowed, without

OnReject = Literal["hold", "stop"]
ADV_RATE = {"hold": 0.5, "stop": 1.0}
"""What the accumulator gains a step, as a share of ``adv_step`` times the gradient: of the code, and of the
pseudo-code."""


@dataclass(frozen=True)
class Settings:
    """Options of a walk; raises `InputError` for one out of its range."""

    steps: int
    step_size: float | int
    adv_step: float | int
    conf_tol: float | int
    bounds: Bounds | None
    on_reject: OnReject
    project: bool
    record_every: int

    def __post_init__(self) -> None:
        check_count(self.steps, "steps")
        check_count(self.record_every, "record_every", 0)
        check_number(self.step_size, "step_size", least=0, above=True)
        require(self.step_size <= 1, f"step_size must be at most 1, the whole way to the target, got {self.step_size}")
        check_number(self.adv_step, "adv_step", least=0)
        check_number(self.conf_tol, "conf_tol", least=0, above=True)
        require(self.on_reject in ADV_RATE, f"on_reject must be 'hold' or 'stop', got {self.on_reject!r}")
        require(isinstance(self.project, bool), f"project must be True or False, got {self.project!r}")

    @property
    def gradient(self) -> bool:
        """Whether a step needs the gradient."""
        return self.project or self.adv_step > 0

    @property
    def leave(self) -> bool:
        """Whether an image that was rejected once stays for good: by rule, or since it would try the same again."""
        return self.on_reject == "stop" or not self.gradient

    @property
    def recorded(self) -> tuple[int, ...]:
        """Steps whose images are kept."""
        return tuple(range(0, self.steps + 1, self.record_every)) if self.record_every else ()


@dataclass
class _Walk:
    """Where the images are that still walk; ``place`` says which of the part they are."""

    place: Tensor
    label: Labels
    target: Images
    floor: Float[Tensor, "batch"]
    """Confidence that a step must stay above."""
    images: Images
    slope: Slope
    pull: Images
    """The accumulator."""

    def only(self, rows: Tensor) -> _Walk:
        direction = None if self.slope.direction is None else self.slope.direction[rows]
        slope = Slope(self.slope.confidence[rows], direction, self.slope.weight[rows])
        place, label, target = self.place[rows], self.label[rows], self.target[rows]
        return _Walk(place, label, target, self.floor[rows], self.images[rows], slope, self.pull[rows])


@dataclass(frozen=True, eq=False)
class Ended:
    """Where the walks of some pairs are by now, and what was kept on the way."""

    final: Images
    kept: Tensor
    source_conf: Tensor
    final_conf: Tensor
    accepted: Tensor
    images: list[Images]
    confidences: list[Tensor]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs that walk together, and the noise that they start with."""

    source: Images
    label: Labels
    target: Images
    noise: Images


def walk(model: nn.Module, pairs: Pairs, settings: Settings, task: Task) -> Ended:
    """The walks of all pairs at once; a network that changes with the others of a batch is none in evaluation mode."""
    source, label, noise = pairs.source, pairs.label, pairs.noise
    with borrowed(model, source) as (network, scores):
        check_labels(label, len(source), scores.shape[1], "label")
        label = label.clone().long()
        source_conf = scores.softmax(1).gather(1, label[:, None])[:, 0]
        wide, kept = source.to(noise.dtype), scores.argmax(1) == label
        found = Ended(wide.clone(), kept, source_conf, source_conf.clone(), torch.zeros_like(label), [], [])
        rows = kept.nonzero()[:, 0]
        if len(rows):
            start = inward(wide + noise, settings.bounds)[rows]
            slope = network.slope(start, label[rows], gradient=settings.gradient)
            floor = source_conf[rows] - settings.conf_tol
            state = _Walk(rows, label[rows], pairs.target.to(wide)[rows], floor, start, slope, torch.zeros_like(start))
            _run(network, state, found, settings, task)
        else:
            task.advance(settings.steps)
            for _ in settings.recorded:
                _record(found)
    return found


def _run(network: Differentiable, walk: _Walk, found: Ended, settings: Settings, task: Task) -> None:
    _arrive(found, walk)
    if settings.record_every:
        _record(found)
    for step in range(1, settings.steps + 1):
        if len(walk.place):
            walk = _step(network, walk, found, settings, last=step == settings.steps)
        if step in settings.recorded or step == settings.steps:
            _arrive(found, walk)
        if step in settings.recorded:
            _record(found)
        task.advance()


def _step(network: Differentiable, walk: _Walk, found: Ended, settings: Settings, *, last: bool) -> _Walk:
    move = walk.target - walk.images
    if settings.project:
        assert walk.slope.direction is not None
        move = without(walk.slope.direction, move)
    if settings.adv_step:
        limit = settings.adv_step
        gained = ADV_RATE[settings.on_reject] * limit * walk.slope.gradient
        walk.pull = (walk.pull + gained).clamp(-limit, limit)
    trial = inward(walk.images + settings.step_size * move - walk.pull, settings.bounds)
    slope = network.slope(trial, walk.label, gradient=settings.gradient and not last)
    fine = slope.confidence > walk.floor
    found.accepted[walk.place[fine]] += 1
    if settings.leave:
        if not bool(fine.all()):
            _arrive(found, walk)
        return replace(walk, images=trial, slope=slope).only(fine)
    whole = fine[:, None, None, None]
    images = torch.where(whole, trial, walk.images)
    direction = None
    if slope.direction is not None:
        assert walk.slope.direction is not None
        direction = torch.where(whole, slope.direction, walk.slope.direction)
    confidence = torch.where(fine, slope.confidence, walk.slope.confidence)
    weight = torch.where(fine, slope.weight, walk.slope.weight)
    return replace(walk, images=images, slope=Slope(confidence, direction, weight))


def _arrive(found: Ended, walk: _Walk) -> None:
    found.final[walk.place] = walk.images
    found.final_conf[walk.place] = walk.slope.confidence


def _record(found: Ended) -> None:
    found.images.append(found.final.clone())
    found.confidences.append(found.final_conf.clone())
