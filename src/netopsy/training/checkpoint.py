"""A training run on disk, so that it goes on where it was stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netopsy.core.archives import check_zip
from netopsy.core.errors import InputError, require
from netopsy.core.files import replacing
from netopsy.core.fingerprints import fingerprint
from netopsy.core.masks import Masks
from netopsy.core.paths import path_from
from netopsy.data import Dataset
from netopsy.training.plan import EvaluationSets, evaluation_sets
from netopsy.training.recipe import Recipe
from netopsy.training.recorder import Recorder

_PARTS = ("identity", "model", "optimizer", "recorder", "done")


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
        identity: Mapping[str, Any],
    ) -> None:
        require(every > 0, f"checkpoint_every must be at least 1, got {every}")
        self.path = None if path is None else path_from(path, "checkpoint")
        self.every, self.model, self.optimizer, self.recorder = every, model, optimizer, recorder
        self.identity = dict(identity)
        self._written = -1
        self.writes = True

    def resume(self, start: int) -> int:
        """Load the file if it is there; returns the number of steps done, ``start`` without a file.

        Raises:
            InputError: the file is no checkpoint, or one of another run; nothing of it is loaded then.
        """
        if self.path is None or not self.path.exists():
            return start
        check_zip(self.path, f"checkpoint {self.path}")
        try:
            saved: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
            identity, model, optimizer, recorder, done = (saved[part] for part in _PARTS)
        except Exception as error:
            raise InputError(f"checkpoint {self.path} cannot be read ({type(error).__name__}); remove it") from error
        differing = [key for key, value in self.identity.items() if identity.get(key) != value]
        require(
            not differing,
            f"checkpoint {self.path} belongs to another run: its {' and '.join(differing)} differ; remove it, or name "
            "another file",
        )
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)
        self.recorder.load_state_dict(recorder)
        self._written = int(done)
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
        parts = (self.identity, self.model.state_dict(), self.optimizer.state_dict(), self.recorder.state_dict(), done)
        with replacing(self.path) as unfinished:
            torch.save(dict(zip(_PARTS, parts, strict=True)), unfinished)
        self._written = done


def run_identity(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    *,
    evaluation: EvaluationSets = None,
    masks: Masks | None = None,
    augment: Any = None,
    **options: Any,
) -> dict[str, Any]:
    """What tells one run from another, as plain values: all that decides how it goes, but for the initial weights."""
    return {
        "recipe": asdict(recipe),
        "data": _samples(data),
        "evaluation": [[name, _samples(part)] for name, part in evaluation_sets(evaluation).items()],
        "masks": None if masks is None else fingerprint({name: mask.bool() for name, mask in masks.items()}),
        "augment": None if augment is None else getattr(augment, "__qualname__", type(augment).__qualname__),
        "architecture": architecture(model),
        **options,
    }


def architecture(model: nn.Module) -> str:
    """The layers of a network with their settings, its parameters and which of them are trained, as one digest."""
    parts = [f"{name} {type(layer).__qualname__} {layer.extra_repr()}" for name, layer in model.named_modules()]
    parts += [f"{name} {tuple(value.shape)} {value.dtype}" for name, value in model.state_dict().items()]
    parts += [name for name, value in model.named_parameters() if value.requires_grad]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _samples(data: Dataset) -> str:
    return fingerprint({"inputs": data.inputs, "targets": data.targets})
