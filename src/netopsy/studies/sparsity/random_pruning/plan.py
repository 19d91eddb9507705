"""What is trained and measured: the configuration and its presets."""

from __future__ import annotations

from dataclasses import dataclass

from netopsy.training import Recipe

DENSE, ERK, UNIFORM = "dense", "ERK", "uniform"
RATIOS = {UNIFORM: "uniform", "ER": "er", ERK: "erk", "SNIP ratio": "snip", "GraSP ratio": "grasp"}
"""What a layer-wise ratio is called, and the method that draws masks by it."""
SNIP, SHUFFLED = "SNIP mask", "SNIP mask, shuffled"
AUROC_FOREIGN, AUROC_UNSEEN, CALIBRATION, ATTACKED, ACCURACY, LIKELIHOOD = (
    "AUROC against foreign images",
    "AUROC against unseen classes",
    "calibration error",
    "accuracy under FGSM",
    "accuracy",
    "negative log-likelihood",
)
FOREIGN = "photographs"


@dataclass(frozen=True)
class Training:
    """Of every network."""

    data: str = "digits"
    """Or a set of the Hub."""
    epochs: int = 12
    batch_size: int = 100
    lr: float = 0.1
    stacked: bool = True
    """Whether networks of one shape train as one stack; large ones go one by one, on images cropped and flipped."""

    def recipe(self, images: int) -> Recipe:
        """The rate falls to a tenth at a half and at three quarters."""
        steps = self.epochs * max(1, images // self.batch_size)
        return Recipe(
            steps=steps,
            batch_size=self.batch_size,
            optimizer="sgd",
            lr=self.lr,
            momentum=0.9,
            weight_decay=5e-4,
            schedule="step",
            milestones=(max(1, steps // 2), max(2, steps * 3 // 4)),
        )


@dataclass(frozen=True)
class Beyond:
    """Of what is measured beside accuracy."""

    seeds: int = 10
    width: int = 16
    density: float = 0.3
    matched: int = 9
    """Width of the dense network with about as many weights as the sparse one."""
    known: int = 7
    """Classes that are trained on."""
    foreign: str = FOREIGN
    """Images of another kind: patches of photographs, or a set of the Hub."""
    radius: float = 0.1


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    training: Training = Training()
    depth: int = 8
    widths: tuple[int, ...] = (2, 4, 8, 16)
    densities: tuple[float, ...] = (0.3, 0.1, 0.05)
    """Shares of weights kept by ERK."""
    density: float = 0.1
    """The one of them at which the claims are judged and the ratios compared."""
    compared: tuple[int, int] = (4, 16)
    """The widths at which ratios are compared; the larger is the one that should match its parent."""
    depths: tuple[int, ...] = (14, 20)
    """Further depths, looked at beside the claims, at one width and with ERK at these shares of weights kept."""
    width_of_depths: int = 4
    densities_of_depths: tuple[float, ...] = (0.1,)
    stack: int = 20
    """Networks in one cell, at most."""
    beyond: Beyond = Beyond()


PRESETS = {
    "smoke": Config(
        seeds=1,
        training=Training(epochs=1, batch_size=250, stacked=False),
        widths=(2, 4),
        densities=(0.3,),
        density=0.3,
        compared=(2, 4),
        depths=(14,),
        width_of_depths=2,
        densities_of_depths=(0.3,),
        beyond=Beyond(seeds=1, width=4, matched=2),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=3,
        training=Training("uoft-cs/cifar10", epochs=160, batch_size=128, stacked=False),
        depth=20,
        widths=(8, 16, 24),
        densities=(0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05),
        compared=(8, 24),
        depths=(32, 44, 56, 110),
        width_of_depths=16,
        densities_of_depths=(0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05),
        stack=1,
        beyond=Beyond(seeds=3, width=24, matched=13, foreign="uoft-cs/cifar100", radius=8 / 255),
    ),
}
