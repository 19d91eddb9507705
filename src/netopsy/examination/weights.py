"""Weights from a file into a network, all of them or none."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from netopsy.core.errors import InputError, require
from netopsy.core.memory import check_bytes
from netopsy.core.paths import file_from
from netopsy.examination.weight_files import read_weights

_WITHIN = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Where training loops keep the weights within what they save."""

_WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Load the weights in a file into ``model``.

    The file is safetensors, a `torch.export` archive, or written by ``torch.save``; its content says which. Weights
    within a checkpoint (``{"state_dict": ...}``) are found, and a prefix that all names share is taken off where the
    rest are the network's names. No code in a file is run, whatever the file is.

    Raises:
        InputError: the file cannot be read or would run code, or its weights are not those of the network; the network
            is then as it was.

    >>> import tempfile, torch
    >>> from safetensors.torch import save_file
    >>> file = Path(tempfile.mkdtemp()) / "w.safetensors"
    >>> save_file({"weight": torch.ones(1, 2), "bias": torch.zeros(1)}, file)
    >>> net = nn.Linear(2, 1)
    >>> load_weights(net, file)
    >>> net.weight.tolist()
    [[1.0, 1.0]]
    """
    require(isinstance(model, nn.Module), f"model must be a torch nn.Module, got {type(model).__name__}")
    file = file_from(path, "file of weights")
    state = model.state_dict()
    given = _named_as(state, _weights_in(read_weights(file), file))
    missing = [name for name in state if name not in given and not _settled(name, state, given)]
    unexpected = [name for name in given if name not in state]
    differing = [
        f"{name} is {_size(value)} in the file and {_size(state[name])} in the network"
        for name, value in given.items()
        if name in state and not is_lazy(state[name]) and value.shape != state[name].shape
    ]
    problems = []
    if missing:
        problems.append(f"{_several(missing)} of the network {'is' if len(missing) == 1 else 'are'} missing")
    if unexpected:
        problems.append(f"the network has no {_several(unexpected)}")
    if differing:
        problems.append(_several(differing))
    require(not problems, f"the weights in {str(file)!r} are not those of the network: {'; '.join(problems)}")
    try:
        model.load_state_dict({**state, **given})
    except RuntimeError as error:
        raise InputError(
            f"the weights in {str(file)!r} do not fit the network: {str(error).splitlines()[-1]}"
        ) from error


def _weights_in(content: Mapping[str, Any], file: Path) -> dict[str, Tensor]:
    """The tensors by name, which may lie a level deeper."""
    for key in _WITHIN:
        inner = content.get(key)
        if isinstance(inner, Mapping) and any(isinstance(value, Tensor) for value in inner.values()):
            content = inner
            break
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    for name, value in tensors.items():  # strides of 0 make much of few bytes
        check_bytes(value.numel() * value.element_size(), f"the tensor {name} in {str(file)!r}")
    require(
        tensors,
        f"{str(file)!r} holds no tensors by name, only {_several([str(key) for key in content] or ['nothing'])}",
    )
    others = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    require(
        len(tensors) >= len(others),
        f"{str(file)!r} holds {_several(others)} beside its tensors; weights are looked for under {', '.join(_WITHIN)}",
    )
    return tensors


def _named_as(state: Mapping[str, Any], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """``given`` without a prefix that keeps its names from being the network's."""
    renamings = list(_renamings(given))
    return max(renamings, key=lambda names: len(names.keys() & state.keys()))


def _renamings(given: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    yield given
    bare = given
    for wrapper in _WRAPPERS * 2:
        bare = {name.removeprefix(wrapper): value for name, value in bare.items()}
    yield bare
    first = next(iter(bare)).partition(".")[0] + "."
    if all(name.startswith(first) for name in bare):
        yield {name.removeprefix(first): value for name, value in bare.items()}


def _settled(name: str, state: Mapping[str, Any], given: Mapping[str, Tensor]) -> bool:
    """Whether a weight that is not in the file has its value all the same: a step counter, or one tied to another."""
    if name.endswith("num_batches_tracked"):
        return True
    value = state[name]
    if is_lazy(value) or not isinstance(value, Tensor) or value.numel() == 0:
        return False
    return any(
        other in state and state[other].data_ptr() == value.data_ptr() and state[other].shape == value.shape
        for other in given
        if other != name and not is_lazy(state.get(other, value))
    )


def _several(names: list[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _size(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "a single number"
