"""The path of a network's layers through the information plane while it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch
from netopsy.core.capture import layer_activations
from netopsy.core.drawing import figure
from netopsy.core.errors import require
from netopsy.core.modes import device_of
from netopsy.core.progress import track
from netopsy.representations.information_plane.codes import Bins
from netopsy.representations.information_plane.entropy import check_labels
from netopsy.representations.information_plane.gradients import gradient_snr
from netopsy.representations.information_plane.layers import TANH_EDGES, Estimator, layer_information
from netopsy.representations.information_plane.noise import NOISE

BINS = 100
"""Equal bins over the whole run, for activations that are not between -1 and 1."""
_BATCH = 4096


@checked
def log_epochs(epochs: int, count: int = 60) -> list[int]:
    """Epochs to look at: 0, the last, and about ``count`` spread evenly on a logarithmic axis.

    >>> log_epochs(10, 4)
    [0, 1, 2, 5, 10]
    """
    require(epochs >= 1 and count >= 1, f"epochs and count must be at least 1, got {epochs} and {count}")
    return [0, *np.unique(np.geomspace(1, epochs, count).round().astype(int)).tolist()]


@checked
def track_information_plane(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    train_step: Callable[[nn.Module], Any],
    epochs: int,
    *,
    layers: Sequence[str] | None = None,
    checkpoints: Literal["log"] | Sequence[int] = "log",
    estimator: Estimator = "binning",
    bins: Bins | None = None,
    noise: float = NOISE,
    loss_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
    batches: Iterable[tuple[Tensor, Tensor]] | None = None,
) -> pd.DataFrame:
    """Train a network and follow its layers through the information plane.

    The network is trained in place. Activations of all checkpoints are kept until the end, so that layers that leave
    [-1, 1] are binned by the range of the whole run (100 bins) and none is clipped.

    Args:
        inputs: all inputs over which information is taken, not the training set alone.
        labels: classes ``[samples]`` or ``p(y|x)`` ``[samples, classes]``.
        train_step: called once an epoch with the network; one epoch of training.
        layers: by default every activation function, or every layer with weights where there is none.
        bins: of all layers; by default the paper's edges for layers within [-1, 1].
        loss_fn, batches: with both, gradients over these batches at every checkpoint, see `gradient_snr`; those of
            the weight that stands last before a layer.

    Returns:
        A row for each checkpoint and layer: epoch, layer, ixt, ity (bits), saturated, grad_mean, grad_std,
        weight_norm.

    Raises:
        InputError: no epoch, checkpoints outside 0 to ``epochs``, an unknown layer, NaN (training diverged).

    >>> net = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 2))
    >>> inputs, labels = torch.rand(8, 3), torch.arange(8) % 2
    >>> path = track_information_plane(net, inputs, labels, lambda net: None, 2)
    >>> path["epoch"].tolist(), path["layer"].unique().tolist()
    ([0, 1, 2], ['1'])
    """
    check_batch(inputs)
    check_labels(labels, len(inputs), "labels")
    require(isinstance(epochs, int) and epochs >= 1, f"epochs must be at least 1, got {epochs!r}")
    points = log_epochs(epochs) if checkpoints == "log" else sorted({int(each) for each in checkpoints})
    require(points and points[0] >= 0 and points[-1] <= epochs, f"checkpoints must lie in 0 to {epochs}, got {points}")
    require((loss_fn is None) == (batches is None), "loss_fn and batches must be given together")
    names = list(layers) if layers is not None else _hidden(model)
    kept = list(batches) if batches is not None else []
    before = _weights_before(model, names)
    seen: dict[str, list[Tensor]] = {name: [] for name in names}
    slopes: list[Mapping[str, Any]] = []
    for epoch in track(range(epochs + 1), "training"):
        if epoch:
            train_step(model)
        if epoch in points:
            for name, values in _activations(model, inputs, names).items():
                seen[name].append(values)
            slopes.append(gradient_snr(model, loss_fn, kept) if loss_fn is not None else {})
    rows = []
    for name in names:
        values = torch.stack(seen[name])
        within = bool(values.abs().max() <= 1)
        chosen: Bins = bins if bins is not None else TANH_EDGES if within else BINS
        found = layer_information(values, labels, estimator=estimator, bins=chosen, noise=noise)
        for place, epoch in enumerate(points):
            slope = slopes[place].get(before[name])
            rows.append(
                {
                    "epoch": epoch,
                    "layer": name,
                    "ixt": found.ixt[place],
                    "ity": found.ity[place],
                    "saturated": bool(found.saturated[place]),
                    "grad_mean": slope.mean if slope else np.nan,
                    "grad_std": slope.std if slope else np.nan,
                    "weight_norm": slope.weight_norm if slope else np.nan,
                }
            )
    return pd.DataFrame(rows)


@checked
def plot_information_plane(path: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """The path of every layer, coloured by epoch on a logarithmic scale; crosses are saturated estimates.

    Raises:
        InputError: columns other than those of `track_information_plane`.

    >>> path = pd.DataFrame({"epoch": [0, 9], "layer": ["1", "1"], "ixt": [8.0, 4.0], "ity": [0.2, 0.9]})
    >>> plot_information_plane(path).get_ylabel()
    'I(T;Y) (bits)'
    """
    missing = [name for name in ("epoch", "layer", "ixt", "ity") if name not in path]
    require(not missing, f"path must have the columns of track_information_plane, but lacks {', '.join(missing)}")
    if ax is None:
        _, ax = figure(4.6, 3.6)
    shade = np.log10(path["epoch"].to_numpy(float) + 1)
    for _, own in path.groupby("layer", sort=False):
        ax.plot(own["ixt"], own["ity"], color="0.8", linewidth=0.7, zorder=1)
    full = path["saturated"].to_numpy(bool) if "saturated" in path else np.zeros(len(path), dtype=bool)
    ends: dict[str, Any] = {"cmap": "viridis", "vmin": 0.0, "vmax": max(float(shade.max()), 1e-9)}
    for marker, which in (("o", ~full), ("x", full)):
        points = ax.scatter(path["ixt"][which], path["ity"][which], c=shade[which], marker=marker, s=12, **ends)
    ax.figure.colorbar(points, ax=ax, label="log10 (epoch + 1)")
    ax.set(xlabel="I(X;T) (bits)", ylabel="I(T;Y) (bits)")
    return ax


def _hidden(model: nn.Module) -> list[str]:
    leaves = {name: each for name, each in model.named_modules() if name and not list(each.children())}
    functions = [name for name, each in leaves.items() if type(each).__module__ == "torch.nn.modules.activation"]
    names = functions or [name for name, each in leaves.items() if list(each.parameters())]
    require(names, "model has no layers below itself: name the layers to follow")
    return names


def _weights_before(model: nn.Module, names: Sequence[str]) -> dict[str, str]:
    """For each layer the weight of the last module with one that is listed up to it."""
    found, last = {}, ""
    for name, module in model.named_modules():
        own = [key for key, each in module.named_parameters(recurse=False) if each.ndim >= 2]
        if own:
            last = f"{name}.{own[0]}" if name else own[0]
        if name in names:
            found[name] = last
    return {name: found.get(name, last) for name in names}


def _activations(model: nn.Module, inputs: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    parts: dict[str, list[Tensor]] = {name: [] for name in names}
    for some in inputs.split(_BATCH):
        for name, values in layer_activations(model, some.to(device_of(model)), list(names)).items():
            parts[name].append(values.flatten(1).cpu())
    return {name: torch.cat(values) for name, values in parts.items()}
