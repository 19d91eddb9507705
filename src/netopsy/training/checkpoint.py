"""A training run on disk, so that it goes on where it was stopped."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netopsy.core.archives import check_zip
from netopsy.core.errors import InputError, require
from netopsy.core.modes import device_of
from netopsy.training.recipe import Recipe
from netopsy.training.recorder import Recorder


class Checkpoint:
    """One file that holds network, optimiser and history after some step; does nothing when ``path`` is ``None``.

    It is written beside itself and moved into place, so a kill while writing leaves the previous one whole. It is read
    with ``weights_only=True``: it can hold tensors and plain values and nothing that runs.
    """

    def __init__(
        self,
        path: str | Path | None,
        every: int,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        recorder: Recorder,
        *,
        identity: tuple[Recipe, int, int],
    ) -> None:
        require(every > 0, f"checkpoint_every must be at least 1, got {every}")
        self.path = None if path is None else Path(path)
        self.every, self.model, self.optimizer, self.recorder = every, model, optimizer, recorder
        recipe, seed, size = identity
        self.identity = {"recipe": asdict(recipe), "seed": seed, "samples": size}
        self._written = -1
        self.writes = True

    def resume(self, start: int) -> int:
        """Load the file if it is there; returns the number of steps done, ``start`` without a file.

        Raises:
            InputError: the file is no checkpoint, or one of another run.
        """
        if self.path is None or not self.path.exists():
            return start
        check_zip(self.path, f"checkpoint {self.path}")
        try:
            saved: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
            identity = saved["identity"]
        except Exception as error:
            raise InputError(f"checkpoint {self.path} cannot be read ({type(error).__name__}); remove it") from error
        differing = [key for key, value in self.identity.items() if identity.get(key) != value]
        require(not differing, f"checkpoint {self.path} belongs to another run: its {' and '.join(differing)} differ")
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.recorder.load_state_dict(saved["recorder"])
        _set_random_state(saved["random"], device_of(self.model))
        self._written = int(saved["done"])
        return self._written

    def after(self, done: int) -> None:
        """Write when it is time to."""
        if self.path is not None and done % self.every == 0:
            self.write(done)

    def write(self, done: int) -> None:
        """Write now, unless this step is on disk already."""
        if self.path is None or not self.writes or done == self._written:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            torch.save(
                {
                    "identity": self.identity,
                    "done": done,
                    "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "recorder": self.recorder.state_dict(),
                    "random": _random_state(device_of(self.model)),
                },
                temporary,
            )
            os.replace(temporary, self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self._written = done


def _random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """The global random states that a network on ``device`` draws from, for its dropout."""
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def _set_random_state(states: dict[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
