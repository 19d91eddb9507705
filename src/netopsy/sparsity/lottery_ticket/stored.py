"""Results on disk: the tensors as safetensors, everything else as JSON in the same file, and nothing that runs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netopsy.core.errors import InputError, require
from netopsy.core.files import replacing
from netopsy.core.fingerprints import fingerprint
from netopsy.training import Evaluation, Fit, History

_RECORDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Evaluation, Fit, History)}


def write(path: Path, kind: str, content: Mapping[str, Any], *, strict: bool = True) -> None:
    """Write ``content`` in one step, under the name of what it is.

    It may hold numbers, texts, ``None``, tensors, the results of `netopsy.training`, and lists, tuples and mappings of
    those. Anything else raises `InputError`, or is left out as ``None`` with a warning where that is not ``strict``.
    """
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    packed = json.dumps(_pack(dict(content), tensors, strict=strict))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        save_file(tensors, unfinished, {"kind": kind, "content": packed, "digest": fingerprint(tensors)})


def read(path: Path, kind: str) -> dict[str, Any]:
    """What `write` wrote, with its tensors on the CPU.

    Raises:
        InputError: the file is not there, damaged, or holds something else.
    """
    from safetensors import safe_open

    require(path.is_file(), f"there is no file {str(path)!r}")
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        wanted = about.get("kind") == kind
        content = _unpack(json.loads(about["content"]), tensors) if wanted else {}
    except Exception as error:
        raise InputError(f"{str(path)!r} cannot be read as {kind} ({type(error).__name__}); remove it") from error
    require(wanted, f"{str(path)!r} holds something else than {kind}")
    require(
        about.get("digest") == fingerprint(tensors), f"{str(path)!r} is damaged: its checksum does not fit; remove it"
    )
    return dict(content)


def _pack(value: Any, tensors: dict[str, Tensor], *, strict: bool) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_pack(each, tensors, strict=strict) for each in value]}
    if isinstance(value, Mapping) and all(isinstance(key, int | str) for key in value):
        return {"mapping": [[key, _pack(each, tensors, strict=strict)] for key, each in value.items()]}
    if type(value) in _RECORDS.values():
        parts = {each.name: getattr(value, each.name) for each in fields(value)}
        return {"record": [type(value).__name__, _pack(parts, tensors, strict=strict)]}
    reason = f"a {type(value).__name__} cannot be saved, only numbers, texts, tensors and lists or mappings of those"
    require(not strict, f"{reason}: let the training loop and evaluate return such")
    warnings.warn(f"{reason}: a resumed run will have None in its place", stacklevel=2)
    return None


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "record":
        return _RECORDS[inner[0]](**_unpack(inner[1], tensors))
    if kind == "mapping":
        return {key: _unpack(each, tensors) for key, each in inner}
    listed = [_unpack(each, tensors) for each in inner]
    return tuple(listed) if kind == "tuple" else listed
