"""A generator of labelled scenes and a segmenter of them, trained once and kept in the user's cache."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from netopsy.core.modes import best_device
from netopsy.core.paths import cache_folder
from netopsy.core.seeds import derive
from netopsy.data import Dataset
from netopsy.data.scenes import SCENE_CLASSES, scenes
from netopsy.lab.files import make_folder, write
from netopsy.lab.version import code_key
from netopsy.models import initialise, spectral_discriminator, upsampling_generator
from netopsy.training import Recipe, fit, fit_adversarial

_log = logging.getLogger(__name__)

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Setting:
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
    labelled: int = 1000
    """Scenes that the segmenter learns from."""
    segmenter_width: int = 16
    segmenter_steps: int = 300

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Setting:
        """A setting from the parameters of a cell, in which tuples have become lists."""
        return cls(**with_tuples(parameters))


def with_tuples(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a cell with their lists as tuples.

    >>> with_tuples({"side": 16, "widths": [4, 8]})
    {'side': 16, 'widths': (4, 8)}
    """
    return {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}


def trained_generator(setting: Setting, seed: int) -> nn.Sequential:
    """A generator of scenes, from the cache or trained now; from noise to images within -1 and 1."""
    generator = untrained_generator(setting, derive(seed, "generator"))

    def train() -> State:
        images = 2 * scenes(setting.images, side=setting.side, seed=derive(seed, "scenes")).images - 1
        judge = spectral_discriminator(
            size=setting.side, widths=setting.judge_widths, seed=derive(seed, "discriminator")
        )
        # On a CPU the convolutions are faster with the channels last.
        last = {"memory_format": torch.channels_last}
        fit_adversarial(
            generator.to(best_device(), **last),  # type: ignore[call-overload]
            judge.to(best_device(), **last),  # type: ignore[call-overload]
            images.contiguous(memory_format=torch.channels_last),
            latent=setting.latent,
            steps=setting.steps,
            batch_size=setting.batch_size,
            lr=setting.lr,
            seed=derive(seed, "fit"),
        )
        return generator.state_dict()

    generator.load_state_dict(_kept("scene-generator", setting, seed, train))
    return generator.to(best_device(), memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload, no-any-return]


def untrained_generator(setting: Setting, seed: int) -> nn.Sequential:
    """The same network before training."""
    return upsampling_generator(setting.latent, widths=setting.widths, seed=seed).eval()


def trained_segmenter(setting: Setting) -> nn.Sequential:
    """Three convolutions that tell the class of every pixel of images within -1 and 1, from the cache or trained."""
    width = setting.segmenter_width
    segmenter = initialise(
        nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, len(SCENE_CLASSES), 3, padding=1),
        ),
        "he_normal",
        seed=0,
    )

    def train() -> State:
        drawn = scenes(setting.labelled, side=setting.side, seed=derive(0, "labelled"))
        data = Dataset(2 * drawn.images - 1, drawn.masks.float())
        recipe = Recipe(steps=setting.segmenter_steps, batch_size=50, lr=1e-2, schedule="onecycle", loss="bce")
        fit(segmenter.to(best_device()), data, recipe)
        return segmenter.state_dict()

    segmenter.load_state_dict(_kept("scene-segmenter", setting, 0, train))
    return segmenter.to(best_device()).eval()


def _kept(name: str, setting: Setting, seed: int, train: Callable[[], State]) -> State:
    """The state in the cache; where it is missing or damaged, what ``train`` returns, which is then kept."""
    version = code_key(trained_generator if name == "scene-generator" else trained_segmenter)
    told = json.dumps([dataclasses.asdict(setting), seed, version], sort_keys=True)
    key = hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
    path = cache_folder() / "networks" / f"{name}-{key}.safetensors"
    found = _read(path)
    if found is None:
        found = {entry: value.detach().cpu().contiguous() for entry, value in train().items()}
        _write(path, found)
    return found


def _read(path: Path) -> State | None:
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            state = {entry: file.get_tensor(entry) for entry in file.keys()}  # noqa: SIM118 - it is no dict
            if (file.metadata() or {}).get("digest") == _digest(state):
                return state
        reason = "its checksum does not fit"
    except (SafetensorError, OSError, ValueError) as error:
        reason = str(error)
    _log.warning("damaged network %s in the cache (%s): it is trained anew", path.name, reason)
    return None


def _write(path: Path, state: State) -> None:
    try:
        make_folder(path.parent)
        write(path, save(dict(state), metadata={"digest": _digest(state)}))
    except OSError as error:
        _log.warning("the trained network is not kept: %s", error)


def _digest(state: State) -> str:
    total = hashlib.sha256()
    for entry in sorted(state):
        total.update(f"{entry} {tuple(state[entry].shape)} {state[entry].dtype}".encode())
        total.update(state[entry].contiguous().numpy().tobytes())
    return total.hexdigest()
