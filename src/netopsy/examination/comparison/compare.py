"""Two networks side by side: what the one does that the other does not."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from contextlib import ExitStack

from torch import nn

from netopsy import __version__
from netopsy.core.contained import contained
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.modes import evaluating
from netopsy.core.seeds import check_seed
from netopsy.examination.chapters import COMPARED_CHAPTERS
from netopsy.examination.comparison.differences import differences
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.comparison.result import Comparison, changes_of
from netopsy.examination.instrument import Instrument, instruments_in
from netopsy.examination.intake import as_dataset
from netopsy.examination.planning import BUDGET
from netopsy.examination.subject import DEPTHS, Depth, Subject
from netopsy.examination.turning import turned


def compare(
    model_a: nn.Module,
    model_b: nn.Module,
    data: object,
    *,
    data_b: object = None,
    names: tuple[str, str] = ("", ""),
    labels_a: Sequence[str] = (),
    labels_b: Sequence[str] = (),
    instruments: Sequence[str] = (),
    depth: Depth = "normal",
    budget: float = BUDGET,
    seed: int = 0,
) -> Comparison:
    """Compare two trained classifiers on the same held-out data: a new training run with the old, a small one with its
    parent, two seeds, two architectures.

    The models are left as they were. What needs one architecture is left out for two, and the report says so.

    Args:
        model_a, model_b: any modules that turn a batch into class scores ``[batch, classes]``; A is what B is held
            against.
        data: held-out samples in any form that `netopsy.examine` takes.
        data_b: the same samples as B takes them, where its preprocessing differs from A's.
        names: what to call the networks.
        labels_a, labels_b: names of the networks' outputs, where they differ or the data need them.
        instruments: names of the instruments to use; all by default.
        depth, budget, seed: as in `netopsy.examine`.

    Raises:
        InputError: a model or data that cannot be used, or answers that cannot be compared.

    >>> from netopsy.models import mlp
    >>> found = compare(mlp([64, 8, 10], seed=0), mlp([64, 10], seed=1), "digits", instruments=["answers"])
    >>> list(found.findings), found.beyond("agreement > 99")
    (['answers'], [])
    """
    require(
        isinstance(budget, int | float) and budget > 0, f"budget must be a positive number of seconds, got {budget!r}"
    )
    if depth not in DEPTHS:
        raise UnknownNameError("depth", depth, DEPTHS)
    check_seed(seed)
    chosen = comparison_instruments(instruments)
    held_out = as_dataset(data, "data")
    other = held_out if data_b is None else as_dataset(data_b, "data_b")
    a, b = (
        Subject(model, samples, name=name, outputs=tuple(outputs), depth=depth, seed=seed)
        for model, samples, name, outputs in (
            (model_a, held_out, names[0], labels_a),
            (model_b, other, names[1], labels_b),
        )
    )
    start = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(contained("a network"))
        for subject in (a, b):
            stack.enter_context(evaluating(subject.model))
        pair = Pair(a, b)
        for subject in (a, b):
            stack.enter_context(subject.grid_views())
        senseless = pair.why_senseless()
        readings, absences = turned(chosen, pair, budget, None if instruments else senseless)
        changes, found = changes_of(pair), differences(pair)
    seconds = time.perf_counter() - start
    return Comparison(
        name="B beside A" if a.name == b.name else f"{b.name} beside {a.name}",
        readings=readings,
        absences=absences,
        facts={
            "A": a.name,
            "B": b.name,
            "data": f"{held_out.name or 'given data'}, {len(held_out):,} held-out samples",
            "device": str(a.device) if a.device == b.device else f"{a.device} and {b.device}",
            "compared": f"{datetime.date.today().isoformat()}, in {seconds:.0f} s",
            "made by": f"netopsy {__version__}",
        },
        seconds=seconds,
        warning="" if senseless is None else f"{senseless}.",
        differences=found,
        changes=changes,
    )


def comparison_instruments(names: Sequence[str] = ()) -> tuple[Instrument[Pair], ...]:
    """All instruments for two networks or those called ``names``, in the order of the report.

    Raises:
        UnknownNameError: there is no instrument of that name.

    >>> [instrument.name for instrument in comparison_instruments(["confidence", "answers"])]
    ['answers', 'confidence']
    """
    from netopsy.examination.comparison import instruments as package

    return instruments_in(package, COMPARED_CHAPTERS, names)
