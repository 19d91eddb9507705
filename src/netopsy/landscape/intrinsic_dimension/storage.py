"""A network that was trained in a subspace as bytes: how it was drawn, and d coefficients."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.fingerprints import fingerprint
from netopsy.landscape.intrinsic_dimension.curve import IDResult
from netopsy.landscape.intrinsic_dimension.projections import kind_of
from netopsy.landscape.intrinsic_dimension.subspace import SubspaceModel

KIND = "a network in a subspace, 1"
BUFFER = "buffer "


@checked
def compress(subspace: SubspaceModel) -> bytes:
    """All that it takes to have the trained network again from the one that training started with.

    The kind and the seed of the projection, the names of the trained parameters where they are not all, ``z``, and the
    buffers, which no projection covers: the statistics of batch norms. It is a safetensors file; nothing in it runs.
    What training started with is not in it: `decompress` is given that, made again from its own seed, and a digest
    tells whether it is the same.

    Raises:
        InputError: a projection that no seed draws, or coefficients that are not finite.

    >>> from netopsy.models import mlp
    >>> subspace = SubspaceModel(mlp([64, 256, 10]), 20)
    >>> start = mlp([64, 256, 10])
    >>> len(compress(subspace)) < 1000 < 4 * subspace.full
    True
    >>> bool((decompress(compress(subspace), start).fc1.weight == start.fc1.weight).all())
    True
    """
    from safetensors.torch import save

    require(bool(subspace.z.isfinite().all()), "subspace has coefficients that are not finite: its training diverged")
    some = subspace.names != [name for name in subspace.asking if name in set(subspace.names)]
    content = {
        "projection": kind_of(subspace.projection),
        "seed": int(subspace.projection.seed),  # type: ignore[arg-type]
        "start": _digest(subspace.model),
        "params": subspace.names if some or len(subspace.names) != len(subspace.asking) else None,
    }
    tensors = {"z": subspace.z.detach().cpu().contiguous()}
    kept = subspace.model.state_dict(keep_vars=True)
    for name, value in subspace.model.named_buffers():
        if name in kept:
            tensors[BUFFER + name] = value.detach().cpu().contiguous().clone()
    return bytes(save(tensors, {"kind": KIND, "content": json.dumps(content, separators=(",", ":"))}))


@checked
def decompress(data: bytes, model: nn.Module) -> nn.Module:
    """The trained network: a copy of ``model``, which must be what training started with, moved to where it ended.

    Raises:
        InputError: bytes that `compress` did not write, or a network with other initial values.

    >>> from netopsy.models import mlp
    >>> trained = decompress(compress(SubspaceModel(mlp([64, 16, 10]), 20)), mlp([64, 16, 10]))
    >>> trained.fc1.weight.shape
    torch.Size([16, 64])
    """
    content, tensors = _read(data)
    require(
        content["start"] == _digest(model),
        "model is not what the training started with: make it with the same seed, library and precision",
    )
    z = tensors["z"]
    subspace = SubspaceModel(
        model, len(z), projection=content["projection"], params=content["params"], seed=content["seed"]
    )
    buffers = dict(subspace.model.named_buffers())
    with torch.no_grad():
        subspace.z.copy_(z)
        for name, value in tensors.items():
            if name.startswith(BUFFER):
                held = buffers.get(name.removeprefix(BUFFER))
                fits = held is not None and held.shape == value.shape
                require(fits, f"model has no buffer {name.removeprefix(BUFFER)!r} of shape {tuple(value.shape)}")
                assert held is not None
                held.copy_(value)
    return subspace.materialise()


@checked
def description_length(found: IDResult | SubspaceModel, *, bits: int = 32) -> int:
    """Bits of the coefficients: an upper bound on the description length of the solution (Li et al. 2018, section 3).

    Seeds and the program that draws by them come on top, a constant.

    Raises:
        InputError: ``bits`` that are no number from 1 up.

    >>> from netopsy.models import mlp
    >>> description_length(SubspaceModel(mlp([64, 16, 10]), 20))
    640
    """
    require(isinstance(bits, int) and bits > 0, f"bits must be an int of at least 1, got {bits!r}")
    return math.ceil(found.dimension) * bits


def _digest(model: nn.Module) -> str:
    return fingerprint({name: value.detach() for name, value in model.named_parameters()})


def _read(data: bytes) -> tuple[dict[str, Any], Mapping[str, Tensor]]:
    from safetensors.torch import load

    try:
        length = int.from_bytes(data[:8], "little")
        about = json.loads(data[8 : 8 + length])["__metadata__"]
        known = about["kind"] == KIND
        content, tensors = json.loads(about["content"]), load(data)
        known = known and set(content) == {"projection", "seed", "start", "params"}
        z = tensors["z"]
    except Exception as error:
        raise InputError(f"data are not the bytes of a compressed network ({type(error).__name__})") from error
    known = known and isinstance(content["projection"], str) and isinstance(content["seed"], int)
    params = content["params"]
    known = known and (params is None or (isinstance(params, list) and all(isinstance(each, str) for each in params)))
    sound = known and z.ndim == 1 and len(z) > 0 and z.is_floating_point() and bool(z.isfinite().all())
    require(sound, "data are not the bytes of a compressed network")
    return content, tensors
