"""Inference that skips the zeros of very sparse linear layers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import require
from netopsy.core.modes import check_model

SPARSE = 0.95
"""Share of zeros from which a layer is stored without them."""


class SparseLinear(nn.Module):
    """A linear layer for inference whose weight is stored by its rows' non-zero values (CSR)."""

    rows: Tensor
    """Where each row begins among the values."""
    columns: Tensor
    values: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        with _without_beta_warning():
            stored = layer.weight.detach().to_sparse_csr()
        # Its parts, since a sparse tensor itself can be neither copied nor saved with a network.
        self.register_buffer("rows", stored.crow_indices())
        self.register_buffer("columns", stored.col_indices())
        self.register_buffer("values", stored.values())
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    def forward(self, inputs: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch outputs"]:
        """What the layer gives, up to rounding."""
        found = (self._sparse() @ inputs.reshape(-1, self.in_features).T.contiguous()).T
        if self.bias is not None:
            found = found + self.bias
        return found.reshape(*inputs.shape[:-1], self.out_features)

    @property
    def weight(self) -> Tensor:
        """The weight with its zeros, for modules that read those of their layers (torch's transformer layers do)."""
        return self._sparse().to_dense()

    def _sparse(self) -> Tensor:
        size = (self.out_features, self.in_features)
        with _without_beta_warning():
            return torch.sparse_csr_tensor(self.rows, self.columns, self.values, size, check_invariants=False)

    def extra_repr(self) -> str:
        """Sides and stored values."""
        return f"in_features={self.in_features}, out_features={self.out_features}, kept={len(self.values)}"


@contextmanager
def _without_beta_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        yield


@checked
def compile_sparse(model: nn.Module, *, sparsity: float | int = SPARSE) -> nn.Module:
    """A copy for inference in which linear layers with few weights other than zero are stored without the zeros.

    Whether that is faster depends on the size, the share of zeros and the batch: ``python -m benchmarks
    random-pruning`` measures where it begins to pay. Training does not get cheaper, and neither do convolutions, which
    stay as they are.

    Args:
        sparsity: the least share of zeros, in (0, 1], at which a layer is exchanged.

    Raises:
        InputError: a share out of range, no linear layer with so many zeros, or one in half precision on the CPU, where
            torch multiplies no sparse matrices of that kind.

    >>> from netopsy.models import mlp
    >>> from netopsy.sparsity.random_pruning import randomly_prune
    >>> net = randomly_prune(mlp([64, 40, 10]), 0.02, "uniform").network
    >>> fast = compile_sparse(net)
    >>> inputs = torch.rand(5, 64)
    >>> fast.fc1, bool(torch.allclose(fast(inputs), net(inputs), atol=1e-6))
    (SparseLinear(in_features=64, out_features=40, kept=51), True)
    """
    check_model(model)
    require(0 < sparsity <= 1, f"sparsity must be in (0, 1], got {sparsity}")
    fast = copied(model).eval()
    chosen = {
        name: layer
        for name, layer in fast.named_modules()
        if type(layer) is nn.Linear and float((layer.weight == 0).double().mean()) >= sparsity
    }
    for name, layer in chosen.items():
        wide = layer.weight.dtype in (torch.float32, torch.float64) or layer.weight.is_cuda
        require(wide, f"layer {name!r} is in {layer.weight.dtype} on the CPU: convert model to float32 first")
    found: dict[str, Any] = {name: SparseLinear(layer) for name, layer in chosen.items()}
    require(found, f"model has no linear layer with a share of zeros of {sparsity:g} or more: prune it first")
    if "" in found:
        return found[""]  # type: ignore[no-any-return]
    for name, sparse in found.items():
        parent, _, own = name.rpartition(".")
        setattr(fast.get_submodule(parent), own, sparse)
    return fast
