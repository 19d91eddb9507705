"""Paths of trained networks in the information plane, how fast they learn, and the bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.progress import track
from netopsy.lab import Rows
from netopsy.representations.information_plane import (
    IBCurve,
    icosahedral_dataset,
    information_bottleneck,
    layer_information,
    log_epochs,
)
from netopsy.representations.information_plane.layers import TANH_EDGES
from netopsy.representations.information_plane.tracking import BINS
from netopsy.studies.representations.information_plane.stack import Stack, Training

LEARNED = 0.95
"""Training accuracy from which a network counts as trained."""


def curve(gamma: float, betas: tuple[float, ...]) -> Rows:
    """The information bottleneck curve of the task."""
    found = _curve(gamma, betas)
    for ixt, ity, beta in zip(found.ixt, found.ity, found.beta, strict=True):
        yield {"beta": beta, "ixt": ixt, "ity": ity}


@cache
def _curve(gamma: float, betas: tuple[float, ...]) -> IBCurve:
    return information_bottleneck(icosahedral_dataset(gamma)[1] / 4096, betas)


def path(
    method: str,
    depth: int,
    activation: str,
    full_batch: bool,
    seeds: tuple[int, ...],
    training: Training,
    betas: tuple[float, ...],
) -> Rows:
    """Where every hidden layer lies at each checkpoint, how its gradients are, and when training got there."""
    points = log_epochs(training.epochs, training.checkpoints)
    stack = Stack(training, activation, depth, seeds)
    seen: list[list[Tensor]] = [[] for _ in range(depth)]
    slopes: list[NDArray[np.float64]] = []
    accuracy = []
    for epoch, (shares, slope) in enumerate(_epochs(stack, training.epochs, points, seen, full_batch=full_batch)):
        accuracy.append(shares)
        if epoch in points:
            slopes.append(slope)
    yield from _learned(torch.stack(accuracy), seeds)
    soft, bound = icosahedral_dataset(training.gamma)[1], _curve(training.gamma, betas)
    for layer in range(depth):
        activations = torch.stack(seen[layer])  # [checkpoints, runs, inputs, units]
        bins = TANH_EDGES if activation == "tanh" else BINS
        for run, seed in enumerate(seeds):
            found = layer_information(activations[:, run], soft, bins=bins)
            gaps = bound.bound(found.ixt) - found.ity
            for place, epoch in enumerate(points):
                mean, std, norm = slopes[place][layer, run]
                yield {
                    "seed": seed,
                    "layer": layer + 1,
                    "epoch": epoch,
                    "ixt": found.ixt[place],
                    "ity": found.ity[place],
                    "gap": gaps[place],
                    "saturated": bool(found.saturated[place]),
                    "drift": mean / norm,
                    "diffusion": std / norm,
                    "snr": mean / std if std > 0 else float("nan"),
                }


def speed(method: str, depth: int, seeds: tuple[int, ...], training: Training) -> Rows:
    """The epochs that a network of this depth takes to learn."""
    stack = Stack(training, "tanh", depth, seeds)
    found = [shares for shares, _ in _epochs(stack, training.epochs, (), [], full_batch=False)]
    yield from _learned(torch.stack(found), seeds)


def _learned(accuracy: Tensor, seeds: Sequence[int]) -> Rows:
    """The first epoch whose batches are answered well enough; the last one where none is."""
    for run, seed in enumerate(seeds):
        enough = (accuracy[:, run] >= LEARNED).nonzero()
        reached = len(enough) > 0
        epoch = int(enough[0]) if reached else len(accuracy) - 1
        last = float(accuracy[-1, run])
        yield {"measure": "learned", "seed": seed, "epochs": max(epoch, 1), "reached": reached, "accuracy": last}


def _epochs(
    stack: Stack, epochs: int, points: Sequence[int], seen: list[list[Tensor]], *, full_batch: bool
) -> Iterator[tuple[Tensor, NDArray[np.float64]]]:
    """Each epoch's accuracy and gradients; layers are looked at before it.

    As in the paper, an epoch's gradients are those of its batches while it trains; so one more follows the last look.
    """
    for epoch in track(range(epochs + 1), "training the networks"):
        looked = epoch in points
        if looked:
            for layer, values in zip(seen, stack.everything(), strict=True):
                layer.append(values)
        shares, gradients = [], []
        for indices in stack.batches():
            shares.append(stack.set_gradients(stack.train if full_batch else indices))
            if looked:
                gradients.append([each.grad.clone() for each in stack.weights if each.grad is not None])
            stack.optimizer.step()
        yield torch.stack(shares).mean(0), _slopes(stack, gradients, full_batch=full_batch)


def _slopes(stack: Stack, gradients: list[list[Tensor]], *, full_batch: bool) -> NDArray[np.float64]:
    """Norm of the mean, spread over batches and norm of the weights: ``[layers, runs, 3]``; no spread without noise."""
    found = []
    for place, weight in enumerate(stack.weights if gradients else ()):
        own = torch.stack([each[place] for each in gradients]).double().flatten(2)
        mean = own.mean(0).norm(dim=1)
        noisy = len(own) > 1 and not full_batch
        std = own.var(0).sum(1).sqrt() if noisy else torch.full_like(mean, torch.nan)
        found.append(torch.stack([mean, std, weight.detach().double().flatten(1).norm(dim=1)], 1).cpu())
    return torch.stack(found).numpy() if found else np.empty((0, 0, 3))
