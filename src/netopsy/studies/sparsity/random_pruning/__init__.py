"""Is a network pruned at random before training as good as its parent? Liu et al. 2022 re-tested.

Residual networks of several widths, dense and under masks drawn at random by several layer-wise ratios, all from the
same first weights and on the same batches; accuracy is that after the last step.
"""

from netopsy.lab import Study
from netopsy.studies.sparsity.random_pruning.draw import draw
from netopsy.studies.sparsity.random_pruning.judge import judge
from netopsy.studies.sparsity.random_pruning.measure import beyond, networks, plan
from netopsy.studies.sparsity.random_pruning.plan import PRESETS

STUDY = Study("random-pruning", PRESETS, plan, (networks, beyond), judge, draw)
"""``netopsy reproduce random-pruning``."""
