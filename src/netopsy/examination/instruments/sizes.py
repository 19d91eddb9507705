"""Which widths and depths suffice: an architecture search to half the operations, against sizes that take no search."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.seeds import derive
from netopsy.data import Dataset, batches_per_epoch
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.instruments.tickets import why_not as cannot_train
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.lab.costs import milliseconds_in_turns
from netopsy.lab.statistics import Estimate, bootstrap_mean
from netopsy.sparsity.transformable_architecture_search import (
    SearchSettings,
    Shape,
    ShapeSpace,
    TASResult,
    distill,
    random_shapes,
    tas_search,
    uniform_shape,
)
from netopsy.sparsity.transformable_architecture_search.layout import Layer
from netopsy.training import Evaluation, Recipe

RATIO = 0.5
"""The budget, as a share of the operations."""
DRAWS = 2
"""Networks of random sizes."""
TOLERANCES = (0.02, 0.05, 0.1)
"""How far their operations may be from those of the searched one: the first that some sizes meet."""
SHARE = 8.0
RATES = (0.1, 0.01, 0.001)
"""Learning rates of the search's weights: the first, the paper's, with which the losses stay finite."""
MOVES, FASTEST = 4.0, 0.02
"""How far the logits may move in a search, whatever its length, and the most in one of its steps."""
TIMED = 32
WHOLE, SEARCHED, UNIFORM = "the whole network", "searched sizes", "one fraction of every width"
"""Names of the networks; those of random sizes are numbered."""


def _space(subject: Subject) -> ShapeSpace | str:
    """The sizes that the network may have, read off once; or why they cannot be."""
    known = subject.notes.get("sizes")
    if not isinstance(known, ShapeSpace | str):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                known = ShapeSpace.from_module(subject.model, subject.data.inputs[:2])
        except InputError as error:
            known = (
                "it takes chains of convolutions and linear layers with plain residual blocks, that end with a linear "
                f"layer: {error}"
            )
        subject.notes["sizes"] = known
    return known


def why_not(subject: Subject) -> str | None:
    """It trains, and takes networks whose sizes can be read off from their forward pass."""
    if (untrained := cannot_train(subject)) is not None:
        return untrained
    assert subject.recipe is not None
    if subject.recipe.loss != "cross_entropy":
        return f"it teaches with cross-entropy, and the recipe's loss is {subject.recipe.loss}"
    space = _space(subject)
    if isinstance(space, str):
        return space
    if len(space.candidates) + len(space.depths) < 2:
        return "it has a single width to choose, which the number of operations decides already"
    if space.flops(space.smallest) > RATIO * space.flops():
        return f"even its smallest sizes need more than {100 * RATIO:.0f} % of its operations"
    return None


@dataclass(frozen=True)
class _Network:
    """The examined network, or one of other sizes that learnt from it."""

    model: nn.Module
    operations: float
    """Multiplications for one sample."""
    asked: Evaluation
    """On the held-out samples."""

    @property
    def parameters(self) -> int:
        """How many it has."""
        return sum(each.numel() for each in self.model.parameters())

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100 * self.asked.accuracy


def examine(subject: Subject) -> Finding:
    """Search, then train networks of the found sizes, of random ones and of one fraction alike."""
    passes(subject)
    subject = subject.in_single_precision
    space = _space(subject)
    assert isinstance(space, ShapeSpace)
    found = _searched(subject, space)
    networks = {WHOLE: _Network(subject.model, space.flops(), subject.evaluated(subject.model, subject.data))}
    for name, shape in _shapes(subject, found).items():
        networks[name] = _trained(subject, space, shape, name)
    hits = {name: _hits(subject.data, each.asked) for name, each in networks.items()}
    controls = [name for name in networks if name not in (WHOLE, SEARCHED)]
    lead = bootstrap_mean(hits[SEARCHED], np.mean([hits[name] for name in controls], axis=0))
    return _finding(subject, found, networks, lead, bootstrap_mean(hits[SEARCHED], hits[WHOLE]))


def _searched(subject: Subject, space: ShapeSpace) -> TASResult:
    assert subject.train is not None
    epochs, batch, steps = _plan(subject)
    settings = SearchSettings(epochs=epochs, batch_size=batch, arch_lr=max(1e-3, min(FASTEST, MOVES / steps)))
    for rate in RATES:
        try:
            return tas_search(
                space,
                subject.train,
                flops_ratio=RATIO,
                settings=replace(settings, lr=rate),
                seed=derive(subject.seed, "sizes"),
            )
        except InputError as error:
            if "no longer finite" not in str(error) or rate == RATES[-1]:
                raise
    raise AssertionError


def _shapes(subject: Subject, found: TASResult) -> dict[str, Shape]:
    """Those of the search and of its controls, which need about as many operations."""
    shapes = {SEARCHED: found.shape, UNIFORM: uniform_shape(found.space, found.flops)}
    for tol in TOLERANCES:
        try:
            drawn = random_shapes(found.space, found.flops, tol=tol, n=DRAWS, seed=derive(subject.seed, "random sizes"))
        except InputError:
            continue
        return shapes | {f"random sizes, {number}": shape for number, shape in enumerate(drawn, start=1)}
    return shapes


def _trained(subject: Subject, space: ShapeSpace, shape: Shape, name: str) -> _Network:
    assert subject.train is not None
    model = space.build(shape, seed=derive(subject.seed, "small", name)).to(subject.device)
    seed = derive(subject.seed, "small order", name)
    distill(model, subject.model, subject.train, recipe=subject.recipe, seed=seed)
    return _Network(model, space.flops(shape), subject.evaluated(model, subject.data))


def _plan(subject: Subject) -> tuple[int, int, int]:
    """Epochs, samples of a step and steps of the search: as much work as one training of the whole network."""
    assert subject.train is not None
    assert subject.recipe is not None
    half = max(1, len(subject.train) // 2)
    batch = min(subject.recipe.batch_size, half)
    each = batches_per_epoch(half, batch)
    epochs = max(2, round(subject.recipe.steps / 2 / each))
    return epochs, batch, epochs * each


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes; a step of the search goes through the network twice, and back.

    A network of half the operations counts as a whole one: where layers are small, it takes nearly as long.
    """
    assert subject.recipe is not None
    recipe = subject.recipe
    _, batch, steps = _plan(subject)
    total = 6.0 * batch * steps + 3.0 * (2 + DRAWS) * recipe.steps * recipe.batch_size
    if subject.affordable(total, 4, share=SHARE, fewest=0) < 1:
        raise NotNow(
            f"a search and {2 + DRAWS} trainings of {recipe.steps:,} steps are the least, and more than an examination "
            f"of depth {subject.depth} spends on a network of this size"
        )
    return total


