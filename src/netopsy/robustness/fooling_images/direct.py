"""Raw pixels as genes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked_class
from netopsy.core.errors import require
from netopsy.core.shapes import Images
from netopsy.robustness.fooling_images.colours import Colour, check_colour, in_colour
from netopsy.robustness.fooling_images.variation import crossed, mutated

Genes = Float[Tensor, "n channels height width"]


@checked_class
@dataclass(frozen=True)
class DirectEncoding:
    """Images written as their pixels, genes from 0 to 1 that start uniform.

    A pair of parents is crossed with probability ``cross_rate`` (simulated binary crossover, each gene's two children
    swapped by a coin), otherwise cloned; then each gene mutates with probability ``mutation_rate`` (polynomial).

    Raises:
        InputError: a shape that is no image's, rates outside 0 to 1, an unknown colour.

    Source: Nguyen et al. 2015, section 2.3; the paper halves the mutation rate every 1000 generations, its published
    code keeps it.

    >>> encoding = DirectEncoding((1, 8, 8))
    >>> encoding.render(encoding.random(3, torch.Generator().manual_seed(0))).shape
    torch.Size([3, 1, 8, 8])
    """

    shape: tuple[int, int, int]
    """Channels, height, width."""
    mutation_rate: float | int = 0.1
    eta_m: float | int = 15.0
    """How close to its parent a mutated gene stays."""
    cross_rate: float | int = 0.5
    eta_c: float | int = 10.0
    """How close to their parents crossed genes stay."""
    halve_every: int | None = None
    """Generations after which the mutation rate is halved."""
    colour: Colour = "hls"
    """What three channels are: hue, lightness and saturation, or the image's own (``plain``)."""

    def __post_init__(self) -> None:
        check_shape(self.shape)
        for name in ("mutation_rate", "cross_rate"):
            require(0 <= getattr(self, name) <= 1, f"{name} must lie within 0 and 1, got {getattr(self, name)}")
        for name in ("eta_m", "eta_c"):
            require(getattr(self, name) >= 0, f"{name} must not be negative, got {getattr(self, name)}")
        check_whole(self.halve_every, "halve_every")
        check_colour(self.colour)

    def random(self, count: int, random: torch.Generator) -> Genes:
        """Uniform genes."""
        return torch.rand(count, *self.shape, generator=random)

    def children(self, parents: Genes, random: torch.Generator, generation: int = 0) -> Genes:
        """A child of each: pairs crossed or cloned, then mutated; a parent without a partner is cloned."""
        children = parents.clone()
        pairs = (torch.rand(len(parents) // 2, generator=random) < self.cross_rate).nonzero()[:, 0]
        if len(pairs):
            one, other = parents[2 * pairs], parents[2 * pairs + 1]
            draws, coin = torch.rand(2, *one.shape, generator=random)
            low, high = crossed(one, other, draws, self.eta_c)
            children[2 * pairs] = torch.where(coin < 0.5, low, high)
            children[2 * pairs + 1] = torch.where(coin < 0.5, high, low)
        rate = self.mutation_rate * 0.5 ** (generation // self.halve_every if self.halve_every else 0)
        return mutated(children, rate, self.eta_m, random)

    def render(self, genomes: Genes, *, device: torch.device | str = "cpu") -> Images:
        """The pixels, from 0 to 1."""
        return in_colour(genomes.to(device), self.colour)


def check_shape(shape: object) -> None:
    """Raise `InputError` unless ``shape`` is channels, height and width."""
    sizes = tuple(shape) if isinstance(shape, tuple | list | torch.Size) else ()
    require(
        len(sizes) == 3 and all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes),
        f"shape must be (channels, height, width), positive ints, got {shape!r}",
    )


def check_whole(number: object, name: str) -> None:
    """Raise `InputError` unless ``number`` is an int from 1 up, or ``None``."""
    fine = number is None or (isinstance(number, int) and not isinstance(number, bool) and number >= 1)
    require(fine, f"{name} must be 1 or more, an int, or None, got {number!r}")
