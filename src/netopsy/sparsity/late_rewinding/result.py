"""What a sweep over rewinding steps leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from netopsy.core.arguments import checked_class
from netopsy.core.drawing import panel
from netopsy.core.errors import lookup
from netopsy.sparsity.lottery_ticket import IMPResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TICKET, RANDOM, REINIT = "ticket", "random", "reinit"

LABELS = {
    "metric": "metric of the trained network",
    "to_pruning": "distance to the dense network",
    "to_data_order": "distance between two data orders",
    "cosine_pruning": "cosine with the dense network's way",
    "cosine_data_order": "cosine of the ways of two data orders",
}
"""The columns of numbers that can be drawn, and what their axis says."""


@checked_class
@dataclass(frozen=True, eq=False)
class RewindSweep:
    """Tickets found by rewinding to several steps: how stable they are, and how good when trained.

    >>> table = pd.DataFrame({"step": [0, 5], "round": 1, "variant": "ticket", "to_data_order": [2.0, 1.0]})
    >>> RewindSweep(table, {0: (), 5: ()}).plot().get_ylabel()
    'distance between two data orders'
    """

    table: pd.DataFrame
    """A row for each ``network`` (its place in the list), ``step`` rewound to, ``round`` (0: nothing pruned yet) and
    ``variant``: ``ticket``, ``random`` (the ticket's mask shuffled within each layer, on the same weights) and, at step
    0 where it was asked for, ``reinit`` (the ticket's mask on weights drawn anew). Columns: ``density``, ``survivors``
    (weights kept), ``metric`` (what ``evaluate`` said of the trained network), ``to_pruning`` and ``to_data_order``
    (the two distances), ``cosine_pruning`` and ``cosine_data_order`` (of the ways that the same two went from their
    common start). What was not measured is NaN, and so is a cosine where nothing moved."""
    results: Mapping[int, Sequence[IMPResult]]
    """Step rewound to, to the search for tickets of each network; ``results[step][0].ticket(-1)`` is the last ticket,
    ready to be trained on from that step."""

    def plot(self, ax: Axes | None = None, *, value: str = "to_data_order") -> Axes:
        """Draw a column of the last round against the rewinding step: the mean over networks of each variant.

        Raises:
            InputError: ``value`` is no column that can be drawn.
        """
        label = lookup("value", value, LABELS)
        ax = panel(ax)
        last = self.table[self.table["round"] == self.table["round"].max()]
        for variant, own in last.groupby("variant", sort=False):
            mean = own.groupby("step")[value].mean()
            ax.plot(mean.index, mean, marker="o", label=str(variant))
        ax.set_xscale("symlog", linthresh=max(1, min((step for step in self.results if step), default=1)))
        ax.set_xticks(sorted(self.results), [f"{step}" for step in sorted(self.results)])
        ax.minorticks_off()
        ax.set(xlabel="rewound to step", ylabel=label)
        ax.legend()
        return ax