def _finding(
    subject: Subject, found: TASResult, networks: dict[str, _Network], lead: Estimate, lost: Estimate
) -> Finding:
    assert subject.recipe is not None
    space, whole, small = found.space, networks[WHOLE], networks[SEARCHED]
    share, size = 100 * small.operations / whole.operations, 100 * small.parameters / whole.parameters
    randoms = len(networks) - 3
    controls = "a network of one fraction of every width" + (f" and {randoms} of random sizes" if randoms else "")
    return Finding(
        sentence=(
            f"A network of searched widths{' and depths' if space.depths else ''}, with {share:.0f} % of the "
            f"multiplications and {size:.0f} % of the parameters, reaches {small.accuracy:.1f} % where the whole one "
            f"reaches {whole.accuracy:.1f} %; the search is worth {lead.value:+.1f} points [{lead.low:+.1f}, "
            f"{lead.high:+.1f}] against {controls} at equal cost."
        ),
        glance=f"{share:.0f} % of its multiplications suffice for {small.accuracy:.1f} %",
        advice=_advice(lead, lost),
        reading=_reading(subject.recipe, space, _plan(subject)[2], len(subject.data)),
        pictures=(Picture.of(_draw(found, networks), "Accuracy against multiplications, and the widths"),),
        figures=_figures(found, networks),
        table=_table(subject, networks),
        code=(
            "from netopsy.sparsity.transformable_architecture_search import SearchSettings, ShapeSpace, distill, "
            "tas_search\n\n"
            "space = ShapeSpace.from_module(model, data.inputs[:2])\n"
            "# your training data in place of data, and more epochs of both\n"
            f"settings = SearchSettings(epochs=2, batch_size=50, lr=0.01, arch_lr={FASTEST})\n"
            f"found = tas_search(space, data, flops_ratio={RATIO}, settings=settings)\n"
            "distill(found.build(), model, data, epochs=1, lr=0.01, evaluation=data).history.accuracy"
        ),
    )


