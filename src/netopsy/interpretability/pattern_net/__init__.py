"""Visual patterns: combinations of a few filters that fire together, often in one class and rarely in the others.

Li, Ellis, Zhang and Chang, PatternNet: Visual Pattern Mining with Deep Neural Network, ICMR 2018, arXiv:1703.06339.

A filter of the last convolution finds one kind of small patch; a few filters that fire close to one another make a
pattern. One forward pass an image replaces cutting patches and running a network on each.

Images may come in batches, such as a ``DataLoader``, and what was found is kept in a file:

    miner = PatternMiner(model).fit(loader)
    miner.save("patterns.safetensors")
    boxes = PatternMiner.load("patterns.safetensors", model).propose(images)

Only the paper's abstract was at hand: that last-layer filters find patches, that patterns are combinations of filters,
and that one pass is an order of magnitude faster are its own. All equations and constants here are a reconstruction
from the practice of pattern mining, and unconfirmed.
"""

from netopsy.interpretability.pattern_net.firing import Peaks, filter_peaks
from netopsy.interpretability.pattern_net.miner import PatternMiner
from netopsy.interpretability.pattern_net.mining import Itemset, frequent_itemsets, mine_itemsets
from netopsy.interpretability.pattern_net.network import PatternLayers, train_pattern_layers
from netopsy.interpretability.pattern_net.patterns import VisualPattern
from netopsy.interpretability.pattern_net.regions import effective_regions, theoretical_regions

__all__ = [
    "Itemset",
    "PatternLayers",
    "PatternMiner",
    "Peaks",
    "VisualPattern",
    "effective_regions",
    "filter_peaks",
    "frequent_itemsets",
    "mine_itemsets",
    "theoretical_regions",
    "train_pattern_layers",
]
