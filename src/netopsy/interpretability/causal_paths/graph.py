"""The causes of a class, layer by layer."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.drawing import INK, label, panel
from netopsy.core.seeds import generator
from netopsy.interpretability.causal_paths import keeping

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes

Rule = Literal["z test", "relative effect", "lowest quantile", "none", "input"]
"""How a layer's causes were chosen: by the test; by the first or the second fallback when no node passes it; not at
all, because no node lowers the score; or as all channels of the input, which are not tested."""

INPUT = "input"
_MOST_DRAWN = 12


@dataclass(frozen=True, eq=False)
class LayerCauses:
    """The causes among the input nodes of one layer."""

    name: str
    """The layer whose edges lead from the causes to the effects."""
    causes: Int[Tensor, "causes"]
    """Input nodes, by number."""
    effects: Int[Tensor, "effects"]
    """Output channels or units: the causes found in the layer above, or the class."""
    nodes: int
    """How many input nodes the layer has."""
    tested: Int[Tensor, "tested"]
    """Which of them were intervened on."""
    effect_mean: Float[Tensor, "tested"]
    """Mean change of the class score, of each node tested."""
    relative_mean: Float[Tensor, "tested"]
    """Mean of the score after over the score before, less 1."""
    kl_mean: Float[Tensor, "tested"]
    """Mean KL(after || before) of the class probabilities, in nats."""
    z: Float[Tensor, "tested"]
    """Two-sample z of the score after against the score before; NaN where neither varies."""
    rule: Rule


@dataclass(frozen=True, eq=False)
class CausalGraph:
    """The causal nodes for a class and the edges between them, from `discover_causal_graph`."""

    target: int
    layers: tuple[LayerCauses, ...]
    """From the class down to the input."""
    images: int
    """Correctly classified images of the class that were intervened on."""
    score_mean: float
    """Their mean class score."""
    score_sd: float

    def __getitem__(self, name: str) -> LayerCauses:
        """The causes among the inputs of the layer called ``name``."""
        from netopsy.core.errors import UnknownNameError

        for layer in self.layers:
            if layer.name == name:
                return layer
        raise UnknownNameError("layer of the graph", name, [layer.name for layer in self.layers])

    def shuffled(self, seed: int | torch.Generator = 0) -> CausalGraph:
        """The control: in each tested layer as many causes, drawn at random, and the same class at the top."""
        random = generator(seed)
        layers: list[LayerCauses] = []
        for layer in self.layers:
            effects = layers[-1].causes if layers else layer.effects
            causes = layer.causes
            if layer.rule != "input":
                causes = torch.randperm(layer.nodes, generator=random)[: len(causes)].sort().values.to(causes.device)
            layers.append(dataclasses.replace(layer, causes=causes, effects=effects))
        return dataclasses.replace(self, layers=tuple(layers))

    def nodes(self) -> set[tuple[str, int]]:
        """The tested causes, each as its layer's name and its number."""
        return {(layer.name, int(node)) for layer in self.layers if layer.rule != "input" for node in layer.causes}

    def save(self, path: str | Path) -> None:
        """Write the graph to one safetensors file, with JSON beside the tensors."""
        keeping.save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> CausalGraph:
        """What `save` wrote, with its tensors on the CPU.

        Raises:
            InputError: a file that is not there, is damaged or holds something else.

        >>> import tempfile
        >>> graph = CausalGraph(3, (), images=10, score_mean=0.5, score_sd=0.1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     graph.save(f"{folder}/graph.safetensors")
        ...     CausalGraph.load(f"{folder}/graph.safetensors").target
        3
        """
        return keeping.load(path, cls, LayerCauses)

    def to_networkx(self) -> nx.DiGraph:
        """The graph, edges from cause to effect.

        A node is ``(name, number)``, the number of an output of the layer called ``name``; those of the input are
        ``("input", channel)``. Tested nodes have ``effect``, the mean change of the score when their edges are set.
        """
        import networkx as nx

        graph = nx.DiGraph(target=self.target)
        below = [*(layer.name for layer in self.layers[1:]), INPUT]
        for layer, source in zip(self.layers, below, strict=True):
            effect = dict(zip(layer.tested.tolist(), layer.effect_mean.tolist(), strict=True))
            for node in layer.causes.tolist():
                graph.add_node((source, node), **({"effect": effect[node]} if node in effect else {}))
            graph.add_nodes_from((layer.name, node) for node in layer.effects.tolist())
            graph.add_edges_from(
                ((source, cause), (layer.name, effect))
                for cause in layer.causes.tolist()
                for effect in layer.effects.tolist()
            )
        return graph

    def plot(self, ax: Axes | None = None, *, class_name: str = "", most: int = _MOST_DRAWN) -> Axes:
        """The graph from the input, left, to the class, right; up to ``most`` of each layer's strongest causes.

        A node is the darker the more the score falls when its edges are set. Lines run between the nodes drawn.
        """
        from matplotlib.collections import LineCollection

        columns = self._columns(most)
        height = 0.36 * max(len(numbers) for _, numbers, _, _ in columns) + 1.1
        ax = panel(ax, 1.25 * len(columns) + 0.7, max(2.4, height))
        positions = [_spread(len(numbers)) for _, numbers, _, _ in columns]
        for number in range(len(columns) - 1):
            lines = [[(number, low), (number + 1, high)] for low in positions[number] for high in positions[number + 1]]
            ax.add_collection(
                LineCollection(lines, colors=INK, linewidths=0.5, alpha=min(0.6, 12 / len(lines)), zorder=1)
            )
        for number, (title, names, shades, total) in enumerate(columns):
            y = positions[number]
            ax.scatter(
                [number] * len(y), y, c=shades, cmap="Blues", vmin=-0.4, vmax=1.0, s=190, edgecolors=INK, zorder=2
            )
            for name, at, shade in zip(names, y, shades, strict=True):
                color = "white" if shade > 0.45 else "#222222"
                ax.text(number, at, name, ha="center", va="center", fontsize=6.5, zorder=3, color=color)
            last = number == len(columns) - 1
            text = label(class_name or title) if last else f"{label(title)}\n{total}"
            ax.text(number, 0.62, text, ha="center", va="bottom", fontsize=8, color=INK)
        ax.set(xlim=(-0.6, len(columns) - 0.4), ylim=(-0.58, 0.85))
        ax.set_axis_off()
        return ax

    def _columns(self, most: int) -> list[tuple[str, list[str], list[float], str]]:
        """For every depth, input first: a title, the nodes' names, how dark they are, and how many of how many."""
        columns: list[tuple[str, list[str], list[float], str]] = []
        below = [*(layer.name for layer in self.layers[1:]), INPUT]
        for layer, source in zip(reversed(self.layers), reversed(below), strict=True):
            if not len(layer.causes):
                continue
            fall = {int(node): -float(effect) for node, effect in zip(layer.tested, layer.effect_mean, strict=True)}
            order = sorted(layer.causes.tolist(), key=lambda node, fall=fall: -fall.get(node, 0.0))[:most]  # type: ignore[misc]
            top = max((fall.get(node, 0.0) for node in order), default=0.0) or 1.0
            shades = [max(0.0, fall.get(node, 0.0)) / top for node in order]
            shown = "" if len(order) == len(layer.causes) else f", {len(order)} shown"
            columns.append(
                (source, [str(node) for node in order], shades, f"{len(layer.causes)} of {layer.nodes}{shown}")
            )
        columns.append((f"class {self.target}", [str(self.target)], [1.0], ""))
        return columns


def _spread(count: int) -> list[float]:
    return [0.0] if count == 1 else np.linspace(0.5, -0.5, count).tolist()
