"""Finished rounds of pruning on disk, so that an interrupted search goes on behind the last of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from netopsy.core.errors import require
from netopsy.core.fingerprints import fingerprint
from netopsy.core.modes import device_of
from netopsy.core.paths import path_from
from netopsy.sparsity.lottery_ticket import stored
from netopsy.training.checkpoint import architecture

_KIND = "the rounds of a search for tickets"


class Rounds:
    """What each finished round left, of one search; does nothing when ``path`` is ``None``."""

    def __init__(self, path: str | Path | None, models: Sequence[nn.Module], identity: Mapping[str, Any]) -> None:
        self.path = None if path is None else path_from(path, "checkpoint")
        if self.path is None:
            return
        self.devices = [device_of(model) for model in models]
        self.weights = [fingerprint(model.state_dict()) for model in models]
        plain = {**identity, "architecture": [architecture(model) for model in models]}
        self.identity: dict[str, Any] = json.loads(json.dumps(plain))

    def read(self) -> dict[str, Any] | None:
        """The finished rounds, ``None`` without a file.

        Raises:
            InputError: the file cannot be read, or is that of another search.
        """
        if self.path is None or not self.path.exists():
            return None
        saved = stored.read(self.path, _KIND)
        known = saved["identity"]
        differing = [key for key, value in self.identity.items() if known.get(key) != value]
        # A network that was pruned to the end here may be handed in again.
        ended = [fingerprint(own["final"][-1]) for own in saved["found"]]
        if self.weights not in (saved["weights"], ended):
            differing.append("initial weights")
        require(
            not differing,
            f"checkpoint {self.path} belongs to another search: its {' and '.join(differing)} differ; remove it, or "
            "name another file",
        )
        self.weights = saved["weights"]
        for own, device in zip(saved["found"], self.devices, strict=True):
            for key in ("masks", "final"):
                own[key] = [{name: value.to(device) for name, value in each.items()} for each in own[key]]
        saved["starts"] = [
            {name: value.to(device) for name, value in start.items()}
            for start, device in zip(saved["starts"], self.devices, strict=True)
        ]
        return saved

    def write(self, **content: Any) -> None:
        """Write the rounds done so far."""
        if self.path is not None:
            stored.write(
                self.path, _KIND, {"identity": self.identity, "weights": self.weights, **content}, strict=False
            )
