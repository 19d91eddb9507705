"""What iterative magnitude pruning leaves behind."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from netopsy.core.arguments import checked_class
from netopsy.core.drawing import panel
from netopsy.core.errors import require
from netopsy.core.masks import zero_masked
from netopsy.core.paths import path_from
from netopsy.sparsity.lottery_ticket import stored
from netopsy.training.checkpoint import architecture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

State = dict[str, Tensor]
MaskSet = dict[str, Tensor]

_KIND = "the result of a search for tickets"


@checked_class
@dataclass(frozen=True, eq=False)
class IMPResult:
    """What rounds of pruning found; entry r of each list belongs to round r, entry 0 to the dense network."""

    masks: list[MaskSet]
    """Parameter name to bool mask, as trained with in round r; each round's is contained in the one before."""
    state0: State
    """The state every round starts from, before masking: the initial one, or the one at the rewind step."""
    final: list[State]
    """The state at the end of each round's training."""
    density: list[float]
    """Share of prunable weights kept."""
    metrics: list[Any]
    """What ``evaluate`` said of the trained network of each round; empty without it."""
    fits: list[Any]
    """What the training loop returned in each round."""
    network: nn.Module
    """The network that was pruned, as a shape for `ticket`."""

    def ticket(self, r: int) -> nn.Module:
        """The untrained sparse network of round r: its mask on the values it is reset to, as a module of its own.

        Raises:
            InputError: there was no round r.
        """
        require(-len(self.masks) <= r < len(self.masks), f"round must be 0 to {len(self.masks) - 1}, got {r}")
        fresh = copy.deepcopy(self.network)
        fresh.load_state_dict(self.state0)
        return zero_masked(fresh, self.masks[r])

    def save(self, path: str | Path) -> None:
        """Write everything but the network's code to one safetensors file, with JSON beside the tensors.

        Raises:
            InputError: a metric or what the training loop returned is none of: numbers, texts, tensors, the results of
                `netopsy.training`, and lists, tuples and mappings of those.
        """
        content = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "network"}
        stored.write(path_from(path, "result"), _KIND, {**content, "architecture": architecture(self.network)})

    @classmethod
    def load(cls, path: str | Path, network: nn.Module) -> IMPResult:
        """What `save` wrote, for a network of the architecture that was pruned; its own weights do not matter.

        Raises:
            InputError: a file that is damaged or something else, or a network of another architecture.
        """
        content = stored.read(path_from(path, "result"), _KIND)
        require(
            content.pop("architecture") == architecture(network),
            f"network must have the architecture of the one that was pruned, and {str(path)!r} holds another's result",
        )
        return cls(network=copy.deepcopy(network), **content)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the metric against the share of weights kept.

        Raises:
            InputError: ``evaluate`` was not given, or did not return one number.
        """
        number = bool(self.metrics) and isinstance(self.metrics[0], int | float)
        require(number, "plot needs one number for each round: give evaluate a function that returns one")
        ax = panel(ax)
        ax.plot([100 * share for share in self.density], self.metrics, marker="o")
        ax.set(xscale="log", xlabel="weights kept (%)", ylabel="metric of the trained ticket")
        ax.invert_xaxis()
        return ax
