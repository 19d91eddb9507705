"""Concepts of a layer: directions that its activations are made of, and what each means to the answer.

Fel et al., A Holistic Approach to Unifying Automatic Concept Extraction and Concept Importance Estimation, NeurIPS
2023, arXiv:2306.07304.

The paper's view: tools that explain by concepts do two things. They factor activations A into codes and a bank of
directions, ``A = U V``, which is dictionary learning (k-means, PCA, NMF); and they score the directions, which is
attribution carried out on the codes, with the part of the network behind the layer as the function to explain. So every
attribution method and every test of fidelity carries over, and where that part is affine some scores are optimal.

`ConceptLens` does all of it for a network and a layer; the other names are its parts.

Images may come in batches, such as a ``DataLoader``, and what was found is kept in a file:

    lens = ConceptLens(model, "layer4").fit(loader, class_id=3)
    lens.save("lens.safetensors")
    phi = ConceptLens.load("lens.safetensors", model).importance(loader, 3)

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.interpretability.concept_lens.encode import non_negative_codes
from netopsy.interpretability.concept_lens.extraction import ConceptExtractor
from netopsy.interpretability.concept_lens.factorise import Factors, nmf
from netopsy.interpretability.concept_lens.fidelity import (
    c_deletion,
    c_insertion,
    c_mu_fidelity,
    deletion_curve,
    insertion_curve,
)
from netopsy.interpretability.concept_lens.importance import concept_importance
from netopsy.interpretability.concept_lens.layouts import patches
from netopsy.interpretability.concept_lens.lens import ConceptLens
from netopsy.interpretability.concept_lens.quality import (
    dictionary_stability,
    extraction_report,
    frechet_distance,
    instability,
    out_of_distribution,
    sparsity,
)
from netopsy.interpretability.concept_lens.sobol import sobol_total
from netopsy.interpretability.concept_lens.strategies import StrategyGraph, strategy_graph
from netopsy.interpretability.layer_maps import TokenGrid, token_grid

__all__ = [
    "ConceptExtractor",
    "ConceptLens",
    "Factors",
    "StrategyGraph",
    "TokenGrid",
    "c_deletion",
    "c_insertion",
    "c_mu_fidelity",
    "concept_importance",
    "deletion_curve",
    "dictionary_stability",
    "extraction_report",
    "frechet_distance",
    "insertion_curve",
    "instability",
    "nmf",
    "non_negative_codes",
    "out_of_distribution",
    "patches",
    "sobol_total",
    "sparsity",
    "strategy_graph",
    "token_grid",
]
