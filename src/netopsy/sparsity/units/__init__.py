"""Hidden units that can be removed together, found by tracing; masks over them, and the smaller network."""

from netopsy.sparsity.units.compacting import compact
from netopsy.sparsity.units.find import unit_groups
from netopsy.sparsity.units.groups import Place, UnitGroup, UnitMasks, Units
from netopsy.sparsity.units.masking import apply_unit_masks, kept_parameters, weight_masks

__all__ = [
    "Place",
    "UnitGroup",
    "UnitMasks",
    "Units",
    "apply_unit_masks",
    "compact",
    "kept_parameters",
    "unit_groups",
    "weight_masks",
]
