"""A generator of labelled scenes and a segmenter of them, trained once and kept in the user's cache."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netopsy.core.modes import best_device, device_of
from netopsy.core.seeds import derive
from netopsy.core.seeds import generator as seeded_generator
from netopsy.core.shapes import Images
from netopsy.data import Dataset
from netopsy.data.scenes import SCENE_CLASSES, scenes
from netopsy.interpretability.gan_dissection import Observed, observe
from netopsy.lab.subjects.kept import kept
from netopsy.models import initialise, spectral_discriminator, upsampling_generator
from netopsy.training import Recipe, fit, fit_adversarial


@dataclass(frozen=True)
class Segmenter:
    """The network that tells the class of every pixel."""

    labelled: int = 1000
    """Scenes that it learns from."""
    width: int = 16
    steps: int = 300


@dataclass(frozen=True)
class SceneSetting:
    """Which scenes, and how the two networks are made and trained."""

    side: int = 16
    images: int = 5000
    latent: int = 32
    widths: tuple[int, ...] = (64, 32, 32)
    """Channels of the generator on each grid."""
    judge_widths: tuple[int, ...] = (32, 64)
    """Channels of the discriminator."""
    steps: int = 1000
    batch_size: int = 64
    lr: float = 1e-3
    segmenter: Segmenter = Segmenter()


PAPER_SCALE = SceneSetting(
    side=64,
    images=50_000,
    latent=64,
    widths=(512, 512, 512, 256, 128),
    judge_widths=(64, 128, 256, 512),
    steps=20_000,
    lr=2e-4,
    segmenter=Segmenter(5000, 64, 3000),
)


def trained_generator(setting: SceneSetting, seed: int) -> nn.Sequential:
    """A generator of scenes, from noise to images within -1 and 1."""
    generator = untrained_generator(setting, derive(seed, "generator"))
    generator.load_state_dict(kept(scene_generator, setting=setting, seed=seed))
    return generator.to(best_device()).eval()


def untrained_generator(setting: SceneSetting, seed: int) -> nn.Sequential:
    """The same network before training."""
    return upsampling_generator(setting.latent, widths=setting.widths, seed=seed).eval()


def scene_generator(setting: SceneSetting, seed: int) -> dict[str, Tensor]:
    """Its weights after training."""
    generator = untrained_generator(setting, derive(seed, "generator"))
    images = 2 * scenes(setting.images, side=setting.side, seed=derive(seed, "scenes")).images - 1
    judge = spectral_discriminator(size=setting.side, widths=setting.judge_widths, seed=derive(seed, "discriminator"))
    for model in (generator, judge):  # on a CPU the convolutions are faster with the channels last
        model.to(best_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    fit_adversarial(
        generator,
        judge,
        images.contiguous(memory_format=torch.channels_last),
        latent=setting.latent,
        steps=setting.steps,
        batch_size=setting.batch_size,
        lr=setting.lr,
        seed=derive(seed, "fit"),
    )
    return generator.state_dict()


def trained_segmenter(setting: Segmenter, side: int) -> nn.Sequential:
    """Three convolutions that tell the class of every pixel of images within -1 and 1."""
    segmenter = _convolutions(setting.width)
    segmenter.load_state_dict(kept(scene_segmenter, setting=setting, side=side))
    return segmenter.to(best_device()).eval()


def scene_segmenter(setting: Segmenter, side: int) -> dict[str, Tensor]:
    """Its weights after training."""
    segmenter = _convolutions(setting.width).to(best_device())
    drawn = scenes(setting.labelled, side=side, seed=derive(0, "labelled"))
    recipe = Recipe(steps=setting.steps, batch_size=50, lr=1e-2, schedule="onecycle", loss="bce")
    fit(segmenter, Dataset(2 * drawn.images - 1, drawn.masks.float()), recipe)
    return segmenter.state_dict()


def _convolutions(width: int) -> nn.Sequential:
    first, second = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
    last = nn.Conv2d(width, len(SCENE_CLASSES), 3, padding=1)
    return initialise(nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last), "he_normal", seed=0)


@dataclass(frozen=True, eq=False)
class Actors:
    """A generator, a segmenter, and the seed of everything that is drawn to measure them."""

    generator: nn.Module
    segmenter: nn.Module
    setting: SceneSetting
    seed: int

    def z(self, what: str, count: int) -> Tensor:
        """Noise for one purpose, the same at every call."""
        return torch.randn(count, self.setting.latent, generator=seeded_generator(derive(self.seed, what)))

    @torch.no_grad()
    def images(self, z: Tensor) -> Images:
        """What the generator makes of noise."""
        made: Images = self.generator(z.to(device_of(self.generator)))
        return made

    def halves(self, layer: str, size: int, untrained: int | None = None) -> tuple[Observed, Observed]:
        """A sample observed, of this generator or of an untrained one: the half to measure, the half for the levels."""
        made = self.generator
        if untrained is not None:
            made = untrained_generator(self.setting, derive(self.seed, "untrained", untrained)).to(device_of(made))
        seen = observe(made, layer, self.segmenter, self.z("dissected", size))
        return seen.part(slice(size // 2, None)), seen.part(slice(size // 2))
