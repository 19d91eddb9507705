"""What is run: networks trained normally and against adversarial noise, and walks between images of both."""

from __future__ import annotations

from dataclasses import dataclass

from netopsy.lab.subjects.digit_networks import DigitNetwork

NORMAL, ROBUST = "normal", "adversarial"
"""How a network was trained."""
WALK, STRAIGHT, PROJECTED = "level set traversal", "straight line", "projection only"
ENDS, TARGETS = "end of the walk", "target"
"""What a straight segment from the source leads to."""
PLAIN, PUSHED, EQUAL = "plain", "pushed out", "equal edges"
"""Triangles as they are, with points farther from the source, and with both networks' edges cut to the shorter."""


@dataclass(frozen=True)
class HubNetwork:
    """A wide residual network on colour images."""

    depth: int = 28
    widen: int = 10
    epochs: int = 30
    batch_size: int = 128
    lr: float = 1e-3
    radius: float = 8 / 255
    """Of the noise that the second network is trained against, in seven steps of a quarter of it."""


@dataclass(frozen=True)
class Walking:
    """The walk's numbers: the published ones, but for a smaller accumulator on small images."""

    steps: int = 400
    step_size: float = 1e-2
    adv_step: float = 1e-4
    conf_tol: float = 0.2


@dataclass(frozen=True)
class Subject:
    """The adversarially trained network; the normal one is the same with no radius."""

    data: str
    """"digits", or a set of the Hub."""
    digits: DigitNetwork = DigitNetwork(radius=0.1)  # noqa: RUF009 - it is frozen
    hub: HubNetwork = HubNetwork()


EMBEDDED = "digits"
DIGITS = Subject(EMBEDDED)


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    subject: Subject = DIGITS
    sources: int = 20
    targets: int = 5
    """Images of other classes that are walked to from each source."""
    walking: Walking = Walking()


SURE = 0.6
"""Confidence that both networks must have in an image that takes part."""
FREE, KEPT = -0.10, -0.2
"""Claim 1: what the walk must gain on the straight line, and the confidence that it may lose."""
DROP, SHARE = 0.3, 0.90
"""Claim 2: what a segment may lose, and the share of the segments that must not lose more."""
NEAR, GAIN, CEILING, PUSH = 0.1, 0.05, 0.97, 1.5
"""Claim 3: the loss that still counts as near, the gain asked for, and the share from which nothing is left to gain."""

PRESETS = {
    "smoke": Config(
        3, Subject(EMBEDDED, DigitNetwork("mlp", steps=100, lr=2e-2, radius=0.05)), 3, 3, Walking(20, 0.1, 1e-3)
    ),
    "laptop": Config(),
    "paper": Config(3, Subject("uoft-cs/cifar10"), 100, 5, Walking(adv_step=2e-3)),
}
