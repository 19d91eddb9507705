"""Which hidden units of an image generator stand for things, and do they cause them?

Bau, Zhu, Strobelt, Zhou, Tenenbaum, Freeman and Torralba, GAN Dissection: Visualizing and Understanding Generative
    Adversarial Networks, ICLR 2019, arXiv:1811.10597.

`dissect` compares the map of every unit of a layer with a segmentation of the images. `removals` and `insertion_map`
intervene: they switch units off, or force them on at one position, and count how much of each class goes or comes;
`average_causal_effect` is the difference of the two and `optimise_ace` finds the set of units where it is largest.
`artefact_units` ranks units by how bad the images are that excite them.

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.interpretability.dissection.quantiles import tail_level
from netopsy.interpretability.gan_dissection.artefacts import UnitDistances, artefact_units
from netopsy.interpretability.gan_dissection.dissection import (
    DissectReport,
    Observed,
    dissect,
    dissect_observed,
    observe,
)
from netopsy.interpretability.gan_dissection.insertion import (
    CausalEffect,
    average_causal_effect,
    conditional_mean,
    insertion_map,
)
from netopsy.interpretability.gan_dissection.intervention import (
    Removal,
    edit_layer,
    removals,
    top_sets,
    unit_removal,
)
from netopsy.interpretability.gan_dissection.optimisation import AceResult, optimise_ace

__all__ = [
    "AceResult",
    "CausalEffect",
    "DissectReport",
    "Observed",
    "Removal",
    "UnitDistances",
    "artefact_units",
    "average_causal_effect",
    "conditional_mean",
    "dissect",
    "dissect_observed",
    "edit_layer",
    "insertion_map",
    "observe",
    "optimise_ace",
    "removals",
    "tail_level",
    "top_sets",
    "unit_removal",
]
