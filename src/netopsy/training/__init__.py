"""Training: one loop (`fit`), its vectorised twin over replicas (`fit_many`), two networks against each other
(`fit_adversarial`), evaluation and checkpoints."""

from netopsy.training.adversarial import Adversarial, fit_adversarial
from netopsy.training.evaluation import Evaluation, evaluate
from netopsy.training.history import Fit, History
from netopsy.training.loop import fit
from netopsy.training.recipe import Recipe
from netopsy.training.replicas import fit_many
from netopsy.training.trainer import trainer

__all__ = [
    "Adversarial",
    "Evaluation",
    "Fit",
    "History",
    "Recipe",
    "evaluate",
    "fit",
    "fit_adversarial",
    "fit_many",
    "trainer",
]
