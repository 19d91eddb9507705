"""Hidden units that can be removed together, found by tracing; masks over them, and the smaller network."""

from netopsy.sparsity.units.compacting import compact
from netopsy.sparsity.units.find import unit_groups
from netopsy.sparsity.units.groups import Place, UnitGroup, UnitMasks, Units
from netopsy.sparsity.units.masking import apply_unit_masks, kept_parameters, weight_masks
from netopsy.sparsity.units.norms import unit_norms

__all__ = [
    "Place",
    "UnitGroup",
    "UnitMasks",
    "Units",
    "apply_unit_masks",
    "compact",
    "kept_parameters",
    "unit_groups",
    "unit_norms",
    "weight_masks",
]
