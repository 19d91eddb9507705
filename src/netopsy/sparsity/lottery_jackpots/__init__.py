"""Lottery jackpots (Zhang et al. 2023, arXiv 2104.08700).

A trained network already holds a sparse one that works with the weights as they are: only which of them to keep is
learnt, from the magnitude mask, with few weights changing sides at a time.
"""

from netopsy.sparsity.lottery_jackpots.find import find_jackpot
from netopsy.sparsity.lottery_jackpots.jackpot import Jackpot
from netopsy.sparsity.lottery_jackpots.many import find_jackpots
from netopsy.sparsity.lottery_jackpots.overlap import Overlap, mask_overlap
from netopsy.sparsity.lottery_jackpots.rates import prune_rates, start_masks
from netopsy.sparsity.lottery_jackpots.search import MaskSearch, SwapReport

__all__ = [
    "Jackpot",
    "MaskSearch",
    "Overlap",
    "SwapReport",
    "find_jackpot",
    "find_jackpots",
    "mask_overlap",
    "prune_rates",
    "start_masks",
]
