"""Units forced on: what value says "this is a house", what doing so causes, and where it can be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import interpolate

from netopsy.core.arguments import checked
from netopsy.core.drawing import label, panel, style
from netopsy.core.errors import require
from netopsy.core.layers import Layer
from netopsy.core.seeds import generator as random_generator
from netopsy.core.shapes import Activations
from netopsy.interpretability.gan_dissection.intervention import unit_strengths
from netopsy.interpretability.gan_dissection.stage import Segmenter, Stage, check_class, presence, stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@checked
def conditional_mean(
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter,
    z: Tensor,
    cls: int,
    *,
    multi_label: bool = False,
    batch_size: int = 64,
) -> Float[Tensor, "units"]:
    """What each unit is on average where the class is: the value to which units are forced to insert the class.

    The mean over all cells of the layer's grid in all images, weighted by the share of the class in the cell.

    Raises:
        InputError: as `dissect`, and a class that is never present in the sample.

    Source: Bau et al. 2019, appendix S-6.4 (place unconfirmed).

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    >>> _ = net[0].bias.data.fill_(1.0)
    >>> conditional_mean(net, "1", lambda made: made, torch.zeros(4, 1, 3, 3), 0, multi_label=True).tolist()
    [1.0, 1.0]
    """
    play = stage(generator, layer, segmenter, z, multi_label=multi_label, batch_size=batch_size)
    with play.lights():
        return mean_where_present(play, z, cls)


def mean_where_present(play: Stage, z: Tensor, cls: int) -> Float[Tensor, "units"]:
    """`conditional_mean` for a stage whose lights are on."""
    total, weight = None, torch.zeros((), device=play.device)
    for some in play.batches(z):
        features = play.features(some)
        masks = play.masks(play.images(some, features))
        check_class(cls, masks)
        there = presence(masks, cls, (features.shape[2], features.shape[3])).to(features)
        here = torch.einsum("nuij,nij->u", features, there)
        total, weight = here if total is None else total + here, weight + there.sum()
    assert total is not None
    require(weight > 0, f"class {cls} is never present in the sample of {len(z)} images")
    return total / weight


@dataclass(frozen=True, eq=False)
class CausalEffect:
    """The share of each class at the edited positions with units forced on, and with the same units switched off."""

    inserted: Float[Tensor, "classes"]
    ablated: Float[Tensor, "classes"]

    @property
    def effect(self) -> Float[Tensor, "classes"]:
        """The average causal effect of the units on each class, from -1 to 1."""
        return self.inserted - self.ablated

    @style()
    def plot(self, ax: Axes | None = None, *, class_names: Sequence[str] = (), most: int = 10) -> Axes:
        """The classes that the units change most, each with its share without and with them.

        Args:
            class_names: one for each class; numbers by default.
            most: classes to draw at most.

        Raises:
            InputError: not as many names as classes.
        """
        count = len(self.inserted)
        require(len(class_names) in (0, count), f"class_names must be {count}, one a class, got {len(class_names)}")
        ax = panel(ax)
        order = self.effect.abs().argsort(descending=True, stable=True)[:most].flip(0).tolist()
        without, forced = (100 * self.ablated[order]).cpu().numpy(), (100 * self.inserted[order]).cpu().numpy()
        ax.barh([row - 0.2 for row in range(len(order))], without, height=0.4, label="switched off")
        ax.barh([row + 0.2 for row in range(len(order))], forced, height=0.4, label="forced on")
        names = [label(class_names[one], number=one) if class_names else f"class {one}" for one in order]
        ax.set_yticks(range(len(order)), names)
        ax.set_xlabel("share of the edited pixels (%)")
        ax.legend()
        return ax


@checked
def average_causal_effect(
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter,
    z: Tensor,
    units: Sequence[int] | Tensor,
    cls: int,
    *,
    alpha: Float[Tensor, "chosen"] | None = None,
    value: Float[Tensor, "all_units"] | None = None,
    everywhere: bool = False,
    multi_label: bool = False,
    seed: int = 0,
    batch_size: int = 64,
) -> CausalEffect:
    """How much more of a class there is with a set of units forced on than with the same units switched off.

    In each image one cell of the layer's grid, drawn at random, is edited both ways, and the class is looked for in the
    pixels of that cell.

    Args:
        units: their numbers.
        cls: the class whose `conditional_mean` the units are forced to.
        alpha: how far each of ``units`` is moved; all the way, if not given.
        value: what units are forced to, one for each unit of the layer, instead of the conditional mean.
        everywhere: edit all cells at once, and look for the class in the whole image.
        seed: of the cells drawn.

    Raises:
        InputError: as `unit_removal`.

    Source: Bau et al. 2019, section 3.2, equations 5 and 6.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    >>> _ = net[0].bias.data.fill_(1.0)
    >>> found = average_causal_effect(net, "1", lambda made: made, torch.rand(9, 1, 3, 3), [0], 0, multi_label=True)
    >>> found.effect.tolist()
    [1.0, 0.0]
    """
    play = stage(generator, layer, segmenter, z, multi_label=multi_label, batch_size=batch_size)
    drawn = random_generator(seed)
    inserted: list[Tensor] = []
    ablated: list[Tensor] = []
    with play.lights():
        forced = forced_to(play, z, cls, value)
        strength = unit_strengths(units, alpha, len(forced)).to(forced)
        for some in play.batches(z):
            features = play.features(some)
            rows, columns = features.shape[2:]
            cells = torch.randint(rows * columns, (len(some),), generator=drawn).to(play.device)
            position = torch.ones_like(features[:, :1]) if everywhere else at_cells(cells, (rows, columns)).to(features)
            for level, kept in ((forced, inserted), (torch.zeros_like(forced), ablated)):
                masks = play.masks(play.images(some, written(features, position, strength, level)))
                kept.append(_share_at(masks, position))
    return CausalEffect(torch.cat(inserted).mean(0).cpu(), torch.cat(ablated).mean(0).cpu())


@checked
def insertion_map(
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter,
    z: Tensor,
    units: Sequence[int] | Tensor,
    cls: int,
    *,
    alpha: Float[Tensor, "chosen"] | None = None,
    value: Float[Tensor, "all_units"] | None = None,
    multi_label: bool = False,
    batch_size: int = 256,
) -> Float[Tensor, "rows columns"]:
    """Where a class can be inserted: its pixels gained when ``units`` are forced on in one cell, for every cell.

    The gain is counted in the whole image, on average over the images in which the class is not in that cell before;
    NaN for a cell in which it always is.

    Args:
        units, cls, alpha, value: as in `average_causal_effect`.
        batch_size: how many images are made at a time.

    Raises:
        InputError: as `unit_removal`.

    Source: Bau et al. 2019, section 4.4.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    >>> net[0].weight.data[:], net[0].bias.data[:] = 1.0, 0.0
    >>> z = torch.zeros(3, 1, 2, 2)
    >>> z[0, 0, 0, 0] = 1
    >>> insertion_map(net, "1", lambda made: made, z, [0], 0, multi_label=True).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    play = stage(generator, layer, segmenter, z, multi_label=multi_label, batch_size=batch_size)
    with play.lights():
        forced = forced_to(play, z, cls, value)
        strength = unit_strengths(units, alpha, len(forced)).to(forced)
        rows, columns = play.features(z[:1].to(play.device)).shape[2:]
        cells = rows * columns
        everywhere = at_cells(torch.arange(cells, device=play.device), (rows, columns))
        gain, count = torch.zeros(2, cells, dtype=torch.double, device=play.device)
        for some in z.split(max(1, batch_size // cells)):
            here = some.to(play.device)
            features = play.features(here)
            before = play.masks(play.images(here, features))
            absent = (presence(before, cls, (rows, columns)) == 0).flatten(1)
            tried: Activations = written(features[:, None], everywhere[None].to(features), strength, forced).flatten(
                0, 1
            )
            masks = play.edited_masks(here.repeat_interleave(cells, 0), tried)[:, cls]
            gained = masks.sum((1, 2)).reshape(len(here), cells) - before[:, cls].sum((1, 2))[:, None]
            gain += torch.where(absent, gained, 0).sum(0)
            count += absent.sum(0)
    return (gain / count).reshape(rows, columns).float().cpu()


def forced_to(play: Stage, z: Tensor, cls: int, value: Tensor | None) -> Float[Tensor, "units"]:
    """The value given, once it is known to fit, or the conditional mean."""
    mean = mean_where_present(play, z, cls)
    if value is None:
        return mean
    require(
        isinstance(value, Tensor) and value.shape == mean.shape and bool(value.isfinite().all()),
        f"value must be [{len(mean)}], one finite number for each unit of the layer",
    )
    return value.to(mean)


def at_cells(cells: Int[Tensor, "n"], grid: tuple[int, int]) -> Float[Tensor, "n 1 rows columns"]:
    """1 in one cell of a grid and 0 elsewhere, the cells numbered row by row.

    >>> at_cells(torch.tensor([3]), (2, 2)).flatten().tolist()
    [0.0, 0.0, 0.0, 1.0]
    """
    positions = torch.arange(grid[0] * grid[1], device=cells.device) == cells[:, None]
    return positions.float().reshape(len(cells), 1, *grid)


def written(
    features: Tensor, position: Tensor, strength: Float[Tensor, "units"], value: Float[Tensor, "units"]
) -> Tensor:
    """Features moved towards ``value`` by ``strength`` at ``position``, and left as they are elsewhere."""
    own = position * strength[:, None, None]
    return (1 - own) * features + own * value[:, None, None]


def _share_at(masks: Tensor, position: Tensor) -> Float[Tensor, "n classes"]:
    """The share of each class in the pixels of the positions."""
    there = interpolate(position.float(), size=masks.shape[2:], mode="nearest")
    return (masks * there).sum((2, 3)) / there.sum((2, 3)).clamp(min=1)
