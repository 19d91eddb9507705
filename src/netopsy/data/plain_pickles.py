"""Pickles read without running them: arrays, dictionaries and matrices are built, every other name is refused."""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from netopsy.core.errors import InputError, require
from netopsy.core.memory import check_bytes
from netopsy.core.texts import plain


def read_pickle(path: Path) -> np.ndarray | sparse.csr_array | dict[int, list[int]]:
    """An array of numbers, a matrix in compressed rows, or the neighbours of nodes, from a pickle of Python 2 or 3.

    The names by which a pickle asks for them stand for functions of ours here, so that nothing it names is imported or
    called.

    Raises:
        InputError: it names anything else, is damaged, or would take too much memory.
    """
    check_bytes(path.stat().st_size, f"file {path.name!r}")
    content = path.read_bytes()
    try:
        _check_operations(content)
        return _finished(_Reader(io.BytesIO(content), encoding="latin1").load())
    except InputError as error:
        raise InputError(f"file {path.name!r} is refused: {error}") from None
    except Exception as error:  # whatever a damaged pickle leads to
        reason = plain(str(error).strip().partition("\n")[0])[:200] or type(error).__name__
        raise InputError(f"file {path.name!r} cannot be read: {reason}") from None


def _check_operations(content: bytes) -> None:
    """Sizes that the file does not back with bytes would be set aside in memory before that is noticed."""
    for operation, argument, _ in pickletools.genops(content):
        if operation.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            require(isinstance(argument, int) and 0 <= argument <= len(content), "it numbers what it does not hold")
        require(operation.name not in ("PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4"), f"it uses {operation.name}")


class _Array:
    """A numpy array to be: its state comes after it was made."""

    array: np.ndarray

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, content = state
        content = content.encode("latin1") if isinstance(content, str) else content
        require(isinstance(content, bytes), "it holds an array of objects")
        self.array = _array(content, kind, shape, "F" if fortran else "C")


class _Matrix:
    """A matrix in compressed rows to be."""

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.state = dict(state)


class _Kind:
    """A numpy type of numbers to be."""

    def __init__(self, name: object, *_: object) -> None:
        require(isinstance(name, str) and np.dtype(name).kind in "biuf", f"it holds values of type {str(name)[:40]!r}")
        self.dtype = np.dtype(name)  # type: ignore[call-overload]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Fixed:
    """A name that is an argument or is called; a pickle can change nothing about it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object] | None = None) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        require(self._function is not None, "it makes an object of another kind")
        assert self._function is not None
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise InputError("it changes what it names")


_OBJECT, _LIST, _ARRAY = _Fixed(), _Fixed(), _Fixed()


def _array(content: bytes | bytearray, kind: _Kind, shape: tuple[int, ...], order: str) -> np.ndarray:
    return np.frombuffer(content, kind.dtype).reshape(shape, order="F" if order == "F" else "C").copy()


def _make_array(called: object, *_: object) -> _Array:
    require(called is _ARRAY, "it makes an array of another kind")
    return _Array()


def _make_matrix(called: object, base: object, state: object) -> _Matrix:
    require(called is _Matrix and base is _OBJECT and state is None, "it makes an object of another kind")
    return _Matrix()


def _make_bytes(text: str, encoding: str) -> bytes:
    require(encoding == "latin1", f"it uses the encoding {encoding!r}")
    return text.encode("latin1")


def _make_dictionary(factory: object = None) -> dict[Any, Any]:
    require(factory is None or factory is _LIST, "it makes a dictionary of another kind")
    return {}


_ALLOWED: Mapping[str, object] = MappingProxyType(
    {
        **dict.fromkeys((f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")), _Fixed(_make_array)),
        **dict.fromkeys((f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")), _Fixed(_array)),
        **dict.fromkeys(("scipy.sparse.csr.csr_matrix", "scipy.sparse._csr.csr_matrix"), _Matrix),
        **dict.fromkeys(("copy_reg._reconstructor", "copyreg._reconstructor"), _Fixed(_make_matrix)),
        **dict.fromkeys(("__builtin__.object", "builtins.object"), _OBJECT),
        **dict.fromkeys(("__builtin__.list", "builtins.list"), _LIST),
        **dict.fromkeys(("__builtin__.bytes", "builtins.bytes"), _Fixed(lambda: b"")),
        "numpy.ndarray": _ARRAY,
        "numpy.dtype": _Kind,
        "collections.defaultdict": _Fixed(_make_dictionary),
        "_codecs.encode": _Fixed(_make_bytes),
    }
)


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        place = f"{module}.{name}"
        require(place in _ALLOWED, f"it names {place[:80]!r}, and only arrays, dictionaries and matrices are built")
        return _ALLOWED[place]


def _finished(value: object) -> np.ndarray | sparse.csr_array | dict[int, list[int]]:
    if isinstance(value, np.ndarray | _Array):
        return _numbers(value)
    if isinstance(value, _Matrix):
        state = {name.lstrip("_"): part for name, part in value.state.items()}
        data, indices, indptr = (_numbers(state[name]) for name in ("data", "indices", "indptr"))
        rows, columns = map(int, state["shape"])
        found = sparse.csr_array((data, indices, indptr), shape=(rows, columns))
        found.check_format(full_check=True)
        return found
    require(isinstance(value, dict), f"it holds {type(value).__name__.strip('_')} and no array, matrix or graph")
    assert isinstance(value, dict)
    check_bytes(16 * sum(len(entry) for entry in value.values()), "what it holds")
    whole = all(isinstance(node, int) and isinstance(entry, list) for node, entry in value.items())
    require(
        whole and all(isinstance(one, int) for entry in value.values() for one in entry),
        "its dictionary does not map nodes to lists of nodes",
    )
    return value


def _numbers(value: object) -> np.ndarray:
    found = value.array if isinstance(value, _Array) else value
    require(isinstance(found, np.ndarray), f"it holds {type(found).__name__.strip('_')} in the place of an array")
    assert isinstance(found, np.ndarray)
    return found
