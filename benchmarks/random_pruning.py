"""Random masks and global thresholds of 10 million weights against torch's own, SNIP, and inference without zeros."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from benchmarks.timing import Comparison, alternate, print_times
from netopsy.core.masks import prunable_parameters
from netopsy.models import mlp
from netopsy.sparsity.criteria import keep_largest, scores
from netopsy.sparsity.random_pruning import compile_sparse, randomly_prune
from netopsy.sparsity.random_pruning.compiled import SPARSE
from netopsy.sparsity.ratios import layer_densities, random_masks

SIZES = [1000, 2500, 2500, 500, 100]
"""Of a perceptron with 10 million weights."""
DENSITY = 0.1
SPARSITIES = (0.5, 0.7, 0.8, 0.9, SPARSE, 0.99)


def benchmarks() -> Iterator[Comparison | BreakEven]:
    """The same masks on both sides, and where chance draws them the same numbers of weights."""
    model = mlp(SIZES, seed=0)
    weights = {name: weight.detach() for name, weight in prunable_parameters(model).items()}
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    shares = layer_densities(shapes, DENSITY, "uniform")
    check(weights)
    rounds: Any = {"peer_name": "torch.nn.utils.prune", "rounds": 5}
    yield Comparison(
        "random_masks",
        partial(random_masks, shapes, shares, seed=0),
        partial(randomly_by_torch, weights),
        target=0.5,
        **rounds,
    )
    yield Comparison(
        "global_magnitude_masks",
        lambda: keep_largest(scores(model, "magnitude"), DENSITY),
        partial(globally_by_torch, weights),
        target=0.5,
        **rounds,
    )
    inputs, targets = torch.rand(128, SIZES[0]), torch.arange(128) % SIZES[-1]
    yield Comparison(
        "snip_scores",
        partial(scores, model, "snip", inputs, targets),
        partial(one_pass, model, inputs, targets),
        target=1.5,
        peer_name="one pass forward and back",
        rounds=5,
    )
    for batch in (1, 64):
        yield BreakEven(batch)


@dataclass(frozen=True)
class BreakEven:
    """From which share of zeros on inference of a 2000 x 2000 layer without them is faster, for one size of batch."""

    batch: int
    rounds: int = 5

    def report(self) -> bool:
        """Time and print; true if it pays at the share from which layers are exchanged by default."""
        inputs = torch.rand(self.batch, 2000)
        dense = nn.Linear(2000, 2000).eval()
        ratios = {}
        for sparsity in SPARSITIES:
            pruned = randomly_prune(dense, round(1 - sparsity, 4), "uniform").network.eval()
            fast = compile_sparse(pruned, sparsity=0.1)
            assert torch.allclose(fast(inputs), pruned(inputs), atol=1e-4)
            times = alternate(partial(many, fast, inputs), partial(many, pruned, inputs), self.rounds)
            print_times(f"{sparsity:.0%} zeros", [ours for ours, _ in times])
            print_times("dense", [theirs for _, theirs in times])
            ratios[sparsity] = min(ours for ours, _ in times) / min(theirs for _, theirs in times)
        pays = [sparsity for sparsity in SPARSITIES if ratios[sparsity] < 1]
        print(
            f"  batch {self.batch}: "
            + (f"pays at {', '.join(f'{each:.0%}' for each in pays)}" if pays else "never pays")
        )
        met = ratios[SPARSE] <= 1
        name = f"compile_sparse_{SPARSE:.0%}_batch_{self.batch}".replace("%", "")
        print(f"{name} ratio={ratios[SPARSE]:.2f} target<=1.00{'' if met else '  MISSED'}\n")
        return met


@torch.no_grad()
def many(layer: nn.Module, inputs: Tensor) -> None:
    """Ten runs, of which a single one is too short to be timed."""
    for _ in range(10):
        layer(inputs)


def pruned_by_torch(weights: dict[str, Tensor]) -> list[nn.Linear]:
    """Layers of their own that hold the weights, so that nothing is pruned twice."""
    layers = []
    for weight in weights.values():
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
        layer.weight = nn.Parameter(weight)
        layers.append(layer)
    return layers


def randomly_by_torch(weights: dict[str, Tensor]) -> list[Tensor]:
    """Masks of ``random_unstructured``."""
    layers = pruned_by_torch(weights)
    for layer in layers:
        prune.random_unstructured(layer, "weight", amount=1 - DENSITY)
    return [layer.weight_mask for layer in layers]


def globally_by_torch(weights: dict[str, Tensor]) -> list[Tensor]:
    """Masks of ``global_unstructured`` by magnitude."""
    layers = pruned_by_torch(weights)
    amount = 1 - DENSITY
    prune.global_unstructured([(layer, "weight") for layer in layers], prune.L1Unstructured, amount=amount)
    return [layer.weight_mask for layer in layers]


def one_pass(model: nn.Module, inputs: Tensor, targets: Tensor) -> list[Tensor]:
    """The least that SNIP takes: the gradient, and its product with the weights."""
    weights = list(prunable_parameters(model).values())
    gradients = torch.autograd.grad(nn.functional.cross_entropy(model(inputs), targets), weights)
    return [(gradient * weight).abs() for gradient, weight in zip(gradients, weights, strict=True)]


def check(weights: dict[str, Tensor]) -> None:
    """The same global masks, up to equal magnitudes at the threshold; random ones of the same numbers."""
    ours = keep_largest({name: weight.abs() for name, weight in weights.items()}, DENSITY)
    theirs = globally_by_torch(weights)
    differing = sum(int((mask != other.bool()).sum()) for mask, other in zip(ours.values(), theirs, strict=True))
    total = sum(mask.numel() for mask in ours.values())
    threshold = min(float(weight.abs()[ours[name]].min()) for name, weight in weights.items())
    tied = sum(int((weight.abs() == threshold).sum()) for weight in weights.values())
    assert differing <= 2 * tied, f"{differing} of {total} entries of the masks differ, and {tied} magnitudes are tied"
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    drawn = random_masks(shapes, layer_densities(shapes, DENSITY, "uniform"), seed=0)
    for mask, other in zip(drawn.values(), randomly_by_torch(weights), strict=True):
        assert int(mask.sum()) == int(other.sum())
