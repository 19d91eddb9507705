"""A fitted miner on disk."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.fingerprints import check_network, fingerprint
from netopsy.core.layers import layer_names
from netopsy.core.stored import read_record, write_record
from netopsy.interpretability.layer_maps import TokenGrid, storable
from netopsy.interpretability.pattern_net.network import PatternLayers
from netopsy.interpretability.pattern_net.patterns import VisualPattern
from netopsy.interpretability.receptive_field import ReceptiveField

if TYPE_CHECKING:
    from netopsy.interpretability.pattern_net.miner import PatternMiner

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


def save(miner: PatternMiner, path: str | Path) -> None:
    """Write the miner to one file."""
    miner._check_fitted()
    options: dict[str, Any] = {each.name: getattr(miner, each.name) for each in fields(Options)}
    kept = Kept(
        network=fingerprint(miner.backbone.state_dict()),
        options=Options(**{**options, "reshape": storable(miner.reshape)}),
        layer=miner.layer_,
        field=miner.field_,
        quantile=miner.quantile_,
        thresholds=miner.thresholds_,
        means=miner.means_,
        patterns=miner.patterns_,
        layers=dict(miner.layers_.state_dict()) if miner.method == "net" else None,
    )
    write_record(path, KIND, kept, records=(Options, ReceptiveField, VisualPattern, TokenGrid))


def load(kind: type[PatternMiner], path: str | Path, backbone: nn.Module) -> PatternMiner:
    """What `save` wrote."""
    kept = read_record(path, KIND, Kept, records=(Options, ReceptiveField, VisualPattern, TokenGrid))
    check_network(backbone, kept.network, path)
    options = {each.name: getattr(kept.options, each.name) for each in fields(Options)}
    miner = kind(backbone, *layer_names(backbone, [kept.layer]), **options)
    known = range(len(kept.means))
    filters = [number for pattern in kept.patterns for number in pattern.filters]
    fine = kept.thresholds.shape == kept.means.shape and all(number in known for number in filters)
    fine = fine and all(pattern.filters for pattern in kept.patterns)
    if kept.layers is not None:
        learned = _layers(kept.layers)
        fine = fine and learned is not None
        if learned is not None:
            miner.layers_ = learned
    fine = fine and (kept.layers is None) == (miner.method == "mine")
    require(fine, f"{str(path)!r} cannot be read as {KIND}: its patterns, filters and options do not go together")
    miner.layer_, miner.field_, miner.quantile_ = kept.layer, kept.field, kept.quantile
    miner.thresholds_, miner.means_, miner.patterns_ = kept.thresholds, kept.means, kept.patterns
    return miner


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
