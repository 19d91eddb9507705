"""Outliers with opposing signals (Rosenfeld and Risteski 2024, arXiv 2311.04163).

A few examples share one strong feature and carry different labels: two groups whose gradients are large and opposed.
Training balances them until the network grows too sensitive, and the loss spikes.
"""

from netopsy.landscape.opposing_signals.controls import class_matched_controls
from netopsy.landscape.opposing_signals.groups import Groups, opposing_groups, separate_pairs
from netopsy.landscape.opposing_signals.linear_model import Flow, TwoLayerLinear, TwoLayerOpposing
from netopsy.landscape.opposing_signals.probes import feature_norms, probe_outputs
from netopsy.landscape.opposing_signals.report import GroupReport, Swings, group_report, swings
from netopsy.landscape.opposing_signals.split_sgd import SplitSGD
from netopsy.landscape.opposing_signals.trajectory import Trajectory, record_losses

__all__ = [
    "Flow",
    "GroupReport",
    "Groups",
    "SplitSGD",
    "Swings",
    "Trajectory",
    "TwoLayerLinear",
    "TwoLayerOpposing",
    "class_matched_controls",
    "feature_norms",
    "group_report",
    "opposing_groups",
    "probe_outputs",
    "record_losses",
    "separate_pairs",
    "swings",
]
