"""Randomness that is named, repeatable, and never the global state's business."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from netopsy.core.errors import InputError


def generator(seed: int | torch.Generator, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on ``device`` started at ``seed``; a generator is handed back as it is."""
    if isinstance(seed, torch.Generator):
        return seed
    check_seed(seed, "a non-negative int or a torch.Generator")
    return torch.Generator(device).manual_seed(seed)


def check_seed(seed: object, wanted: str = "a non-negative int") -> None:
    """Raise `InputError` unless ``seed`` is an int that every generator takes."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InputError(f"seed must be {wanted}, got {seed!r}")


def derive(seed: int, *path: int | str) -> int:
    """A seed of its own for every ``path`` below ``seed``, the same on every machine.

    >>> derive(0, "init") == derive(0, "init"), derive(0, "init") == derive(0, "order")
    (True, False)
    """
    check_seed(seed)
    text = "/".join(map(str, (seed, *path)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block under torch's global seed ``seed`` and put the caller's random state back afterwards.

    For code that can only draw from the global state (module constructors, dropout).
    """
    check_seed(seed)
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def reseed(seed: int, device: torch.device) -> None:
    """Set the global random state that a network on ``device`` draws from, inside a block of `seeded`.

    `torch.manual_seed` does so for every device there could be, which takes as long as a step of a small network.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
