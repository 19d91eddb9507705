"""Free directions against what was planted, and features against other parametrisations of the same network."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from netopsy.core.capture import layer_activations
from netopsy.core.seeds import derive, generator
from netopsy.lab import Rows
from netopsy.landscape.interaction_basis import free_directions, interaction_basis, pca_basis
from netopsy.models import mlp
from netopsy.studies.landscape.interaction_basis.plan import BLOCKS, COMPONENTS, INTERACTION, RANKS

INPUTS, RTOL = 400, 1e-9
SIZES = (8, 12, 10, 6)
"""Of the networks that are reparametrised."""


def counted(draws: int) -> Rows:
    """Half of the draws with duplicates and dead outgoing weights, half with units in step."""
    for draw in range(draws):
        random = generator(derive(draw, "counted"))
        kind = (RANKS, BLOCKS)[draw % 2]
        model, inputs, names, predicted = (_dependent if kind == RANKS else _in_step)(random)
        found = free_directions(model, inputs, names, rtol=RTOL)
        yield {
            "draw": draw,
            "method": kind,
            "predicted": predicted,
            "value": found.free,
            "parameters": found.parameters,
            "silent": _silent(model, inputs) if kind == RANKS else 0,
            "gap": float(found.values[found.rank - 1] / found.values[0]) if found.rank else 0.0,
        }


def _silent(model: nn.Module, inputs: Tensor) -> int:
    """Pairs of a unit and one before it that is never live while the unit is: weights that the product cannot count."""
    seen = layer_activations(model, inputs, ["act1", "act2"])
    live = [(seen[name] > 0).double() for name in ("act1", "act2")]
    return int((live[0].T @ live[1] == 0).sum())


Planted = tuple[nn.Module, Tensor, list[str], int]
"""A network, its inputs, the parameters to look at, and how many free directions they have."""


def _whole(low: int, high: int, random: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (), generator=random))


def _normal(*shape: int, random: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=random, dtype=torch.float64)


def _network(sizes: list[int], random: torch.Generator) -> nn.Sequential:
    model = mlp(sizes).double()
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(_normal(*layer.weight.shape, random=random) / layer.in_features**0.5)
                layer.bias.zero_()
    return model


def _dependent(random: torch.Generator) -> Planted:
    """Duplicates before the middle weight and dead outgoing weights behind it; every unit fires on 20 to 80 %."""
    sizes = [_whole(4, 8, random), _whole(5, 9, random), _whole(4, 8, random), _whole(3, 6, random)]
    copies, dead = _whole(0, 2, random), _whole(0, 2, random)
    model = _network(sizes, random)
    inputs = _normal(INPUTS, sizes[0], random=random)
    with torch.no_grad():
        first, last = model.get_parameter("fc1.weight"), model.get_parameter("output.weight")
        first[1 : 1 + copies] = first[0]
        last[:, :dead] = 0
        values = inputs
        for number in (1, 2):
            layer = model.get_submodule(f"fc{number}")
            shares = 0.2 + 0.6 * torch.rand(sizes[number], generator=random, dtype=torch.float64)
            if number == 1:
                shares[1 : 1 + copies] = shares[0]
            before = layer(values)
            bias = model.get_parameter(f"fc{number}.bias")
            bias.sub_(torch.stack([one.quantile(1 - share) for one, share in zip(before.T, shares, strict=True)]))
            values = layer(values).relu()
    left = (sizes[1] - copies) * (sizes[2] - dead)
    return model, inputs, ["fc2.weight"], sizes[1] * sizes[2] - left


def _in_step(random: torch.Generator) -> Planted:
    """Blocks of units whose weights differ by too little for any of the inputs to tell them apart by sign."""
    width, outputs = _whole(4, 6, random), _whole(4, 6, random)
    blocks = [_whole(2, 3, random) for _ in range(_whole(1, 2, random))] + [1] * _whole(1, 3, random)
    model = _network([width, sum(blocks), outputs], random)
    inputs = _normal(INPUTS, width, random=random)
    with torch.no_grad():
        weight, first = model.get_parameter("fc1.weight"), 0
        for size in blocks:
            own = weight[first : first + size]
            center, apart, scale = own[0].clone(), _normal(size, width, random=random), 1.0
            own.copy_(center + scale * apart)
            while not _alike(inputs @ own.T > 0):
                scale /= 2
                own.copy_(center + scale * apart)
            first += size
    return model, inputs, ["fc1.weight", "output.weight"], sum(size**2 for size in blocks)


def _alike(live: Tensor) -> bool:
    return bool((live == live[:, :1]).all())


def reparametrised(networks: int) -> Rows:
    """The largest difference of a feature, relative to the largest feature, in both bases."""
    for number in range(networks):
        random = generator(derive(number, "reparametrised"))
        model = _network(list(SIZES), random)
        other, names = _other(model, random)
        inputs = _normal(500, SIZES[0], random=random)
        layers = ["act1", "act2", "output"]
        for method, make in ((INTERACTION, interaction_basis), (COMPONENTS, pca_basis)):
            bases = make(model, layers, inputs), make(other, names, inputs)
            worst = 0.0
            for ours, theirs in zip(layers[:-1], names[:-1], strict=True):
                first = bases[0].transform(ours, layer_activations(model, inputs, ours)[ours]).abs()
                second = bases[1].transform(theirs, layer_activations(other, inputs, theirs)[theirs]).abs()
                same = first.shape == second.shape
                worst = max(worst, float((first - second).abs().max() / first.max()) if same else 1.0)
            yield {"network": number, "method": method, "value": worst}


def _other(model: nn.Sequential, random: torch.Generator) -> tuple[nn.Sequential, list[str]]:
    """The same function, with a random matrix behind each activation that the next layer undoes."""
    other = nn.Sequential()
    for number, size in enumerate(SIZES[1:-1], start=1):
        matrix = _normal(size, size, random=random)
        turn, undo = (nn.Linear(size, size, bias=False).double() for _ in range(2))
        with torch.no_grad():
            turn.weight.copy_(matrix)
            undo.weight.copy_(torch.linalg.inv(matrix))
        for name in (f"fc{number}", f"act{number}"):
            other.add_module(name, model.get_submodule(name))
        other.add_module(f"turn{number}", turn)
        other.add_module(f"undo{number}", undo)
    other.add_module("output", model.get_submodule("output"))
    return other, [*(f"turn{number}" for number, _ in enumerate(pairwise(SIZES[1:]), start=1)), "output"]
