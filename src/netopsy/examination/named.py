"""A network by the name that a command gives it."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from netopsy.core.parameters import check_has_values
from netopsy.examination.factory import network_from
from netopsy.examination.libraries import PREFIXES, network_by_name
from netopsy.examination.weights import load_weights


def network_named(model: str, weights: str | Path | None, *, seed: int = 0) -> nn.Module:
    """The network that ``package.module:factory``, ``timm:name`` or ``hf:owner/name`` stands for, on the CPU.

    Args:
        weights: a file of weights to load into it.
        seed: of weights that a factory draws.

    Raises:
        InputError: there is no such network, or the weights are not its own.
    """
    network = network_by_name(model) if model.startswith(PREFIXES) else network_from(model, seed=seed)
    if weights is not None:
        load_weights(network, weights)
    check_has_values(network)
    return network
