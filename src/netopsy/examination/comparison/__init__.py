"""Two trained networks side by side, on the same data."""

from netopsy.examination.comparison.compare import compare, comparison_instruments
from netopsy.examination.comparison.differences import Difference
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.comparison.result import Comparison

__all__ = ["Comparison", "Difference", "Pair", "compare", "comparison_instruments"]
