"""Hidden units that can be removed together, found by tracing; masks over them, and the smaller network."""

from netopsy.core.units.compacting import compact
from netopsy.core.units.find import unit_groups
from netopsy.core.units.groups import Place, UnitGroup, UnitMasks, Units
from netopsy.core.units.masking import apply_unit_masks, kept_parameters, weight_masks
from netopsy.core.units.norms import unit_norms

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
