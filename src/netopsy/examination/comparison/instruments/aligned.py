"""What lies between two networks once their hidden units stand in one order."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from netopsy.core.computed import copied
from netopsy.core.drawing import PALETTE, figure_grid
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Number, Picture
from netopsy.examination.comparison.instruments import line
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.comparison.walk import POINTS, Walk, walk
from netopsy.examination.instrument import Instrument
from netopsy.lab.statistics import Estimate, paired_difference
from netopsy.landscape.linear_mode_connectivity import PermutationSpec, align, permutation_spec

SMALL = line.SMALL


def applies(pair: Pair) -> str | None:
    """Two networks between which there is a line, and whose units can be put in another order."""
    reason = line.applies(pair)
    if reason is not None:
        return reason
    found = _spec(pair)
    return found if isinstance(found, str) else None


def _spec(pair: Pair) -> PermutationSpec | str:
    """Which units may change places; otherwise why none can."""
    known = pair.notes.get("aligned")
    if not isinstance(known, PermutationSpec | str):
        try:
            known = permutation_spec(pair.written[0], pair.a.data.inputs[:2])
            if not known.groups:
                known = "it has no hidden units of which is known that they may change places"
        except InputError as error:
            known = f"its hidden units cannot be put in another order: {error}"
        pair.notes["aligned"] = known
    return known


def examine(pair: Pair) -> Finding:
    """The line as it is, and that to B with its units in the order of A."""
    samples = pair.a.data[pair.a.sample(line.count(pair))]
    a, b = pair.written
    moved = copied(b)
    moved.load_state_dict(align(a, b, samples.inputs[:2]))
    walks = {"as they are": walk(a, b, samples), "units in one order": walk(a, moved, samples)}
    before, after = walks.values()
    gained = paired_difference(before.rises[before.top], after.rises[after.top])
    figures: dict[str, Number] = {
        "barrier of the error as they are (points)": round(100 * before.barrier.value, 2),
        "barrier of the error in one order (points)": round(100 * after.barrier.value, 2),
        "less by (points)": round(100 * gained.value, 2),
        "less by, low": round(100 * gained.low, 2),
        "less by, high": round(100 * gained.high, 2),
        "error half way in one order (%)": round(100 * float(after.errors[POINTS // 2]), 2),
        "units that changed places (%)": round(100 * _changed(pair, a, moved, b), 1),
        "samples": len(samples),
    }
    words, glance = _words(before, after, gained)
    half_way = [100 * float(each.errors[POINTS // 2]) for each in (before, after)]
    return Finding(
        sentence=(
            f"With the units of B in the order of A, the error rises by at most {100 * after.barrier.value:.1f} points "
            f"above the chord, and by {100 * before.barrier.value:.1f} as they are (less by {100 * gained.value:.1f}, "
            f"95 % interval {100 * gained.low:+.1f} to {100 * gained.high:+.1f}): {words}."
        ),
        glance=glance,
        advice=(
            ("Put units in one order before weights are averaged" if gained.low > 0 else "Nothing speaks here for it")
            + f": half way, {half_way[1]:.1f} % of the answers are wrong with units in one order, and "
            f"{half_way[0]:.1f} % as they are."
        ),
        reading=(
            "A network computes the same whatever the order of its hidden units, so two that have learned the same may "
            "still lie far apart. Here the units of B were given the order in which its weights are most like those of "
            "A (weight matching), and the straight line was walked again; the interval is over samples, of the "
            "difference between the two curves at their highest places. What is left is no matter of order, or of an "
            "order that the matching does not find."
        ),
        pictures=(Picture.of(_draw(walks), "Loss and error from A to B, with units as they are and in one order"),),
        figures=figures,
        code=(
            "from netopsy.landscape.linear_mode_connectivity import align, loss_barrier\n\n"
            "before, after = model_b.state_dict(), align(model_a, model_b, data.inputs[:2])\n"
            "for state in (before, after):\n"
            "    print(loss_barrier(model_a, model_a.state_dict(), state, data).height)"
        ),
    )


def _changed(pair: Pair, a: object, moved: object, b: object) -> float:
    """The share of units that stand elsewhere now."""
    spec = _spec(pair)
    assert isinstance(spec, PermutationSpec)
    states = [each.state_dict() for each in (moved, b)]  # type: ignore[attr-defined]
    total = changed = 0
    for name, places in spec.groups.items():
        first = places[0]
        rows = [state[first.parameter].movedim(first.dimension, 0)[first.index[:, 0]] for state in states]
        same = (rows[0] == rows[1]).flatten(1).all(1)
        total += spec.widths[name]
        changed += int((~same).sum())
    return changed / max(1, total)


def _words(before: Walk, after: Walk, gained: Estimate) -> tuple[str, str]:
    if gained.high < 0:
        return "the order that was found makes it worse", "putting units in one order makes it worse"
    if before.barrier.value < SMALL and after.barrier.value < SMALL:
        return "there was no ridge to begin with", "no ridge in either order"
    if gained.low <= 0:
        return (
            "no difference of the two orders can be told from chance",
            "no clear gain from putting units in one order",
        )
    if after.barrier.value < SMALL:
        return "nothing but the order of their units parted them", "only the order of units parted them"
    share = 100 * (1 - after.barrier.value / before.barrier.value)
    return (
        f"{share:.0f} % of the ridge was the order of their units",
        f"{share:.0f} % of the ridge is the order of units",
    )


def _draw(walks: dict[str, Walk]) -> Figure:
    drawn, axes = figure_grid(1, 2, 5.4, 2.5)
    for number, (name, each) in enumerate(walks.items()):
        for ax, values in zip(axes[0], (each.losses, 100 * each.errors), strict=True):
            ax.plot(each.places, values, "o-", color=PALETTE[number], markersize=3.5, label=name)
    for ax, words in zip(axes[0], ("loss", "wrong answers (%)"), strict=True):
        ax.set(ylabel=words, xlabel="share of the way")
        ax.set_xticks([0, 0.5, 1], ["A", "half", "B"])
        ax.set_ylim(bottom=0, top=1.25 * max(ax.get_ylim()[1], np.finfo(float).tiny))
    axes[0][0].legend(loc="upper left", fontsize="small")
    return drawn


INSTRUMENT = Instrument(
    name="aligned",
    title="What lies between them once their units are in one order",
    term="permutation alignment",
    chapter="what lies between them",
    examine=examine,
    applies=applies,
    papers=("linear-mode-connectivity",),
    order=20,
    passes=lambda pair: 2.0 * POINTS * line.count(pair),
    worth=20,
)
