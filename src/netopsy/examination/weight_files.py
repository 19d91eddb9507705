"""Reading weights from files of strangers: what kind of file it is, and its tensors. Nothing in a file is run.

A `torch.export` archive is read here and not by ``torch.export.load``, which runs what the archive says: it unpickles
weights, constants and sample inputs without restriction, evaluates shape expressions as Python, and loads compiled
libraries. The archive's table of weights and their bytes are plain data.
"""

from __future__ import annotations

import io
import json
import math
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netopsy.core.archives import check_zip
from netopsy.core.errors import InputError, require
from netopsy.core.memory import check_bytes

_ADVICE = "save the weights alone, with torch.save(model.state_dict(), ...) or as safetensors"

# The numbers by which torch.export names the types of tensors in its archives.
_DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}


def read_weights(path: Path) -> dict[str, Any]:
    """The content of a file of weights; what kind of file it is, is read from its bytes and not from its name.

    Raises:
        InputError: it is of another kind or damaged, or reading it would run code.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise InputError(f"the weights in {str(path)!r} cannot be read: {error.strerror}") from error
    length = int.from_bytes(head[:8], "little")
    if head[8:] == b"{" and length <= path.stat().st_size - 8:
        return _safetensors(path)
    if zipfile.is_zipfile(path):
        return _zip(path)
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return _mapping(_unpickled(path, path), path)
    raise InputError(
        f"{str(path)!r} holds no weights that can be read: it is neither safetensors, a torch.export archive, "
        "nor written by torch.save"
    )


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"the safetensors file {str(path)!r} is damaged: {_line(error)}") from error


def _zip(path: Path) -> dict[str, Any]:
    check_zip(path, f"the archive {str(path)!r}")
    try:
        with zipfile.ZipFile(path) as archive:
            records = {name.partition("/")[2]: name for name in archive.namelist()}
            if records.keys() & {"archive_format", "models/model.json"} and "data.pkl" not in records:
                return _exported(archive, records, path)
            if "serialized_exported_program.json" in archive.namelist():  # torch.export before its format pt2
                state = io.BytesIO(archive.read("serialized_state_dict.pt"))
                return _mapping(_unpickled(state, path), path)
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, NotImplementedError) as error:
        raise InputError(f"the archive {str(path)!r} is damaged: {_line(error)}") from error
    if "data.pkl" in records and not any(name.startswith("code/") for name in records):
        return _mapping(_unpickled(path, path), path)
    if "data.pkl" in records:
        raise InputError(
            f"{str(path)!r} was refused: it is a TorchScript program, and no code is run from files; {_ADVICE}"
        )
    raise InputError(f"{str(path)!r} is a zip file without weights: neither a torch.export archive nor by torch.save")


def _exported(archive: zipfile.ZipFile, records: dict[str, str], path: Path) -> dict[str, Any]:
    tables = [name for name in records if re.fullmatch(r"data/weights/.*weights_config\.json", name)]
    require(tables, f"the torch.export archive {str(path)!r} holds no weights")
    require(len(tables) == 1, f"the torch.export archive {str(path)!r} holds {len(tables)} networks; one is wanted")
    byteorder = archive.read(records["byteorder"]) if "byteorder" in records else b"little"
    require(byteorder == b"little", f"the torch.export archive {str(path)!r} was written on a big-endian machine")
    try:
        table = json.loads(archive.read(records[tables[0]]))["config"]
        return {name: _tensor(archive, records, entry, path) for name, entry in table.items()}
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError(f"the torch.export archive {str(path)!r} is damaged: {_line(error)}") from error


def _tensor(archive: zipfile.ZipFile, records: dict[str, str], entry: dict[str, Any], path: Path) -> Tensor:
    content = archive.read(records[f"data/weights/{entry['path_name']}"])
    if entry["use_pickle"]:
        return _unpickled(io.BytesIO(content), path)
    meta = entry["tensor_meta"]
    dtype = _DTYPES[meta["dtype"]]
    sizes, strides = ([int(each["as_int"]) for each in meta[key]] for key in ("sizes", "strides"))
    check_bytes(math.prod(sizes) * dtype.itemsize, f"a tensor in {str(path)!r}")
    if not content:
        return torch.zeros(sizes, dtype=dtype)
    flat = torch.frombuffer(bytearray(content), dtype=dtype)
    # as_strided checks that nothing beyond the bytes is reached
    return flat.as_strided(sizes, strides, int(meta["storage_offset"]["as_int"])).clone()


class _Inert:
    """Stands for a type that checkpoints hold beside their tensors; what it is made from is dropped."""

    def __new__(cls, *args: object, **options: object) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *args: object, **options: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


_BESIDE = ("argparse", "pathlib", "numpy", "datetime", "types", "omegaconf", "lightning", "pytorch_lightning", "timm")
"""Packages of the settings, paths and numbers that training loops save beside the tensors."""
_NAMES = 100
"""Such types in a file, at most."""


def _stand_in(name: str) -> Any:
    return type(name.rpartition(".")[2], (_Inert,), {})


def _unpickled(source: Path | io.BytesIO, path: Path) -> Any:
    stand_ins: dict[str, Any] = {}
    while True:
        if isinstance(source, io.BytesIO):
            source.seek(0)
        try:
            with torch.serialization.safe_globals([(each, name) for name, each in stand_ins.items()]):
                return torch.load(source, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
            name = wanted[1] if wanted else ""
            if name.partition(".")[0] not in _BESIDE or name in stand_ins or len(stand_ins) == _NAMES:
                raise _refused(error, path) from error
            stand_ins[name] = _stand_in(name)
        except Exception as error:
            raise InputError(f"the weights in {str(path)!r} are damaged: {_line(error)}") from error


def _refused(error: pickle.UnpicklingError, path: Path) -> InputError:
    wanted = re.search(r"GLOBAL ([\w.]+)", str(error)) or re.search(r"(?:class|function) ([\w.]+)", str(error))
    if wanted is None and "Weights only load failed" in str(error):  # torch goes on to advise to run it
        return InputError(
            f"{str(path)!r} was refused: to read this pickle would be to run it, and no code is run from files; "
            + _ADVICE
        )
    if wanted is None:
        return InputError(f"the weights in {str(path)!r} cannot be read: {_line(error)}")
    return InputError(
        f"{str(path)!r} was refused: to be read it would have to run {wanted[1]}, and no code is run from files; "
        + _ADVICE
    )


def _mapping(content: Any, path: Path) -> dict[str, Any]:
    require(
        isinstance(content, dict),
        f"{str(path)!r} holds a {type(content).__name__} and no weights by name; {_ADVICE}",
    )
    return dict(content)


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
