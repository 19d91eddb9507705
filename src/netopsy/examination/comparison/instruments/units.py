"""Whether the two have learned the same units, whatever their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import PALETTE, figure_grid, label
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.moments import unit_rows
from netopsy.core.progress import track
from netopsy.core.seeds import derive, generator
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.subject import Subject
from netopsy.examination.weighted_layers import sample_axes, samples_first, weighted_layers
from netopsy.representations.convergent_learning import Matching, match_units, statistics_of

LAYERS, MOST, FEWEST = 4, 300, 40
ALIKE = 0.8
PLACES = 64
"""Places of a grid that are looked at in an image, so that they fit in memory."""


@dataclass(frozen=True)
class _Layer:
    name: str
    matching: Matching
    """Of the units of A that are not dead."""
    numbers: Tensor
    """Which units of A these are, and of B the partners may be."""
    others: Tensor
    chance: float
    """Mean correlation with the partner where B looks at other images."""

    @property
    def alike(self) -> int:
        """Units whose partner does the same."""
        return int((self.matching.value[self.matching.index >= 0] > ALIKE).sum())

    @property
    def in_place(self) -> int:
        """Units whose partner has the same number."""
        held = self.matching.index >= 0
        return int((self.others[self.matching.index[held]] == self.numbers[held]).sum())


def _names(pair: Pair) -> list[str]:
    """Layers of one name whose grids are of one size, spread over the depth, without the output."""
    known = pair.notes.get("units")
    if not isinstance(known, list):
        both = [weighted_layers(subject, 10**6) for subject in (pair.a, pair.b)]
        shared = [name for name in both[0][:-1] if name in both[1][:-1]]
        rows = [
            {name: len(unit_rows(values)) for name, values in _seen(subject, shared, torch.arange(1)).items()}
            for subject in (pair.a, pair.b)
        ]
        known = [name for name in shared if name in rows[0] and rows[0][name] == rows[1].get(name)]
        pair.notes["units"] = known
    places = sorted(set(torch.linspace(0, len(known) - 1, min(LAYERS, len(known))).round().int().tolist()))
    return [known[place] for place in places]


def _seen(subject: Subject, names: list[str], indices: Tensor) -> dict[str, Tensor]:
    if not names:
        return {}
    return samples_first(subject.model, subject.data.inputs[indices].to(subject.device), sample_axes(subject, names))


def applies(pair: Pair) -> str | None:
    """Layers that can be laid side by side."""
    if not _names(pair):
        return "no layer of one name and one size of grid is in both, so that units have no images and places in common"
    return None


def _count(pair: Pair) -> int:
    return pair.affordable(1, MOST, fewest=FEWEST)


def examine(pair: Pair) -> Finding:
    """One-to-one matching of units by their correlation, beside that of units that look at different images."""
    indices = pair.a.sample(_count(pair))
    found = [layer for name in track(_names(pair), "matching units") if (layer := _matched(pair, name, indices))]
    if not found:
        raise NotNow("in every layer fewer than two units ever change")
    figures: dict[str, Number] = {"samples": len(indices)}
    for layer in found:
        values = layer.matching.value[layer.matching.index >= 0]
        figures |= {
            f"mean correlation with the partner, {layer.name}": round(float(values.mean()), 4),
            f"on other images, {layer.name}": round(layer.chance, 4),
            f"units alike, {layer.name}": layer.alike,
            f"units, {layer.name}": len(layer.numbers),
            f"units at the same place, {layer.name}": layer.in_place,
        }
    return Finding(
        sentence=_sentence(found),
        glance=f"{_alike(found):.0f} % of its units are in the other, too",
        advice=(
            "Their units stand at the same places: the two share their start, and their weights can be averaged."
            if all(layer.in_place > len(layer.numbers) / 2 for layer in found)
            else "Units with a partner are what the data teach whoever starts; those without are this network's own."
        ),
        reading=(
            "Every unit of A is given a partner in B so that the correlations of their activations on the same images "
            "and places add up to the most; no unit is given twice, and with fewer units in B some of A get none. The "
            "curves are these correlations, the best first; the dashed line is their mean where B looks at other "
            "images of the data, which is what chance gives. A low curve does not say that the two represent different "
            "things: they may do so in another basis, which the similarity of whole layers tells. Channels are units, "
            "before the activation function."
        ),
        pictures=(Picture.of(_draw(found), "Correlation of each unit of A with its partner in B, layer by layer"),),
        figures=figures,
        table=(
            ("layer", "units", f"above {ALIKE:g}", "mean", "on other images", "at the same place"),
            *(
                (
                    layer.name,
                    str(len(layer.numbers)),
                    str(figures[f"units alike, {layer.name}"]),
                    f"{float(figures[f'mean correlation with the partner, {layer.name}']):.2f}",
                    f"{layer.chance:.2f}",
                    str(layer.in_place),
                )
                for layer in found
            ),
        ),
        code=(
            "from netopsy.representations.convergent_learning import match_units, unit_statistics\n\n"
            f"stats = unit_statistics([model_a, model_b], {found[-1].name!r}, data.inputs[:{len(indices)}])\n"
            "print(match_units(stats.correlation(0, 1)).mean)"
        ),
    )


def _matched(pair: Pair, name: str, indices: Tensor) -> _Layer | None:
    series = [_rows(pair, letter, name, indices) for letter in "AB"]
    mixed = torch.randperm(len(indices), generator=generator(derive(pair.a.seed, "units")))
    stds = [each.double().std(0) for each in series]
    alive = [(std > 1e-6 * std.max().clamp(min=1e-6)).nonzero()[:, 0] for std in stds]
    if min(map(len, alive)) < 2:
        return None
    first, second = (each[:, which] for each, which in zip(series, alive, strict=True))
    each = second.unflatten(0, (len(indices), -1))
    shuffled = statistics_of([first, each[mixed].flatten(0, 1)]).correlation(0, 1)
    found = match_units(statistics_of([first, second]).correlation(0, 1))
    return _Layer(name, found, alive[0], alive[1], match_units(shuffled).mean)


def _rows(pair: Pair, letter: str, name: str, indices: Tensor) -> Tensor:
    """Activations as one row an image and place, at most `PLACES` places of an image, spread over the grid."""
    subject = pair.subjects[letter].in_single_precision
    parts = []
    for some in indices.split(subject.batch_size):
        rows = unit_rows(_seen(subject, [name], some)[name].float())
        each = rows.unflatten(0, (len(some), -1))
        places = torch.linspace(0, each.shape[1] - 1, min(PLACES, each.shape[1])).round().long()
        parts.append(each[:, places.to(each.device)].flatten(0, 1).cpu())
    return torch.cat(parts)


def _alike(found: list[_Layer]) -> float:
    """Of all units of A in these layers that are not dead, those too that get no partner: the share with a good one."""
    return 100 * sum(layer.alike for layer in found) / sum(len(layer.numbers) for layer in found)


def _sentence(found: list[_Layer]) -> str:
    last = found[-1]
    values = last.matching.value[last.matching.index >= 0]
    return (
        f"{_alike(found):.0f} % of the units of A that were looked at have a partner in B at a correlation above "
        f"{ALIKE:g}; in {last.name}, the last of these layers, partners correlate at {float(values.mean()):.2f} on "
        f"average, and at {last.chance:.2f} where the two look at different images."
    )


def _draw(found: list[_Layer]) -> Figure:
    drawn, axes = figure_grid(1, len(found), 2.0 * max(len(found), 2), 2.3)
    for ax, layer in zip(axes[0], found, strict=True):
        values = layer.matching.value[layer.matching.index >= 0].sort(descending=True).values.numpy()
        ax.plot(np.arange(1, len(values) + 1), values, "o-", color=PALETTE[0], markersize=3)
        ax.axhline(layer.chance, color=PALETTE[5], linestyle="--", linewidth=1)
        ax.set(title=label(layer.name, 22), xlabel="units", ylim=(min(-0.05, float(values.min()) - 0.05), 1.04))
    axes[0][0].set_ylabel("correlation with partner")
    return drawn


INSTRUMENT = Instrument(
    name="units",
    title="Whether they have learned the same units",
    term="unit matching",
    chapter="what they represent",
    examine=examine,
    applies=applies,
    papers=("convergent-learning",),
    order=20,
    passes=lambda pair: (1.0 + LAYERS) * _count(pair),
    worth=12,
)
