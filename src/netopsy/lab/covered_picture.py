"""Whether a map of one picture marks what the answer rests on: its peaks are covered, and as much elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid, style
from netopsy.core.finding import Picture
from netopsy.core.image_drawing import show_image
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Maps
from netopsy.interpretability.maps import constant
from netopsy.interpretability.overlay import overlay
from netopsy.lab.covering import COVERED, covered
from netopsy.lab.one_picture import Asked

DRAWS = 20
PERCENT = f"{100 * COVERED:.0f} %"

Map = Float[Tensor, "rows columns"]


@dataclass(frozen=True, eq=False)
class Covers:
    """The network's confidence in its answer with parts of one picture covered."""

    own: float
    """Where the map is highest."""
    chance: Float[Tensor, "draws"]
    """As many pixels, drawn at random."""
    moved: Float[Tensor, "draws"]
    """As many pixels of the same shape: the map shifted at random, round the edges."""
    flat: bool
    """Whether the map is the same everywhere, so that it marks nothing."""

    @property
    def as_much(self) -> tuple[int, int]:
        """How many draws of each control cost as much confidence as covering what the map marks."""
        return int((self.chance <= self.own).sum()), int((self.moved <= self.own).sum())

    @property
    def points(self) -> bool:
        """Whether the map marks what the answer rests on: of each control at most one draw in 20 costs as much."""
        return not self.flat and max(self.as_much) <= DRAWS // 20

    @property
    def said(self) -> str:
        """What covering did, in a sentence that goes on from the name of a map."""
        if self.flat:
            return "is the same everywhere and marks nothing"
        verdict = "it marks what the answer rests on" if self.points else "it is hardly a better guide than chance"
        chance, moved = self.as_much
        return (
            f"marks {PERCENT} of the pixels whose covering leaves a confidence of {self.own:.2f}; as many at random "
            f"leave {float(self.chance.mean()):.2f} on average ({chance} of {DRAWS} draws cost as much), the same "
            f"shape elsewhere {float(self.moved.mean()):.2f} ({moved} of {DRAWS}): {verdict}"
        )


def spread(values: Float[Tensor, "draws"]) -> str:
    """The mean of draws with the least and the greatest.

    >>> spread(torch.tensor([0.5, 0.75, 1.0]))
    '0.75 (0.50 to 1.00)'
    """
    return f"{float(values.mean()):.2f} ({float(values.min()):.2f} to {float(values.max()):.2f})"


def covers(asked: Asked, maps: Mapping[str, Map], seed: int) -> dict[str, Covers]:
    """What covering does for each map of the picture; the draws at random are the same for all."""
    chance = asked.confidence_in(covered(_repeated(asked, DRAWS), _random_maps(asked, seed)))
    found = {}
    for name, one in maps.items():
        places = torch.stack([one, *_moved(one, seed)])
        confidences = asked.confidence_in(covered(_repeated(asked, len(places)), places))
        found[name] = Covers(float(confidences[0]), chance, confidences[1:], bool(constant(one[None])[0]))
    return found


def covers_table(asked: Asked, found: Mapping[str, Covers]) -> tuple[tuple[str, ...], ...]:
    """Each map with what its covers and their controls leave."""
    head = ("map", f"confidence, its {PERCENT} covered", "at random", "same shape elsewhere", "marks what matters")
    rows = (
        (
            name,
            f"{each.own:.2f}",
            f"{spread(each.chance)}, {each.as_much[0]} of {DRAWS} cost as much",
            f"{spread(each.moved)}, {each.as_much[1]} of {DRAWS}",
            "yes" if each.points else "no",
        )
        for name, each in found.items()
    )
    return (head, *rows)


def covers_pictures(
    asked: Asked, maps: Mapping[str, Map], found: Mapping[str, Covers], seed: int
) -> tuple[Picture, ...]:
    """The maps over the picture with what covering makes of it, and all confidences."""
    names = ", ".join(maps)
    return (
        Picture.of(
            _maps(asked, maps, found, seed),
            f"The picture and over it {names}; below, {PERCENT} of its pixels covered at random and where each map is "
            "highest, with the confidence that is left",
            "Above, the warmer the higher. Below, covered pixels have the mean of their uncovered neighbours.",
        ),
        Picture.of(
            _strip(asked, found),
            f"The confidence in {asked.name} after each cover: the map's own, {DRAWS} at random, {DRAWS} of its shape",
        ),
    )


def _repeated(asked: Asked, count: int) -> Tensor:
    return asked.image.expand(count, -1, -1, -1)


def _random_maps(asked: Asked, seed: int) -> Maps:
    random = generator(derive(seed, "covers at random"))
    return torch.rand((DRAWS, *asked.image.shape[1:]), generator=random)


def _moved(one: Map, seed: int) -> list[Tensor]:
    """The map shifted round the edges, by up to its whole size and never by nothing."""
    random = generator(derive(seed, "covers elsewhere"))
    steps = torch.randint(1, max(2, one.numel()), (DRAWS,), generator=random).tolist()
    return [one.roll((step // one.shape[1], step % one.shape[1]), (0, 1)) for step in steps]


@style()
def _maps(asked: Asked, maps: Mapping[str, Map], found: Mapping[str, Covers], seed: int) -> Figure:
    columns = len(maps) + 1
    drawn, axes = figure_grid(2, columns, 1.55 * columns, 3.7)
    image, title = asked.image[None], {"fontsize": 7, "loc": "center"}
    show_image(axes[0, 0], asked.image, limits=(0.0, 1.0))
    axes[0, 0].set_title(f"{asked.name}: {asked.confidence:.2f}", **title)
    at_random = covered(_repeated(asked, DRAWS), _random_maps(asked, seed))[0]
    show_image(axes[1, 0], at_random, limits=(0.0, 1.0))
    axes[1, 0].set_title(f"at random\n{float(next(iter(found.values())).chance[0]):.2f}", **title)
    for column, (name, one) in enumerate(maps.items(), start=1):
        overlay(image, one[None], axes[0, column])
        axes[0, column].set_title(name.replace(" ", "\n", 1), **title)
        show_image(axes[1, column], covered(image, one[None])[0], limits=(0.0, 1.0))
        axes[1, column].set_title(f"covered\n{found[name].own:.2f}", **title)
    return drawn


@style()
def _strip(asked: Asked, found: Mapping[str, Covers]) -> Figure:
    drawn, ax = figure(5.6, 0.9 + 0.55 * (len(found) + 1))
    chance = next(iter(found.values())).chance
    lines = {"at random": chance} | {f"{name},\nelsewhere": each.moved for name, each in found.items()}
    for height, values in enumerate(lines.values()):
        ax.scatter(values.numpy(), [height] * len(values), s=14, color=PALETTE[5], alpha=0.7, zorder=2)
    for height, each in enumerate(found.values(), start=1):
        ax.scatter([each.own], [height], s=42, color=PALETTE[1], marker="D", zorder=3)
    ax.axvline(asked.confidence, color=INK, linestyle=":", linewidth=1)
    ax.scatter([], [], s=42, color=PALETTE[1], marker="D", label="where the map is highest")
    ax.scatter([], [], s=14, color=PALETTE[5], label="control")
    ax.set_yticks(range(len(lines)), lines, fontsize=7)
    ax.set(xlim=(-0.03, 1.03), ylim=(len(lines) - 0.5, -0.5), xlabel=f"confidence in {asked.name} (dotted: uncovered)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
    return drawn
