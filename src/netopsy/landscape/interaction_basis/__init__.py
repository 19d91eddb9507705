"""Degeneracy in the loss landscape, and the interaction basis (Bushnaq et al. 2024, arXiv 2405.10927).

Activations or gradients that depend linearly on one another, and units that fire in step, leave directions of weight
space free. Features in which the first two are gone do not depend on how a layer is parametrised.
"""

from netopsy.landscape.interaction_basis.ablation import Required, edges_required, nodes_required
from netopsy.landscape.interaction_basis.basis import InteractionBasis
from netopsy.landscape.interaction_basis.build import interaction_basis, neuron_basis, pca_basis
from netopsy.landscape.interaction_basis.degeneracy import LayerDegeneracy, layer_degeneracy
from netopsy.landscape.interaction_basis.edges import interaction_edges
from netopsy.landscape.interaction_basis.free import (
    FreeDirections,
    behaviour,
    behavioural_spectrum,
    distance,
    effective_parameters,
    free_directions,
)
from netopsy.landscape.interaction_basis.learning_coefficient import LearningCoefficient, local_learning_coefficient
from netopsy.landscape.interaction_basis.modules import Modules, interaction_modules
from netopsy.landscape.interaction_basis.ranks import effective_rank

__all__ = [
    "FreeDirections",
    "InteractionBasis",
    "LayerDegeneracy",
    "LearningCoefficient",
    "Modules",
    "Required",
    "behaviour",
    "behavioural_spectrum",
    "distance",
    "edges_required",
    "effective_parameters",
    "effective_rank",
    "free_directions",
    "interaction_basis",
    "interaction_edges",
    "interaction_modules",
    "layer_degeneracy",
    "local_learning_coefficient",
    "neuron_basis",
    "nodes_required",
    "pca_basis",
]
