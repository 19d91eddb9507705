"""How many hidden units can be removed at one go before the network answers worse, and what that saves for real."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import INK, figure
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.operations import layers_of
from netopsy.core.progress import track
from netopsy.core.seeds import derive
from netopsy.core.units import compact, unit_norms
from netopsy.data import Dataset
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.lab.costs import milliseconds_in_turns
from netopsy.lab.plots import lines
from netopsy.sparsity.criteria import keep_largest
from netopsy.sparsity.random_search_sparse import NodeSpace, node_space, random_search

KEPT = (1.0, 0.97, 0.95, 0.92, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.3)
COARSELY = (1.0, 0.9, 0.7)
"""Shares for a network so large that all of `KEPT` cost too much."""
CANDIDATES, DRAWS = 10, 3
"""Of the random search at each share, and how many of them stand for random units."""
MOST, FEWEST = 500, 40
SHARE = 2.0
LOSS = 0.01
"""What counts as no worse: within one point of accuracy."""
TIMED = 32
NORM, SEARCHED, RANDOM = "smallest norm first", f"best of {CANDIDATES} random sets", "at random"

Curves = dict[str, dict[float, list[float]]]


@dataclass(frozen=True, eq=False)
class _Found:
    """The accuracies by share kept, and the networks whose units of smallest norm are gone."""

    curves: Curves
    networks: dict[float, nn.Module]


def _space(subject: Subject) -> NodeSpace | str:
    """The units of the network, followed once; or why there are none."""
    known = subject.notes.get("width")
    if not isinstance(known, NodeSpace | str):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                known = node_space(subject.model, subject.data.inputs[:2])
        except InputError as error:
            known = str(error)
        subject.notes["width"] = known
    return known


def why_not(subject: Subject) -> str | None:
    """A network that cannot be followed, or whose units are all tied to its inputs and outputs, has none to remove."""
    space = _space(subject)
    return space if isinstance(space, str) else None


def _plan(subject: Subject) -> tuple[tuple[float, ...], int]:
    """Shares of units kept, and samples: fewer of both for a large network."""
    count = subject.affordable(_passes_a_sample(KEPT), MOST, share=SHARE)
    if count >= min(FEWEST, len(subject.data)):
        return KEPT, count
    return COARSELY, subject.affordable(_passes_a_sample(COARSELY), MOST, share=SHARE, fewest=FEWEST)


def _passes_a_sample(kept: tuple[float, ...]) -> float:
    """One network by norm, the random ones, and those of the search, of which each costs about two."""
    return 1.0 + (len(kept) - 1) * (2 + DRAWS + 2 * CANDIDATES)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    kept, count = _plan(subject)
    return 0.8 * min(count, len(subject.data)) * _passes_a_sample(kept)  # narrowed networks are quicker


def _samples(subject: Subject, count: int) -> tuple[Dataset, Dataset]:
    """Samples to search on, and others to ask what was found: of the training data where there are any."""
    if subject.train is None:
        searched, asked = subject.halves(subject.sample(2 * count))
        return subject.data[searched], subject.data[asked]
    order = torch.randperm(len(subject.train), generator=torch.Generator().manual_seed(subject.seed))
    return subject.train[order[:count]], subject.data[subject.sample(count)]


def examine(subject: Subject) -> Finding:
    """Accuracy against the share of hidden units kept in every layer, and what the narrowest that is no worse costs."""
    space = _space(subject)
    assert isinstance(space, NodeSpace)
    shares, count = _plan(subject)
    found, asked = _measure(subject, space, shares, count)
    dense = found.curves[NORM][1.0][0]
    kept = {how: _narrowest(curve, dense) for how, curve in found.curves.items()}
    narrow = found.networks[kept[NORM]]
    figures, table = _costs(subject, narrow)
    return Finding(
        sentence=_sentence(space, kept, figures),
        glance=(
            f"{100 * (1 - kept[NORM]):.0f} % of its hidden units can go at once"
            if kept[NORM] < 1
            else "hardly any of its hidden units can go at once"
        ),
        advice=(
            "A narrower network is an ordinary one that needs less memory and work on every machine, and less time "
            "where its layers were large; trained again, after the removal or from the start, it can be narrower still."
        ),
        reading=_reading(space, subject, len(asked)),
        pictures=(
            Picture.of(_draw(found.curves, dense), "Accuracy against the share of hidden units kept, three ways"),
        ),
        figures={
            "hidden units": sum(space.widths.values()),
            "samples": len(asked),
            "accuracy": round(dense, 4),
            **{f"kept, {how}": round(share, 4) for how, share in kept.items()},
            **figures,
        },
        table=table,
        code=(
            "from netopsy.sparsity.criteria import keep_largest\n"
            "from netopsy.core.units import compact, unit_groups, unit_norms\n"
            "from netopsy.training import evaluate\n\n"
            "units = unit_groups(model, data.inputs[:2])\n"
            "half = {name: max(0.5, 1 / width) for name, width in units.widths.items()}\n"
            "masks = keep_largest(unit_norms(model, units), half)\n"
            "evaluate(compact(model, units, masks), data).accuracy"
        ),
    )


def _measure(subject: Subject, space: NodeSpace, shares: tuple[float, ...], count: int) -> tuple[_Found, Dataset]:
    searched, asked = _samples(subject, count)
    model, dense = subject.model, subject.evaluated(subject.model, asked).accuracy
    curves: Curves = {how: {1.0: [dense]} for how in (NORM, SEARCHED, RANDOM)}
    networks, norms = {1.0: model}, unit_norms(model, space.units)
    for share in track(shares[1:], "narrowing"):
        densities = {name: k / space.widths[name] for name, k in space.kept(1 - share).items()}
        networks[share] = compact(model, space.units, keep_largest(norms, densities))
        search = random_search(
            model,
            searched,
            1 - share,
            space=space,
            n_candidates=CANDIDATES,
            score="error",
            examples=None,
            batch_size=subject.batch_size,
            seed=derive(subject.seed, "width", str(share)),
        )
        chosen: list[tuple[str, dict[str, Tensor]]] = [(SEARCHED, search.best)]
        chosen += [(RANDOM, search.candidate(draw)) for draw in range(DRAWS)]
        curves[NORM][share] = [subject.evaluated(networks[share], asked).accuracy]
        for how, masks in chosen:
            curves[how].setdefault(share, []).append(
                subject.evaluated(compact(model, space.units, masks), asked).accuracy
            )
    return _Found(curves, networks), asked


def _narrowest(curve: dict[float, list[float]], dense: float) -> float:
    """The least share kept with the mean accuracy, there and at every larger share, within `LOSS` of the whole."""
    least = 1.0
    for kept in sorted(curve, reverse=True):
        if float(np.mean(curve[kept])) < dense - LOSS:
            break
        least = kept
    return least


def _costs(subject: Subject, narrow: nn.Module) -> tuple[dict[str, Number], tuple[tuple[str, ...], ...]]:
    """What the whole and the narrow network cost; times stand in the table alone, for they depend on the clock."""
    inputs = subject.data.inputs[:TIMED]
    both = {"whole": subject.model, "narrow": narrow}
    parameters = {name: sum(weight.numel() for weight in each.parameters()) for name, each in both.items()}
    sample = inputs[:1].to(subject.device)
    products = {name: sum(x.flops for x in layers_of(each, sample)) // 2 for name, each in both.items()}
    calls = {name: lambda each=each: evaluate_outputs(each, inputs) for name, each in both.items()}
    times = milliseconds_in_turns(calls, rounds=3)
    figures: dict[str, Number] = {}
    for what, counts in (("parameters", parameters), ("multiplications for one sample", products)):
        figures |= {f"{what}, {name}": value for name, value in counts.items()}
    rows = (
        ("parameters", *(f"{parameters[name]:,}" for name in both)),
        ("multiplications for one sample", *(f"{products[name]:,}" for name in both)),
        (f"time for {len(inputs)} samples", *(f"{times[name]:.3g} ms" for name in both)),
    )
    return figures, (("", *both), *rows)


def _sentence(space: NodeSpace, kept: dict[str, float], figures: dict[str, Number]) -> str:
    units, point = sum(space.widths.values()), f"{100 * LOSS:.0f} point of accuracy"
    others = f"of random sets {100 * kept[RANDOM]:.0f} %, of the best of {CANDIDATES} {100 * kept[SEARCHED]:.0f} %"
    if kept[NORM] == 1:
        return (
            f"It needs all of its {units:,} hidden units: without those of smallest norm it loses more than {point} at "
            f"once; {others} are needed."
        )
    size, work = (
        f"{100 * float(figures[f'{what}, narrow']) / max(1.0, float(figures[f'{what}, whole'])):.0f} %"
        for what in ("parameters", "multiplications for one sample")
    )
    return (
        f"Within {point} the {100 * kept[NORM]:.0f} % of its {units:,} hidden units that have the largest norm are "
        f"enough ({others}): a network of its own with {size} of the parameters and {work} of the multiplications."
    )


def _reading(space: NodeSpace, subject: Subject, asked: int) -> str:
    left = [name for name, why in space.units.left_out.items() if "outputs of the network" not in why]
    staying = ""
    if left:
        named = ", ".join(left[:3]) + ", ..." * (len(left) > 3)
        staying = f" The units of {named} stay, because what reads them takes them together or cannot be followed."
    source = "training samples" if subject.train is not None else "other samples"
    return (
        "Whole neurons and channels are removed, the same share of every layer, together with all weights that lead to "
        "them and from them; nothing is trained again. Read from left to right: fewer units are kept and the accuracy "
        f"falls. It is that on {asked:,} samples. The norm of a unit is that of the weights that make it times that of "
        f"those that read it. Random sets of units are the control: their band is over {DRAWS} draws, and the best of "
        f"{CANDIDATES}, chosen on {source}, is what a search without any idea finds. The costs are those of the narrow "
        "network as it was built; times, here as elsewhere, depend on the machine." + staying
    )


def _draw(curves: Curves, dense: float) -> Figure:
    drawn, axes = figure(6.0, 3.4)
    rows = [
        {"kept": 100 * kept, "how": how, "draw": draw, "accuracy": 100 * accuracy}
        for how, curve in curves.items()
        for kept, values in curve.items()
        for draw, accuracy in enumerate(values * DRAWS if kept == 1 and how == RANDOM else values)
    ]
    lines(axes, pd.DataFrame(rows), x="kept", by="how", over="draw", values="accuracy")
    axes.axhline(100 * dense, linestyle="--", linewidth=1, color=INK)
    axes.set(xlabel="hidden units kept in every layer (%)", ylabel="accuracy (%)", ylim=(0, 103))
    axes.invert_xaxis()
    axes.legend(title="units removed:", title_fontsize=8)
    return drawn


INSTRUMENT = Instrument(
    name="width",
    title="How narrow it could be",
    term="structured pruning",
    chapter="how small it could be",
    examine=examine,
    applies=why_not,
    papers=("random-search-sparse",),
    order=15,
    passes=passes,
    worth=60,
)
