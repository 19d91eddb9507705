"""Inference that skips the zeros of very sparse linear layers."""

from __future__ import annotations

import warnings
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

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            self.register_buffer("weight", layer.weight.detach().to_sparse_csr())
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    def forward(self, inputs: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch outputs"]:
        """What the layer gives, up to rounding."""
        columns = inputs.reshape(-1, self.in_features).T.contiguous()
        found = (self.weight @ columns).T
        if self.bias is not None:
            found = found + self.bias
        return found.reshape(*inputs.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """Sides and stored values."""
        kept = self.weight.values().numel() if self.weight.layout is torch.sparse_csr else 0
        return f"in_features={self.in_features}, out_features={self.out_features}, kept={kept}"


@checked
def compile_sparse(model: nn.Module, *, sparsity: float | int = SPARSE) -> nn.Module:
    """A copy for inference in which linear layers with few weights other than zero are stored without the zeros.

    Whether that is faster depends on the size, the share of zeros and the batch: ``python -m benchmarks
    random-pruning`` measures where it begins to pay. Training does not get cheaper, and neither do convolutions, which
    stay as they are.

    Args:
        sparsity: the least share of zeros, in (0, 1], at which a layer is exchanged.

    Raises:
        InputError: a share out of range, or no linear layer with so many zeros.

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
    found: dict[str, Any] = {
        name: SparseLinear(layer)
        for name, layer in fast.named_modules()
        if type(layer) is nn.Linear and float((layer.weight == 0).double().mean()) >= sparsity
    }
    require(found, f"model has no linear layer with a share of zeros of {sparsity:g} or more: prune it first")
    if "" in found:
        return found[""]  # type: ignore[no-any-return]
    for name, layer in found.items():
        parent, _, own = name.rpartition(".")
        setattr(fast.get_submodule(parent), own, layer)
    return fast
