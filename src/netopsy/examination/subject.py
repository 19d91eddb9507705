"""What is examined: a trained network, the data it is examined on, and how much work may go into it."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from netopsy.core.capture import layer_activations
from netopsy.core.computed import copied
from netopsy.core.contained import contained
from netopsy.core.drawing import label
from netopsy.core.errors import InputError, require
from netopsy.core.layers import layer_names, spatial_layers
from netopsy.core.modes import device_of, evaluating
from netopsy.core.operations import Layer, layers_of
from netopsy.core.outputs import single_output
from netopsy.core.parameters import check_has_values
from netopsy.core.scores import scores_of
from netopsy.core.texts import plain
from netopsy.data import Dataset
from netopsy.examination.idle import idle_layers
from netopsy.examination.labels import by_output, names_of
from netopsy.examination.scores import as_two_classes
from netopsy.examination.stopwatch import unhindered
from netopsy.interpretability.grids import layouts, show_grids, token_blocks
from netopsy.lab.statistics import proportion_interval
from netopsy.sparsity.comparison.redrawing import redraw
from netopsy.sparsity.lottery_ticket.controls import Initialiser
from netopsy.training import Evaluation, Recipe, evaluate

Depth = Literal["quick", "normal", "thorough"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)
FACTORS: dict[Depth, float] = {"quick": 0.25, "normal": 1.0, "thorough": 4.0}

WORK = 3e11
"""Operations that an instrument of share 1 may spend at normal depth: 3 to 10 seconds of two cores."""
LAYERS = 4
"""Layers that are looked at where the caller names none."""
CACHED, MOST_AT_ONCE, FEWEST_AT_ONCE = 5_500_000, 256, 4
"""Numbers that a layer of a batch may put out without leaving a processor's cache, where a pass is up to three times as
fast; and samples of a batch, at most and at least."""
TOUCHING, PROBED = 200, 256
"""Operations that writing one number costs, beside those that compute it: moving memory takes the time of so many; and
the samples that are looked at to see what a network's single output is."""


