"""How many directions of each layer's weights matter: the ranks of what goes in and of what the answers depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.capture import layer_activations
from netopsy.core.drawing import PALETTE, figure, label
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.progress import track
from netopsy.core.seeds import derive
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.subject import Subject
from netopsy.examination.weighted_layers import weighted_layers
from netopsy.landscape.interaction_basis import LayerDegeneracy, layer_degeneracy
from netopsy.sparsity.lottery_ticket import reinitialise

LAYERS, MOST, FEWEST, BATCH = 8, 1600, 24, 64
ROWS = 2
"""Samples and places to each direction that there could be, at least."""
WIDEST = 800
"""Inputs, and outputs, of a layer that is looked at."""
TOLERANCE = 0.01
"""Of the strongest direction; what is weaker does not count."""
PROBES = 12
"""Sums of outputs that are differentiated where there are more outputs than that."""
SHARE = 2.0
NARROW = 0.5
"""Two thinner layers are worth a word if they have at most such a share of the weights."""
SPARE = 0.6
"""And a rank is, of the width, up to such a share."""


@dataclass(frozen=True)
class _Layer:
    """A layer, and the same before any training."""

    name: str
    trained: LayerDegeneracy
    untrained: LayerDegeneracy
    rows: int
    """Samples and places that its inputs were seen at."""

    @property
    def size(self) -> int:
        return self.trained.shape[0] * self.trained.shape[1]

    @property
    def narrowed(self) -> int:
        """The rank of a product of two thinner matrices that could stand for the weights."""
        return min(self.trained.rank_activations, self.trained.rank_gradients)

    @property
    def seen_enough(self) -> bool:
        """Whether a rank below the width is one of the network, and not of the samples."""
        return self.rows >= ROWS * self.trained.shape[1]

    @property
    def width_to_spare(self) -> bool:
        return self.trained.rank_activations <= SPARE * self.trained.shape[1]

    @property
    def saves(self) -> bool:
        return self.narrowed * sum(self.trained.shape) < NARROW * self.size


def _shape(model: nn.Module, name: str) -> tuple[int, int]:
    """Outputs and inputs of a layer's weights."""
    weight = model.get_submodule(name).weight  # computed where it is parametrised or pruned
    assert isinstance(weight, Tensor)
    return len(weight), weight[0].numel()


def _names(subject: Subject) -> list[str]:
    found = []
    for name in weighted_layers(subject, 2 * LAYERS):
        module = subject.model.get_submodule(name)
        plain = isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d) and getattr(module, "groups", 1) == 1
        if plain and max(_shape(subject.model, name)) <= WIDEST:
            found.append(name)
    places = torch.linspace(0, len(found) - 1, min(LAYERS, len(found))).round().int().tolist()
    return [found[place] for place in sorted(set(places))]


def applies(subject: Subject) -> str | None:
    """Weights that are one matrix, of a size whose ranks can be found, and inputs that it can be run on."""
    if not subject.data.inputs.is_floating_point():
        return "ranks are found on inputs that are floats, and these are tokens"
    if _names(subject):
        return None
    return f"it has no linear layer and no ungrouped convolution with at most {WIDEST:,} inputs and outputs"


def _passes_a_sample(subject: Subject) -> float:
    return 2.0 * len(_names(subject)) * (1 + 2 * min(PROBES, subject.class_count))