def _advice(lead: Estimate, lost: Estimate) -> str:
    sizes = (
        "Take the searched sizes, once several seeds have shown that they are better"
        if lead.low > 0
        else "Take one fraction of every width, which needs no search: the searched sizes are not surely better"
    )
    if lost.low > -1:
        return f"{sizes}; a network of this cost is enough."
    return f"{sizes}; train it longer, or allow it more operations, before it takes the place of the whole one."


def _reading(recipe: Recipe, space: ShapeSpace, steps: int, asked: int) -> str:
    depth = ", and each stage's number of blocks," if space.depths else ""
    return (
        f"A search of {steps:,} steps learnt how wide each layer should be{depth} so that the network needs "
        f"{100 * RATIO:.0f} % of its multiplications. Networks of those sizes and of the controls were then made, "
        f"really smaller, and trained anew with the whole network as their teacher, {recipe.steps:,} steps "
        f"of {recipe.optimizer} at a learning rate of {recipe.lr:g}, {recipe.batch_size} samples each, all alike. Where"
        " a residual block changes the width, it gets a 1x1 convolution on its shortcut, which counts. The bars are "
        f"the share of each layer's width that was chosen. This is one run with one seed: the interval is over the "
        f"{asked:,} held-out samples and says nothing about other seeds. Times, here as elsewhere, depend on the "
        "machine; small layers are no faster where the calls themselves take the time."
    )


def _figures(found: TASResult, networks: dict[str, _Network]) -> dict[str, Number]:
    figures: dict[str, Number] = {}
    for name, each in networks.items():
        figures[f"accuracy, {name}"] = round(each.asked.accuracy, 4)
        figures[f"multiplications for one sample, {name}"] = int(each.operations)
        figures[f"parameters, {name}"] = each.parameters
    figures |= {f"width, {layer.name}": found.widths[layer.name] for layer in _kept(found)}
    return figures | {f"blocks, {stage}": found.depths[stage] for stage in found.space.depths}


def _kept(found: TASResult) -> list[Layer]:
    return [layer for block in found.space.kept(found.shape) for layer in block.layers]


def _table(subject: Subject, networks: dict[str, _Network]) -> tuple[tuple[str, ...], ...]:
    """What each network costs; times stand here alone, for they depend on the clock."""
    inputs = subject.data.inputs[:TIMED]
    calls = {name: lambda each=each: evaluate_outputs(each.model, inputs) for name, each in networks.items()}
    times = milliseconds_in_turns(calls)
    rows = (
        (name, f"{each.accuracy:.1f} %", f"{each.operations:,.0f}", f"{each.parameters:,}", f"{times[name]:.3g} ms")
        for name, each in networks.items()
    )
    return (
        ("", "accuracy", "multiplications for one sample", "parameters", f"time for {len(inputs)} samples"),
        *rows,
    )


def _hits(data: Dataset, found: Evaluation) -> np.ndarray:
    """Points of accuracy of each sample."""
    return 100 * (found.outputs.argmax(1) == data.targets.cpu()).numpy().astype(float)


def _draw(found: TASResult, networks: dict[str, _Network]) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.4, 3.2)
    left, right = axes[0]
    looks = {WHOLE: (INK, "D"), SEARCHED: (PALETTE[0], "o"), UNIFORM: (PALETTE[2], "s")}
    for name, each in networks.items():
        color, marker = looks.get(name, (PALETTE[1], "^"))
        place = 100 * each.operations / networks[WHOLE].operations
        label = name.removesuffix(", 1") if name in looks or name.endswith(", 1") else None
        left.plot(place, each.accuracy, marker, color=color, label=label)
    left.set(xlabel="multiplications (%)", ylabel="accuracy (%)", xlim=(0, 108))
    left.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0.0, -0.2), ncols=2)
    layers = _kept(found)
    places = range(1, len(layers) + 1)
    right.bar(places, [100 * found.widths[each.name] / each.width for each in layers], color=PALETTE[0])
    right.set(xlabel="layer", ylabel="width that was kept (%)", ylim=(0, 103))
    right.xaxis.get_major_locator().set_params(integer=True)
    return drawn


INSTRUMENT = Instrument(
    name="sizes",
    title="Which widths and depths suffice at half the cost",
    term="transformable architecture search",
    chapter="how small it could be",
    examine=examine,
    applies=why_not,
    papers=("transformable-architecture-search",),
    order=25,
    passes=passes,
    worth=105,
)
