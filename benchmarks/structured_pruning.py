"""Removing channels against torch-pruning: by the same criterion, and by each one's own at equal operations."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.timing import Comparison
from netopsy.core.units import Units, compact, unit_groups, unit_norms
from netopsy.data import Dataset, digits_split
from netopsy.lab import paired_difference
from netopsy.models import initialise, resnet18
from netopsy.models.resnet import ResNet
from netopsy.sparsity.criteria import keep_largest
from netopsy.sparsity.transformable_architecture_search import flops
from netopsy.training import Recipe, evaluate, fit

REMOVED = 0.5
"""Share of every layer's channels."""
SEEDS = range(5)
TRAINING = Recipe(steps=300, batch_size=50, lr=5e-3, schedule="onecycle")
TUNING = Recipe(steps=200, batch_size=50, lr=5e-3, schedule="cosine")
WORSE = 1.0
"""Points of accuracy that ours may be behind."""

Scores = Callable[[nn.Module, Units], Mapping[str, Tensor]]


def benchmarks() -> Iterator[Comparison | Accuracies]:
    """Both sides remove the same numbers of channels; with the same criterion, the very same ones."""
    try:
        import torch_pruning
    except ImportError:
        print('  torch-pruning is missing: `pip install "netopsy[bench]"` brings it\n')
        return
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for name, widths in (("small", (16, 32, 64, 128)), ("resnet18", (64, 128, 256, 512))):
        model = resnet18(widths=widths).eval()
        check(model, images)
        yield Comparison(
            f"structured_pruning_{name}",
            partial(ours, model, images, squares),
            partial(theirs, model, images, **SAME),
            target=1.0,
            peer_name=f"torch-pruning {torch_pruning.__version__}",
            rounds=5,
        )
    yield Accuracies("structured_pruning_same_criterion", squares, SAME)
    yield Accuracies("structured_pruning_own_criteria", unit_norms, {})


def ours(model: nn.Module, example: Tensor, scores: Scores) -> nn.Module:
    """The network without the channels of the smallest scores, as many of every group as torch-pruning takes."""
    units = unit_groups(model, example)
    kept = {name: (width - int(REMOVED * width)) / width for name, width in units.widths.items()}
    return compact(model, units, keep_largest(scores(model, units), kept))


def theirs(model: nn.Module, example: Tensor, **options: Any) -> nn.Module:
    """The same by torch-pruning, which changes the network that it is given: here a copy."""
    import torch_pruning

    smaller = copy.deepcopy(model)
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2, **options)
    pruner = torch_pruning.pruner.BasePruner(
        smaller, example, importance, pruning_ratio=REMOVED, ignored_layers=[smaller.get_submodule("output")]
    )
    pruner.step()
    return smaller


SAME: dict[str, Any] = {"group_reduction": "sum", "normalizer": None}
"""Options with which torch-pruning scores a channel by the sum of the squares of all weights that go with it."""


@torch.no_grad()
def squares(model: nn.Module, units: Units) -> dict[str, Tensor]:
    """The sum of the squares of all weights that go with a channel, biases left out."""
    found = {}
    for name, group in units.groups.items():
        found[name] = torch.zeros(group.width)
        for place in group.places:
            if place.parameter.endswith("weight"):
                weight = model.get_parameter(place.parameter).transpose(0, place.dimension)
                found[name] += weight.reshape(len(weight), -1).square().sum(1)[place.index].sum(1)
    return found


def check(model: nn.Module, example: Tensor) -> None:
    """The two sides remove the same channels."""
    one, other = ours(model, example, squares), theirs(model, example, **SAME)
    for (name, value), peer in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(value, peer), f"{name} differs"
    assert torch.allclose(one.eval()(example), other.eval()(example), atol=1e-5)


@dataclass(frozen=True)
class Accuracies:
    """Accuracy at equal operations after the same fine-tuning, ours less torch-pruning's, paired over the seeds."""

    name: str
    scores: Scores
    options: Mapping[str, Any]

    def report(self) -> bool:
        """Print both for every seed; true if ours is surely no more than `WORSE` points behind."""
        rows = []
        for seed in SEEDS:
            model, train, test = trained(seed)
            both = ours(model, train.inputs[:2], self.scores), theirs(model, train.inputs[:2], **self.options)
            size = tuple(train.inputs.shape[1:])
            costs = [flops(each, size) for each in (model, *both)]
            assert costs[1] == costs[2], f"the two sides need {costs[1]:g} and {costs[2]:g} operations"
            before = [100 * evaluate(each, test).accuracy for each in (model, *both)]
            for each in both:
                fit(each, train, TUNING, seed=seed)
            after = [100 * evaluate(each, test).accuracy for each in both]
            rows.append(after)
            print(
                f"  seed {seed}: {costs[1] / costs[0]:.1%} of the operations; whole {before[0]:.1f} %, ours "
                f"{before[1]:.1f} -> {after[0]:.1f} %, torch-pruning {before[2]:.1f} -> {after[1]:.1f} %"
            )
        found = paired_difference(*zip(*rows, strict=True))
        met = found.low >= -WORSE if found.low < found.high else found.value >= -WORSE
        interval = f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
        print(f"{self.name} difference={interval} points target>=-{WORSE:.2f}{'' if met else '  MISSED'}\n")
        return met


def trained(seed: int) -> tuple[ResNet, Dataset, Dataset]:
    """A residual network that reads digits."""
    train, test = digits_split(sizes=(1200, 597), seed=seed)
    model = initialise(ResNet(1, 10, (8, 16, 32), (1, 1, 1)), "he_normal", seed=seed)
    fit(model, train, TRAINING, seed=seed)
    return model, train, test
