"""Images written as compositional pattern-producing networks (CPPNs): graphs from a pixel's place to its value."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

import torch
from torch import Tensor

from netopsy.core.arguments import checked_class
from netopsy.core.errors import require
from netopsy.core.shapes import Images
from netopsy.robustness.fooling_images.colours import Colour, check_colour, in_colour
from netopsy.robustness.fooling_images.cppn_graph import CPPN, FUNCTIONS, INPUTS, RATES, Rates, changed_graph
from netopsy.robustness.fooling_images.cppn_rendering import outputs_of
from netopsy.robustness.fooling_images.direct import check_shape, check_whole
from netopsy.robustness.fooling_images.variation import mutated

Coordinates = Literal["index", "unit"]


@checked_class
@dataclass(frozen=True)
class CPPNEncoding:
    """Images written as graphs whose inputs are a pixel's column, its row, its distance to the centre and 1.

    A pixel is the absolute value of the output, at most 1. Images start as inputs connected to every output, with
    random weights and functions; children are mutated clones, there is no recombination. Mutation, in this order: every
    weight takes a polynomial step with probability ``weight_rate``; every node's function is drawn anew with
    ``function_rate``; then the graph changes, at its `Rates`.

    Raises:
        InputError: a shape that is no image's, rates outside 0 to 1, an unknown colour or kind of coordinates.

    Source: Nguyen et al. 2015, section 2.3, and the published code, whose coordinates are the pixels' indices.

    >>> encoding = CPPNEncoding((1, 28, 28))
    >>> encoding.render(encoding.random(3, torch.Generator().manual_seed(0))).shape
    torch.Size([3, 1, 28, 28])
    """

    shape: tuple[int, int, int]
    """Channels, height, width."""
    weight_rate: float | int = 0.1
    eta: float | int = 15.0
    """How close to its parent a mutated weight stays."""
    function_rate: float | int = 0.1
    rates: Rates = RATES
    coordinates: Coordinates = "index"
    """Columns and rows as their number from 0 up, or from -1 to 1 (``unit``), which is the same at any size."""
    colour: Colour = "hls"
    """What three outputs are: hue, lightness and saturation, or the image's own channels (``plain``)."""
    levels: int | None = None
    """Steps to which pixels are rounded down, 255 in the published code; ``None`` leaves them."""

    def __post_init__(self) -> None:
        check_shape(self.shape)
        rates = {"weight_rate": self.weight_rate, "function_rate": self.function_rate, **vars(self.rates)}
        for name, rate in rates.items():
            fine = isinstance(rate, float | int) and 0 <= rate <= 1
            require(fine, f"{name} must lie within 0 and 1, got {rate!r}")
        require(self.eta >= 0, f"eta must not be negative, got {self.eta}")
        known = get_args(Coordinates)
        require(self.coordinates in known, f"coordinates must be one of {known}, got {self.coordinates!r}")
        check_colour(self.colour)
        check_whole(self.levels, "levels")

    def random(self, count: int, random: torch.Generator) -> list[CPPN]:
        """Graphs without hidden nodes."""
        outputs = self.shape[0]
        places = [(source, INPUTS + output) for output in range(outputs) for source in range(INPUTS)]
        sources, targets = (tuple(each) for each in zip(*places, strict=True))
        functions = torch.randint(len(FUNCTIONS), (count, outputs), generator=random).tolist()
        weights = torch.rand(count, len(places), generator=random, dtype=torch.float64).tolist()
        return [
            CPPN(outputs, tuple(own), sources, targets, tuple(each))
            for own, each in zip(functions, weights, strict=True)
        ]

    def children(self, parents: list[CPPN], random: torch.Generator, generation: int = 0) -> list[CPPN]:
        """A mutated clone of each."""
        if not parents:
            return []
        weights = mutated(_joined([each.weights for each in parents]), self.weight_rate, self.eta, random)
        functions = _joined([each.functions for each in parents]).long()
        redrawn = torch.rand(len(functions), generator=random) < self.function_rate
        functions[redrawn] = torch.randint(len(FUNCTIONS), (int(redrawn.sum()),), generator=random)
        weights_left, functions_left = tuple(weights.tolist()), tuple(functions.tolist())
        draws = torch.rand(len(parents), Rates.DRAWS, generator=random, dtype=torch.float64).tolist()
        children, edge, node = [], 0, 0
        for parent, own in zip(parents, draws, strict=True):
            edges, nodes = edge + len(parent.weights), node + len(parent.functions)
            child = parent._replace(weights=weights_left[edge:edges], functions=functions_left[node:nodes])
            children.append(changed_graph(child, self.rates, own))
            edge, node = edges, nodes
        return children

    def render(self, genomes: list[CPPN], *, device: torch.device | str = "cpu") -> Images:
        """The images, from 0 to 1."""
        images = outputs_of(genomes, self._places(device)).abs_().reshape(len(genomes), *self.shape)
        if self.levels is not None:
            images = (images * self.levels).floor_() / self.levels
        return in_colour(images, self.colour)

    def _places(self, device: torch.device | str) -> Tensor:
        """The inputs of every pixel, ``[inputs, pixels]``."""
        _, height, width = self.shape
        rows, columns = torch.arange(height, device=device).float(), torch.arange(width, device=device).float()
        y, x = (2 * each / max(1, len(each) - 1) - 1 if len(each) > 1 else 0 * each for each in (rows, columns))
        distance = (x[None] ** 2 + y[:, None] ** 2).sqrt()
        across, down = (columns, rows) if self.coordinates == "index" else (x, y)
        grids = torch.broadcast_tensors(across[None], down[:, None], distance, torch.ones_like(distance))
        return torch.stack(grids).flatten(1)


def _joined(rows: list[tuple[float, ...]] | list[tuple[int, ...]]) -> Tensor:
    return torch.tensor(list(chain.from_iterable(rows)), dtype=torch.float64)
