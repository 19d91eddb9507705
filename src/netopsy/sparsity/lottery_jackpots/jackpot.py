"""What a search for a mask leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import Int
from torch import Tensor, nn

from netopsy.core import stored
from netopsy.core.arguments import checked_class
from netopsy.core.computed import copied
from netopsy.core.drawing import INK, panel, style
from netopsy.core.errors import require
from netopsy.core.fingerprints import fingerprint
from netopsy.core.paths import path_from
from netopsy.data import Dataset, batches_per_epoch
from netopsy.sparsity.lottery_jackpots.search import exported
from netopsy.training import History, Recipe, fit
from netopsy.training.checkpoint import architecture
from netopsy.training.plan import EvaluationSets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KIND = "a mask found in a trained network"


@checked_class
@dataclass(frozen=True, eq=False)
class Jackpot:
    """A sparse network inside a trained one: its mask, and how it was found."""

    masks: dict[str, Tensor]
    """Parameter name to bool mask."""
    scores: dict[str, Tensor]
    """Parameter name to the scores that the mask ended with."""
    layer_rates: dict[str, float]
    """Parameter name to the share of weights removed, the same before and after the search."""
    history: History
    """Loss of every step's batch, and of the evaluation sets."""
    swaps: Int[Tensor, "steps"]
    """Pairs of weights that the scores asked to change sides in each step."""
    allowed: Int[Tensor, "steps"]
    """Pairs that did."""
    statistics: dict[str, Tensor]
    """Buffers of the masked network, its batch norms' statistics among them."""
    network: nn.Module
    """The trained network, as it was given."""

    def export(self) -> nn.Module:
        """The sparse network as an ordinary module: the trained weights times the mask, with statistics of its own."""
        return exported(self.network, self.masks, self.statistics)

    def tune(
        self,
        data: Dataset,
        *,
        epochs: int = 10,
        batch_size: int = 256,
        lr: float | int = 0.01,
        momentum: float | int = 0.9,
        loss: str = "cross_entropy",
        seed: int = 0,
        evaluation: EvaluationSets = None,
    ) -> nn.Module:
        """`export` with its weights trained on under the fixed mask, the second stage "(S)+(T)" of the paper.

        Without weight decay; the learning rate falls along a cosine, which the paper leaves open.

        Raises:
            InputError: a number out of range, or data that the network does not take.
        """
        tuned = self.export()
        require(isinstance(data, Dataset), f"data must be a netopsy Dataset, got {type(data).__name__}")
        require(isinstance(epochs, int) and epochs >= 1, f"epochs must be an int of at least 1, got {epochs!r}")
        recipe = Recipe(
            steps=epochs * batches_per_epoch(len(data), batch_size),
            batch_size=batch_size,
            optimizer="sgd",
            lr=lr,
            momentum=momentum,
            schedule="cosine",
            loss=loss,
        )
        fit(tuned, data, recipe, seed=seed, masks=self.masks, evaluation=evaluation)
        return tuned

    def save(self, path: str | Path) -> None:
        """Write all but the network to one safetensors file."""
        content = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "network"}
        about = {"architecture": architecture(self.network), "weights": _weights(self.network)}
        stored.write(path_from(path, "result"), _KIND, {**content, **about}, records=(History,))

    @classmethod
    def load(cls, path: str | Path, network: nn.Module) -> Jackpot:
        """What `save` wrote, for the trained network that was searched.

        Raises:
            InputError: a file that is damaged or something else, or another network: its weights decide.
        """
        content = stored.read(path_from(path, "result"), _KIND, records=(History,))
        same = content.pop("architecture") == architecture(network), content.pop("weights") == _weights(network)
        require(
            all(same),
            f"network must be the trained network that was searched, and {str(path)!r} holds the mask of one "
            f"with {'other weights' if same[0] else 'another architecture'}",
        )
        return cls(network=copied(network), **content)

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """Loss along the search, and on a second axis the pairs of weights that changed sides in each step."""
        ax = self.history.plot(panel(ax))
        beside = ax.twinx()
        beside.plot(self.allowed.numpy(), color=INK, linewidth=0.8, alpha=0.6, label="swaps")
        beside.set(ylabel="weights swapped", ylim=(0, None))
        beside.grid(visible=False)
        handles, labels = (own + more for own, more in zip(*_legends(ax, beside), strict=True))
        ax.legend(handles, labels)
        return ax


def _legends(*axes: Axes) -> list[tuple[list, list]]:
    return [each.get_legend_handles_labels() for each in axes]


def _weights(network: nn.Module) -> str:
    return fingerprint({name: value.detach() for name, value in network.named_parameters()})
