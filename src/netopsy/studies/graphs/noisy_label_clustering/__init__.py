"""Do noisy labels help to find the cluster around a node, and is it local? Back de Luca et al. 2024 re-tested."""

from netopsy.lab import Study
from netopsy.studies.graphs.noisy_label_clustering.draw import draw
from netopsy.studies.graphs.noisy_label_clustering.judge import judge
from netopsy.studies.graphs.noisy_label_clustering.measure import accuracy, eps, plan, real, size
from netopsy.studies.graphs.noisy_label_clustering.plan import PRESETS

STUDY = Study("noisy-label-clustering", PRESETS, plan, (accuracy, eps, real, size), judge, draw)
"""``netopsy reproduce noisy-label-clustering``."""