def _count(subject: Subject) -> int:
    return subject.affordable(_passes_a_sample(subject), MOST, share=SHARE, fewest=FEWEST)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes: only a layer and what lies behind it are run again and again."""
    return 0.6 * _passes_a_sample(subject) * _count(subject)


def examine(subject: Subject) -> Finding:
    """Both ranks of every layer, of the network and of an untrained one, and units that fire in step."""
    layers = _measure(subject)
    judged = [each for each in layers if each.seen_enough]
    short = "" if judged else "; it takes more samples to say whether the others matter"
    judged = judged or layers
    weights = sum(each.size for each in judged)
    free, before = (
        sum(getattr(each, which).free_directions_bound for each in judged) / weights
        for which in ("trained", "untrained")
    )
    tightest = min(judged, key=lambda each: each.trained.rank_activations / each.trained.shape[1])
    rank, width = tightest.trained.rank_activations, tightest.trained.shape[1]
    step = sum(_in_step(each.trained) for each in layers)
    step_before = sum(_in_step(each.untrained) for each in layers)
    figures: dict[str, Number] = {
        "weights looked at": sum(each.size for each in layers),
        "share of their directions that hardly matter": round(free, 4),
        "the same untrained": round(before, 4),
        "units that fire in step with another": step,
        "the same units untrained": step_before,
        **{f"rank of inputs, {each.name}": each.trained.rank_activations for each in layers},
        **{f"rank of gradients, {each.name}": each.trained.rank_gradients for each in layers},
    }
    return Finding(
        sentence=(
            f"{100 * free:.0f} % of the directions of its weights hardly change an answer ({100 * before:.0f} % "
            f"before any training): what enters {tightest.name} lies in {rank:,} of {width:,} directions{short}."
        ),
        glance=f"{100 * free:.0f} % of the directions of its weights hardly matter",
        advice=_advice(judged, step, layers[0].name),
        reading=_reading(layers),
        pictures=(Picture.of(_draw(layers), "Ranks of inputs and of gradients of every layer, trained and untrained"),),
        figures=figures,
        table=_table(layers),
        code=(
            "from netopsy.landscape.interaction_basis import layer_degeneracy\n\n"
            f"found = layer_degeneracy(model, {tightest.name!r}, data.inputs[:200], rtol={TOLERANCE:g})\n"
            "print(found.rank_activations, found.rank_gradients, found.shape, found.synchronised_blocks)"
        ),
    )


def _measure(subject: Subject) -> list[_Layer]:
    wide = subject.in_single_precision
    names, seed = _names(subject), derive(subject.seed, "free directions")
    untrained = reinitialise(wide.model, init=subject.initialiser, seed=seed)
    inputs = wide.data.inputs[subject.sample(_count(subject))].to(subject.device)
    size = min(BATCH, subject.batch_size)
    sources = PROBES if subject.class_count > PROBES else None
    layers: list[_Layer] = []
    why = ""
    for name in track(names, "free directions"):
        try:
            some = _enough(wide.model, name, inputs)
            both = [
                layer_degeneracy(
                    model,
                    name,
                    some,
                    rtol=TOLERANCE,
                    n_sources=sources,
                    batch_size=size,
                    seed=seed,
                )
                for model in (wide.model, untrained)
            ]
        except InputError as error:
            why = str(error)
            continue
        except (RuntimeError, NotImplementedError) as error:
            why = f"its answers cannot be differentiated: {str(error).partition(chr(10))[0]}"
            continue
        layers.append(_Layer(name, both[0], both[1], len(some) * _places(wide.model, name, some)))
    if not layers:
        raise NotNow(f"no layer could be looked at: {why}")
    return layers


def _places(model: nn.Module, name: str, inputs: Tensor) -> int:
    """Places a sample at which the weights are used."""
    values = layer_activations(model, inputs[:1], name)[name]
    return values.numel() // _shape(model, name)[0]


def _enough(model: nn.Module, name: str, inputs: Tensor) -> Tensor:
    """As many samples as the layer's width asks for: a layer of many places has seen enough after few."""
    wanted = 2 * ROWS * max(_shape(model, name))
    return inputs[: max(FEWEST, -(-wanted // _places(model, name, inputs)))]


def _in_step(found: LayerDegeneracy) -> int:
    """Units that fire in step with another one of their layer."""
    return sum(map(len, found.synchronised_blocks))


def _advice(layers: Sequence[_Layer], step: int, first: str) -> str:
    saving = [each for each in layers if each.saves]
    wide = [each for each in layers if each.width_to_spare and each.name != first]
    cut_off = [each.name for each in layers if not each.narrowed]
    if cut_off:
        return (
            f"On these samples no answer depends on the weights of {', '.join(cut_off)}: what enters is 0, or nothing "
            "behind uses what comes out. Look for dead units before it is trained any further."
        )
    text = "Every layer uses most of its width: there is no reason here to narrow one."
    if saving:
        best = min(saving, key=lambda each: each.narrowed * sum(each.trained.shape) / each.size)
        text = (
            f"{best.name} ({best.trained.shape[1]:,} inputs, {best.trained.shape[0]:,} outputs) could be a product of "
            f"two thinner layers with {best.narrowed:,} unit{'s' * (best.narrowed > 1)} between them; see how much "
            "accuracy that costs, and train on where it costs any."
        )
    elif wide:
        best = min(wide, key=lambda each: each.trained.rank_activations / each.trained.shape[1])
        text = (
            f"What enters {best.name} could be narrowed to about {best.trained.rank_activations:,} of its "
            f"{best.trained.shape[1]:,} inputs; see how much accuracy that costs, and train on where it costs any."
        )
    return text + (" Units that fire in step can be merged into linear ones." if step else "")


def _reading(layers: Sequence[_Layer]) -> str:
    few = [each.name for each in layers if not each.seen_enough]
    short = (
        f" Too few samples were seen to show all directions of {', '.join(few)}, which the shares above leave out."
        if 0 < len(few) < len(layers)
        else " Too few samples were seen to show all directions of any layer."
        if few
        else ""
    )
    return (
        "For each layer, the share of directions along which its inputs vary, or are not 0, by at least "
        f"{100 * TOLERANCE:g} % of the strongest, and the share of directions of its outputs along which the "
        f"network's answers change by at least {100 * TOLERANCE:g} % of the most; open marks are those of an untrained "
        "network. A direction of the weights hardly matters unless both of its ends do. Units fire in step if the ReLU "
        "behind "
        "them is live on the same samples and places; with a ReLU that cannot be seen, or another activation, none "
        f"are counted. A bound to first order: what training away costs is not measured here.{short}"
    )


def _table(layers: Sequence[_Layer]) -> tuple[tuple[str, ...], ...]:
    head = ("layer", "inputs", "their rank", "outputs", "rank of gradients", "in step", "ranks untrained")
    return head, *(
        (
            each.name,
            str(each.trained.shape[1]),
            str(each.trained.rank_activations),
            str(each.trained.shape[0]),
            str(each.trained.rank_gradients),
            str(_in_step(each.trained)),
            f"{each.untrained.rank_activations}, {each.untrained.rank_gradients}",
        )
        for each in layers
    )


def _draw(layers: Sequence[_Layer]) -> Figure:
    drawn, axes = figure(5.4, 0.3 * len(layers) + 1.3)
    places = np.arange(len(layers))
    kinds = (("inputs", "rank_activations", 1, -0.14), ("gradients", "rank_gradients", 0, 0.14))
    for number, (shown, rank, axis, off) in enumerate(kinds):
        for which, face in (("trained", PALETTE[number]), ("untrained", "none")):
            shares = [100 * getattr(found := getattr(each, which), rank) / found.shape[axis] for each in layers]
            axes.plot(shares, places + off, "o", color=PALETTE[number], markerfacecolor=face, label=f"{shown}, {which}")
    axes.set_yticks(places, [label(each.name, 24) for each in layers])
    axes.set(xlabel="directions that count (% of the width)", xlim=(0, 103), ylim=(len(layers) - 0.4, -0.6))
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.75 / (0.3 * len(layers) + 0.6)), ncols=2)
    return drawn


INSTRUMENT = Instrument(
    name="free-directions",
    title="Which directions of its weights matter",
    term="degeneracy, rank of activations and gradients",
    chapter="the shape of its loss",
    examine=examine,
    applies=applies,
    papers=("interaction-basis",),
    order=30,
    passes=passes,
    worth=45,
)
