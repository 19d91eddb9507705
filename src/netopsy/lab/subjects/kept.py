"""Trained weights in the user's cache, under a key of everything that decided them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from netopsy.core.paths import cache_folder
from netopsy.lab.cells import Cell
from netopsy.lab.files import make_folder, write
from netopsy.lab.version import code_key

_log = logging.getLogger(__name__)

State = Mapping[str, Tensor]


def kept(train: Callable[..., State], **arguments: Any) -> dict[str, Tensor]:
    """What ``train(**arguments)`` returns, on the CPU: from the cache, or computed now and kept there.

    ``train`` is a function at the top level of its module. The key holds its arguments, the code that it reaches, and
    what else decides the last digits: torch's version, the processor's instructions and the number of threads. A file
    that is damaged, or a cache that cannot be written to, is told in the log, and costs a training.
    """
    cell = Cell(train.__name__, arguments)
    surroundings = [torch.__version__, torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()]
    key = cell.key(json.dumps(surroundings), code_key(train))
    path = cache_folder() / "networks" / f"{train.__name__.strip('_').replace('_', '-')}-{key}.safetensors"
    found = _read(path)
    if found is None:
        found = {entry: value.detach().cpu().contiguous().clone() for entry, value in train(**arguments).items()}
        _write(path, found)
    return found


def _read(path: Path) -> dict[str, Tensor] | None:
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
