"""Results on disk: the tensors as safetensors, everything else as JSON in the same file, and nothing that runs."""

from __future__ import annotations

import hashlib
import json
import types
import typing
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from netopsy.core.errors import InputError, require
from netopsy.core.files import replacing
from netopsy.core.fingerprints import fingerprint
from netopsy.core.memory import check_bytes
from netopsy.core.paths import file_from, path_from

T = TypeVar("T")

VERSION = "1"
"""Of the form of these files."""


def write(
    path: str | Path, kind: str, content: Mapping[str, Any], *, records: Sequence[type] = (), strict: bool = True
) -> None:
    """Write ``content`` in one step, under the name of what it is.

    It may hold numbers, texts, ``None``, tensors, the dataclasses that ``records`` lists, and lists, tuples and
    mappings of those. Anything else raises `InputError`, or is left out as ``None`` with a warning where that is not
    ``strict``.
    """
    from safetensors.torch import save_file

    path = path_from(path, "path")
    require(not path.exists() or path.is_file(), f"{str(path)!r} is there and is no file; name another")
    tensors: dict[str, Tensor] = {}
    packed = json.dumps(_pack(dict(content), tensors, records, strict=strict))
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"kind": kind, "version": VERSION, "content": packed, "digest": _digest(kind, packed, tensors)}
    with replacing(path) as unfinished:
        save_file(tensors, unfinished, about)


def read(path: str | Path, kind: str, *, records: Sequence[type] = ()) -> dict[str, Any]:
    """What `write` wrote, with its tensors on the CPU; records have the types that their fields say.

    Raises:
        InputError: the file is not there, damaged, larger than one may be, or holds something else.
    """
    from safetensors import safe_open

    path = file_from(path, "file")
    check_bytes(path.stat().st_size, f"the file {str(path)!r}")
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            wanted = about.get("kind") == kind and about.get("version") == VERSION
            tensors = {name: file.get_tensor(name) for name in file.keys()} if wanted else {}  # noqa: SIM118 - no dict
        sound = wanted and about.get("digest") == _digest(kind, about["content"], tensors)
        content = (
            _unpack(json.loads(about["content"]), tensors, {each.__name__: each for each in records}) if sound else {}
        )
    except Exception as error:
        raise InputError(f"{str(path)!r} cannot be read as {kind} ({type(error).__name__}); remove it") from error
    require(about.get("kind") == kind, f"{str(path)!r} holds something else than {kind}")
    require(
        wanted, f"{str(path)!r} was written in form {about.get('version')!r}, and this netopsy reads form {VERSION!r}"
    )
    require(sound, f"{str(path)!r} is damaged: its checksum does not fit; remove it")
    require(isinstance(content, dict), f"{str(path)!r} cannot be read as {kind}; remove it")
    return dict(content)


def write_record(path: str | Path, kind: str, record: Any, *, records: Sequence[type] = ()) -> None:
    """Write one dataclass, whose fields may hold those that ``records`` lists; see `write`."""
    write(path, kind, {"it": record}, records=(type(record), *records))


def read_record(path: str | Path, kind: str, record: type[T], *, records: Sequence[type] = ()) -> T:
    """What `write_record` wrote; raises `InputError` as `read` does."""
    found = read(path, kind, records=(record, *records)).get("it")
    if not isinstance(found, record):
        raise InputError(f"{str(path)!r} cannot be read as {kind}; remove it")
    return found


def fits(value: object, hint: Any) -> bool:
    """Whether a value is of an annotated type, arrays with as many axes as it says included.

    >>> fits((1, 2.0), tuple[int, float]), fits(["a"], list[int]), fits(None, int | None)
    (True, False, True)
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if origin is typing.Literal:
        return any(value == each and type(value) is type(each) for each in inner)
    if hint in (int, float):
        numbers = int if hint is int else int | float
        return isinstance(value, numbers) and not isinstance(value, bool)
    if origin is tuple and not (len(inner) == 2 and inner[1] is ...):
        return isinstance(value, tuple) and len(value) == len(inner) and all(map(fits, value, inner))
    if origin in (tuple, list):
        return isinstance(value, origin) and all(fits(each, inner[0]) for each in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        pairs = value.items() if isinstance(value, Mapping) else ()
        return isinstance(value, Mapping) and all(fits(key, inner[0]) and fits(one, inner[1]) for key, one in pairs)
    return isinstance(value, origin or hint)


def _digest(kind: str, packed: str, tensors: Mapping[str, Tensor]) -> str:
    whole = json.dumps([kind, VERSION, packed, fingerprint(tensors)])
    return hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()


def _pack(value: Any, tensors: dict[str, Tensor], records: Sequence[type], *, strict: bool) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_pack(each, tensors, records, strict=strict) for each in value]}
    if isinstance(value, Mapping) and all(isinstance(key, int | str) for key in value):
        return {"mapping": [[key, _pack(each, tensors, records, strict=strict)] for key, each in value.items()]}
    if type(value) in records:
        parts = {each.name: getattr(value, each.name) for each in fields(value)}
        return {"record": [type(value).__name__, _pack(parts, tensors, records, strict=strict)]}
    reason = f"a {type(value).__name__} cannot be saved, only numbers, texts, tensors and lists or mappings of those"
    require(not strict, f"{reason}: let the training loop and evaluate return such")
    warnings.warn(f"{reason}: a resumed run will have None in its place", stacklevel=2)
    return None


def _unpack(value: Any, tensors: Mapping[str, Tensor], records: Mapping[str, type[Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "record":
        return _record(records[inner[0]], _unpack(inner[1], tensors, records))
    if kind == "mapping":
        return {key: _unpack(each, tensors, records) for key, each in inner}
    listed = [_unpack(each, tensors, records) for each in inner]
    return tuple(listed) if kind == "tuple" else listed


def _record(kind: type[T], parts: Mapping[str, Any]) -> T:
    hints = typing.get_type_hints(kind)
    require(set(parts) == {each.name for each in fields(kind)}, f"{kind.__name__} has other fields")  # type: ignore[arg-type]
    for name, value in parts.items():
        require(fits(value, hints[name]), f"{name} of {kind.__name__} is a {type(value).__name__}")
    return kind(**parts)
