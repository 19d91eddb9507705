"""A fitted miner on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.fingerprints import check_network
from netopsy.core.layers import layer_names
from netopsy.core.stored import read_record, write_record
from netopsy.interpretability.layer_maps import TokenGrid
from netopsy.interpretability.pattern_net.network import PatternLayers
from netopsy.interpretability.pattern_net.patterns import VisualPattern
from netopsy.interpretability.receptive_field import ReceptiveField

KIND = "the patterns of a network"


@dataclass(frozen=True, eq=False)
class Options:
    """Those of `PatternMiner`."""

    method: Literal["mine", "net"]
    min_size: int
    max_size: int
    min_support: float
    min_lift: float
    radius: int | None
    per_class: int
    quantile: float | None
    region: Literal["effective", "theoretical"]
    region_images: int
    batch_size: int
    reshape: TokenGrid | None
    seed: int


@dataclass(frozen=True, eq=False)
class Kept:
    """All of a fitted `PatternMiner` but the network."""

    network: str
    """The fingerprint of its weights."""
    options: Options
    layer: str
    field: ReceptiveField
    quantile: float
    thresholds: Float[Tensor, "filters"]
    means: Float[Tensor, "filters"]
    patterns: list[VisualPattern]
    layers: dict[str, Tensor] | None
    """The learned layers' weights."""

    def write(self, path: str | Path) -> None:
        """To one file."""
        write_record(path, KIND, self, records=_RECORDS)


_RECORDS = (Options, ReceptiveField, VisualPattern, TokenGrid)


def read(path: str | Path, backbone: nn.Module) -> tuple[Kept, PatternLayers | None]:
    """What of a miner was written to a file, which must be one for this network, and its learned layers.

    Raises:
        InputError: a file that is not there, is damaged or holds something else, or another network.
    """
    kept = read_record(path, KIND, Kept, records=_RECORDS)
    check_network(backbone, kept.network, path)
    layer_names(backbone, [kept.layer])
    layers = None if kept.layers is None else _layers(kept.layers)
    filters = {number for pattern in kept.patterns for number in pattern.filters}
    fine = kept.thresholds.shape == kept.means.shape and filters <= set(range(len(kept.means)))
    fine = fine and all(pattern.filters for pattern in kept.patterns)
    fine = fine and (layers is not None if kept.options.method == "net" else kept.layers is None)
    require(fine, f"{str(path)!r} cannot be read as {KIND}: its patterns, filters and options do not go together")
    return kept, layers


def _layers(state: dict[str, Tensor]) -> PatternLayers | None:
    """The learned layers, where these are the weights of such."""
    free, weight = state.get("free"), state.get("output.weight")
    if free is None or weight is None or free.ndim != 2 or weight.ndim != 2 or 0 in (*free.shape, *weight.shape):
        return None
    nothing = free.new_zeros(free.shape[1])
    layers = PatternLayers(nothing, nothing, patterns=len(free), classes=len(weight))
    try:
        layers.load_state_dict(state)
    except RuntimeError:
        return None
    return layers
