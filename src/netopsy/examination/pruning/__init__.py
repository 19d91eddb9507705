"""All ways of pruning compared on a network of the caller's, as a study that the lab runs."""

from netopsy.examination.pruning.source import Source
from netopsy.examination.pruning.study import Config, comparison, summary

__all__ = ["Config", "Source", "comparison", "summary"]