@dataclass(eq=False)
class Subject:
    """A trained classifier, held-out data with labels, and what the instruments ask about both again and again.

    Raises:
        InputError: the network does not run on the data, or its output is not one row of class scores a sample.
    """

    model: nn.Module
    data: Dataset
    """Held-out samples with class labels."""
    train: Dataset | None = None
    """What it was trained on, for the instruments that train; ``None`` where unknown."""
    recipe: Recipe | None = None
    """How it was trained, for the same."""
    name: str = ""
    layers_wanted: Sequence[str] = ()
    """Layers to look at, where the caller chose them."""
    classes_wanted: Sequence[int] = ()
    """Classes to look at, where the caller chose them."""
    seed: int = 0
    initialisation: str | None = None
    """The scheme its weights were first drawn by, where known."""
    depth: Depth = "normal"
    """How far instruments go; with the size of the network it fixes what they do, whatever the clock says."""
    outputs: Sequence[str] = ()
    """What the network's outputs are called, where the caller said."""
    reshape: tuple[int, int] | None = None
    """Rows and columns of the tokens of the layers wanted, where they cannot be found out."""
    views: tuple[str, ...] = ()
    """Grids that stand for layers of tokens, while `grid_views` lasts."""
    notes: dict[str, object] = field(default_factory=dict, repr=False)
    """What an instrument found out and needs again."""

    def __post_init__(self) -> None:
        require(isinstance(self.model, nn.Module), f"model must be a torch nn.Module, got {type(self.model).__name__}")
        check_has_values(self.model)
        require(self.data.is_classification, "data must have one class number a sample as its targets")
        self.name = self.name or type(self.model).__name__
        scores = self._first_scores()
        if scores.ndim < 2 or scores.shape[1] == 1:  # whether these are probabilities, two of them do not tell
            self.model = as_two_classes(self.model, evaluate_outputs(self.model, self.data.inputs[:PROBED]))
            scores = self._first_scores()
        require(
            scores.ndim == 2 and len(scores) == len(self.data.inputs[:2]),
            f"the network must return class scores [batch, classes], but returns {tuple(scores.shape)}",
        )
        self.data = by_output(self.data, scores.shape[1], self.outputs or names_of(self.model, scores.shape[1]))
        highest = int(self.data.targets.max())
        require(
            highest < scores.shape[1],
            f"data has a class number {highest}, but the network has only classes 0 to {scores.shape[1] - 1}",
        )
        if self.layers_wanted:
            layer_names(self.model, list(self.layers_wanted))
        self._outputs = scores.shape[1]
        self.choose_classes(self.classes_wanted)

    def choose_classes(self, numbers: Sequence[int]) -> None:
        """Look at these classes only; all of them where there is none."""
        for number in numbers:
            require(0 <= number < self._outputs, f"class {number} is out of range 0 to {self._outputs - 1}")
        self.classes_wanted = tuple(numbers)

    def _first_scores(self) -> Tensor:
        first = self.data.inputs[:2]
        with told(f"this data, whose samples have shape {tuple(first.shape[1:])}"):
            return evaluate_outputs(self.model, first)

    @property
    def initialiser(self) -> Initialiser:
        """How initial weights are drawn, for instruments that train anew: as the caller says, or as torch does."""
        return self.initialisation or redraw

    @cached_property
    def layers(self) -> list[Layer]:
        """Its layers in the order they run, and what a sample costs in each of them."""
        with told("a single sample, by which its cost is judged"):
            return layers_of(self.model, self.data.inputs[:1].to(self.device))

    @cached_property
    def sample_cost(self) -> float:
        """Operations of one forward pass of one sample, the numbers that it writes counted in."""
        return float(max(1, sum(layer.flops + TOUCHING * layer.values for layer in self.layers)))

    @cached_property
    def batch_size(self) -> int:
        """Samples to send through the network together, fixed by its size.

        On a processor a power of two, by what its widest layer puts out.
        """
        if self.device.type != "cpu":
            return MOST_AT_ONCE
        widest = max((layer.values for layer in self.layers), default=0)
        within = 2 ** round(math.log2(max(1.0, CACHED / max(1, widest))))
        return max(FEWEST_AT_ONCE, min(MOST_AT_ONCE, within))

    def affordable(self, passes: float | int, most: int, *, share: float = 1.0, fewest: int = 1) -> int:
        """How many samples (or steps) that cost ``passes`` forward passes each an instrument may spend.

        Fixed by the depth and the size of the network, so that a busy machine finds the same.

        Args:
            passes: for one sample; a backward pass counts as two.
            most: at normal depth.
            share: of the instrument, relative to the others.
            fewest: never below, however large the network is.
        """
        factor = FACTORS[self.depth]
        within = WORK * share * factor / (passes * self.sample_cost)
        return max(fewest, min(int(most * factor), int(within)))

    @cached_property
    def seconds_a_sample(self) -> float:
        """Of a forward pass, timed here and now on a batch that grows until it takes long enough to be timed.

        What a busy machine gives to others does not count, so that as much is found on it.
        """
        count, took = 1, self.seconds_a_call
        while took < 0.2 and count < min(self.batch_size, len(self.data)):
            count = min(4 * count, self.batch_size)
            took = self._timed(count)
        if took < 1:  # the quickest of three says more than one, and is soon had
            took = min(took, self._timed(count), self._timed(count))
        return took / min(count, len(self.data))

    @cached_property
    def seconds_a_call(self) -> float:
        """Of a forward pass of a single sample."""
        self._timed(1)  # the first pass pays for what happens once
        return self._timed(1)

    def _timed(self, count: int) -> float:
        start = unhindered()
        evaluate_outputs(self.model, self.data.inputs[:count])
        return unhindered() - start

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return device_of(self.model)

    @cached_property
    def idle_layers(self) -> tuple[str, ...]:
        """Layers that take no part in its answers, so that their weights are none of those that it could lose."""
        return idle_layers(self.model, self.data.inputs[:1])

    @property
    def is_image_model(self) -> bool:
        """Whether the inputs are images ``[channels, height, width]``."""
        return self.data.inputs.ndim == 4

    @cached_property
    def in_single_precision(self) -> Subject:
        """The same with a float32 copy of a network in half precision, for what ranks, factorises or solves."""
        if not any(one.is_floating_point() and one.element_size() < 4 for one in self.model.parameters()):
            return self
        wide = copy.copy(self)
        wide.model = copied(self.model).float()
        wide.data = _in_single_precision(self.data)
        wide.train = None if self.train is None else _in_single_precision(self.train)
        return wide

    @cached_property
    def scores(self) -> Tensor:
        """The network's scores on all data, ``[n, classes]`` on the CPU; their softmax are its probabilities."""
        scores = scores_of(self.evaluated(self.model, self.data).outputs.float())
        require(
            bool(scores.isfinite().all()), "the network's scores are not all finite numbers; its weights may be broken"
        )
        return scores

    def evaluated(self, model: nn.Module, data: Dataset) -> Evaluation:
        """What a network of about this size answers to ``data``, in batches that suit it."""
        return evaluate(model, data, batch_size=self.batch_size)

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the scores."""
        return self.scores.softmax(1)

    @cached_property
    def predictions(self) -> Tensor:
        """The class with the highest score."""
        return self.scores.argmax(1)

    @property
    def labels(self) -> Tensor:
        """The true classes, on the CPU."""
        return self.data.targets.cpu()

    @property
    def class_count(self) -> int:
        """How many classes the network tells apart."""
        return self._outputs

    @cached_property
    def skilled(self) -> bool:
        """Whether it surely gets right at least half of the samples that always answering the commonest class does not.

        What asks how good its answers are has little to say of a network that is not.
        """
        right = int((self.predictions == self.labels).sum())
        guess = int(self.labels.bincount().max()) / len(self.labels)
        return proportion_interval(right, len(self.labels)).low >= (1 + guess) / 2

    def class_name(self, number: int) -> str:
        """What a class is called; its number where nobody said."""
        return plain(self.data.classes[number]) if number < len(self.data.classes) else str(number)

    def called(self, index: int) -> str:
        """What a sample is called: its file where the data say, otherwise its number."""
        return plain(self.data.files[index]) if self.data.files else str(index)

    def class_label(self, number: int, most: int = 24) -> str:
        """The name of a class for a drawing, as `netopsy.core.drawing.label` makes it."""
        return label(self.class_name(number), most, number=number)

    @contextmanager
    def grid_views(self) -> Iterator[None]:
        """Inside the block, layers of tokens and layers with their channels last have views that are grids."""
        if not self.is_image_model:
            yield
            return
        wanted, size, image = list(self.layers_wanted), self.reshape, self.data.inputs[:1]
        known = layouts(self.model, image)
        odd = [name for name, layout in known.items() if layout.kind != "channels first"]
        chosen = [name for name in wanted if name in odd or (size is not None and name not in known)]
        if not wanted:  # a convolution that runs after them is as good
            last = list(known)[-1] if known else ""
            chosen = token_blocks(self.model, known, LAYERS) if last in odd or _inside(last, odd) else []
        if not chosen:
            yield
            return
        with show_grids(self.model, image, chosen, size=size) as views:
            shown = dict(zip(chosen, views.names, strict=True))
            if wanted:
                self.layers_wanted = tuple(shown.get(name, name) for name in wanted)
            else:
                self.views = views.names
            yield

    @cached_property
    def spatial_layers(self) -> tuple[str, ...]:
        """Layers whose output is a grid of more than one place, in the order of the network, at most four of them.

        The caller's choice where there is one; otherwise spread evenly over the depth, the last one included.
        """
        if self.layers_wanted or self.views:
            return tuple(self.layers_wanted) or self.views
        if not self.is_image_model:
            return ()
        names = spatial_layers(self.model)
        seen = layer_activations(self.model, self.data.inputs[:1].to(self.device), names) if names else {}
        grids = [name for name in names if seen[name].ndim == 4 and min(seen[name].shape[-2:]) > 1]
        if len(grids) <= LAYERS:
            return tuple(grids)
        positions = torch.linspace(0, len(grids) - 1, LAYERS).round().int().tolist()
        return tuple(grids[place] for place in positions)

    def sample(self, count: int, *, correct: bool | None = None) -> Tensor:
        """Indices of up to ``count`` samples, the same at every call, the classes taking turns.

        Args:
            correct: only samples that the network gets right (``True``) or wrong (``False``).
        """
        allowed = torch.ones(len(self.data), dtype=torch.bool)
        if correct is not None:
            allowed &= (self.predictions == self.labels) == correct
        if self.classes_wanted:
            allowed &= torch.isin(self.labels, torch.tensor(list(self.classes_wanted)))
        indices = allowed.nonzero()[:, 0]
        indices = indices[torch.randperm(len(indices), generator=torch.Generator().manual_seed(self.seed))]
        turn = torch.zeros(len(indices), dtype=torch.int64)
        for number in self.labels[indices].unique():
            members = self.labels[indices] == number
            turn[members] = torch.arange(int(members.sum()))
        return indices[turn.argsort(stable=True)][:count]

    def halves(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """``indices`` in two, every class divided evenly: its first, third, ... samples, and the others."""
        second = torch.zeros(len(indices), dtype=torch.bool)
        for parity, number in enumerate(self.labels[indices].unique().tolist()):
            members = (self.labels[indices] == number).nonzero()[:, 0]
            # Odd classes give their spare sample to the first half, even ones to the second.
            second[members[1 - parity % 2 :: 2]] = True
        return indices[~second], indices[second]


@contextmanager
def told(what: str) -> Iterator[None]:
    """Raise `InputError` with what the network raises inside the block when it runs on ``what``."""
    try:
        with contained("the network"):
            yield
    except InputError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"the network does not run on {what}: {reason}") from error


def check_can_be_watched(model: nn.Module) -> None:
    """Raise `InputError` where a part of the network lets no one see what its layers put out."""
    for name, part in model.named_modules():
        try:
            part.register_forward_hook(lambda *_: None).remove()
        except RuntimeError:
            where = f"its part {name!r}" if name else "the network"
            raise InputError(
                f"{where} is compiled TorchScript, whose layers cannot be watched; give the module it was made of"
            ) from None


def _in_single_precision(data: Dataset) -> Dataset:
    """Images in float32; tokens as they are."""
    return dataclasses.replace(data, inputs=data.inputs.float()) if data.inputs.is_floating_point() else data


def _inside(name: str, others: Sequence[str]) -> bool:
    return any(name.startswith(f"{other}.") for other in others)


def evaluate_outputs(model: nn.Module, inputs: Tensor) -> Tensor:
    """The output for a batch, in evaluation mode, on the CPU; must be a tensor."""
    with torch.no_grad(), evaluating(model):
        return single_output(model(inputs.to(device_of(model)))).cpu()
