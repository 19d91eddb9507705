"""Batch norms' statistics taken anew, for networks whose weights were changed and not trained on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from netopsy.core.arguments import checked
from netopsy.core.batches import check_tensor
from netopsy.core.computed import copied
from netopsy.core.errors import require
from netopsy.core.modes import check_model, device_of, running_on


@torch.no_grad()
@checked
def recalibrated(model: nn.Module, inputs: Tensor, *, batch_size: int = 256) -> nn.Module:
    """A copy of ``model`` whose batch norms have the statistics of ``inputs``: the mean over the batches.

    Pruned, averaged or interpolated weights give other activations than those that the running statistics are of.
    Everything else stays as it is, and so does a network without batch norms.

    Raises:
        InputError: no sample, or inputs that do not go through the network.

    >>> net = nn.Sequential(nn.BatchNorm1d(1))
    >>> inputs = torch.tensor([[1.0], [3.0]])
    >>> float(recalibrated(net, inputs)[0].running_mean), float(net[0].running_mean)
    (2.0, 0.0)
    """
    check_model(model)
    check_tensor(inputs)
    require(inputs.ndim > 1 and len(inputs) > 1, f"inputs must be at least two samples, got {tuple(inputs.shape)}")
    require(isinstance(batch_size, int) and batch_size > 1, f"batch_size must be at least 2, got {batch_size!r}")
    fresh = copied(model)
    norms = [each for each in fresh.modules() if isinstance(each, _BatchNorm) and each.track_running_stats]
    before = [(each, each.training) for each in fresh.modules()], [norm.momentum for norm in norms]
    fresh.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for part in inputs.split(batch_size) if norms else ():
        if len(part) > 1:  # a batch of one has no variance
            with running_on(part):
                fresh(part.to(device_of(fresh)))
    for module, mode in before[0]:
        module.training = mode
    for norm, momentum in zip(norms, before[1], strict=True):
        norm.momentum = momentum
    return fresh
