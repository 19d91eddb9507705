"""Random pruning before training (Liu et al. 2022, arXiv 2202.02643).

Delete weights at random, once, and train what is left: the baseline that scores of weights should be asked to beat.
What decides is how the budget is shared among the layers. Training keeps a mask by `netopsy.core.masks.apply_masks`, or
by the ``masks`` of `netopsy.training.fit`.
"""

from netopsy.core.calibration import expected_calibration_error
from netopsy.sparsity.criteria import keep_largest, scores
from netopsy.sparsity.n_m import n_m_masks, semi_structured
from netopsy.sparsity.random_pruning.compiled import compile_sparse
from netopsy.sparsity.random_pruning.fgsm import fgsm
from netopsy.sparsity.random_pruning.ood import ood_auroc
from netopsy.sparsity.random_pruning.pruned import RandomlyPruned, randomly_prune
from netopsy.sparsity.random_pruning.score_ratios import grasp_densities, snip_densities
from netopsy.sparsity.ratios import layer_densities, random_masks

__all__ = [
    "RandomlyPruned",
    "compile_sparse",
    "expected_calibration_error",
    "fgsm",
    "grasp_densities",
    "keep_largest",
    "layer_densities",
    "n_m_masks",
    "ood_auroc",
    "random_masks",
    "randomly_prune",
    "scores",
    "semi_structured",
    "snip_densities",
]
