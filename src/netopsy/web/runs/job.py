"""What somebody wants to be run, as it lies in the queue: which paper, on what, with which options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from netopsy.core.errors import InputError

JobKind = Literal["recipe", "study", "examination"]


@dataclass(frozen=True)
class Given:
    """What is handed in for one input of a recipe: a sample by its name, or a file."""

    sample: str = ""
    file: str = ""
    """The name of a file in the job's folder; never one that a visitor chose."""
    digest: str = ""
    """SHA-256 of the file."""
    architecture: str = ""
    """Of a network: which of `netopsy.web.runs.networks.ARCHITECTURES` the weights belong to."""
    sizes: str = ""
    """Of a network: the architecture's sizes, as ``widths=4 8, channels=1``."""
    mean: str = ""
    """Of a network: what was taken off its images' pixels, one number or one a channel, as ``0.5 0.5 0.5``."""
    std: str = ""
    """Of a network: what they were divided by then."""


@dataclass(frozen=True)
class Job:
    """A paper's recipe, its study with a preset, or the whole examination of a network."""

    kind: JobKind
    paper: str = ""
    """The slug; nothing for an examination. Or a recipe of one's own, as ``package.module:RECIPE``."""
    inputs: tuple[Given, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    preset: str = ""
    seed: int = 0

    def to_text(self) -> str:
        """As JSON; equal jobs give equal texts."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Job:
        """What `to_text` wrote.

        Raises:
            InputError: it is none, or one of a version with other fields.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            return cls(**found | {"inputs": tuple(Given(**each) for each in found["inputs"])})
        except (ValueError, TypeError, KeyError):
            raise InputError("this run was asked for with another version of netopsy; ask for it again") from None

    def key(self, who: str) -> str:
        """The same for the same job of the same visitor, whatever its files are called."""
        return hashlib.sha256(f"{who}\0{self.to_text()}".encode()).hexdigest()
