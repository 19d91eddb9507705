"""The interaction basis against Jacobians in a Python loop over samples, and its growth with the width.

The learning coefficient is compared with devinterp 2.0, which needs neither torchvision nor a GPU: ``pip install
devinterp``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.timing import Comparison, Growth
from netopsy.data import Dataset, digits
from netopsy.landscape.interaction_basis import (
    behaviour,
    distance,
    interaction_basis,
    local_learning_coefficient,
    pca_basis,
)
from netopsy.models import mlp

LAYERS = ["flatten", "act1", "act2", "output"]
SAMPLES, WIDTHS = 300, (32, 64, 128)
CHAINS, DRAWS, STEP, GAMMA = 4, 100, 1e-5, 100.0


def benchmarks() -> Iterator[Comparison | Growth]:
    """The basis of a small perceptron, its growth with the width, and the learning coefficient where devinterp is."""
    inputs = digits().inputs[:SAMPLES]
    model = mlp([64, 32, 32, 10], seed=0)
    check(model, inputs)
    yield Comparison(
        "interaction_basis",
        partial(interaction_basis, model, LAYERS, inputs),
        partial(one_by_one, model, inputs),
        target=0.1,
        peer_name="a loop over samples",
        rounds=3,
    )
    nets = {width: mlp([64, width, width, 10], seed=0) for width in WIDTHS}
    yield Growth(
        "interaction_basis_width",
        {width: partial(interaction_basis, net, LAYERS, inputs) for width, net in nets.items()},
        size_name="width",
    )
    theirs = devinterp(model, behaviour(model, inputs))
    if theirs is None:
        print("the learning coefficient is compared with devinterp, which is missing: pip install devinterp\n")
        return
    yield Comparison(
        "learning_coefficient",
        partial(ours, model, behaviour(model, inputs)),
        theirs,
        target=1.0,
        peer_name="devinterp",
        rounds=3,
    )


def one_by_one(model: nn.Sequential, inputs: Tensor) -> dict[str, Tensor]:
    """The basis of every layer before the output, from `torch.autograd.functional.jacobian` of each sample."""
    parts, found, values = list(model), {}, inputs
    for number, part in enumerate(parts[:-1]):
        values = part(values).detach()
        name = LAYERS[number // 2] if number % 2 == 0 else None
        if name is None:
            continue
        rest = nn.Sequential(*parts[number + 1 :])
        rows = values.double()
        centred = rows - rows.mean(0)
        spread, turn = torch.linalg.eigh(centred.T @ centred / len(rows))
        kept = spread > 1e-12 * spread.max()
        colour = spread[kept].sqrt()[:, None] * turn[:, kept].T
        total = torch.zeros(rows.shape[1], rows.shape[1], dtype=torch.float64)
        for value in values:
            slopes = torch.autograd.functional.jacobian(rest, value[None])[0, :, 0].double()
            total += slopes.T @ slopes
        found[name] = torch.linalg.eigvalsh(colour @ (total / len(rows)) @ colour.T).flip(0)
    return found


def check(model: nn.Sequential, inputs: Tensor) -> None:
    """Both find the same eigenvalues, which principal components do not have."""
    basis, wanted = interaction_basis(model, LAYERS, inputs), one_by_one(model, inputs)
    off = 0.0
    for layer in LAYERS[:-1]:
        values = basis.eigenvalues[layer][1:]
        off = max(off, float((values - wanted[layer][: len(values)]).abs().max() / values[0]))
    assert off < 1e-4, f"eigenvalues differ by {off:.1e} of the largest"
    other = pca_basis(model, LAYERS, inputs).eigenvalues["act1"][1]
    assert abs(float(other / wanted["act1"][0]) - 1) > 0.01, "the comparison does not tell the two bases apart"
    print(f"eigenvalues differ by {off:.1e} of the largest\n")


def ours(model: nn.Module, data: Dataset) -> float:
    """The behavioural loss's coefficient at a full batch."""
    found = local_learning_coefficient(
        model, data, loss=distance, gamma=GAMMA, step=STEP, chains=CHAINS, draws=DRAWS, burn_in=0
    )
    return found.mean


def devinterp(model: nn.Module, data: Dataset) -> Callable[[], object] | None:
    """The same number of steps of the same dynamics with its sampler, chain after chain, if it is installed."""
    try:
        from devinterp.optim import SGMCMC
    except ImportError:
        return None
    beta = len(data) / math.log(len(data))

    def run() -> float:
        losses = []
        for chain in range(CHAINS):
            torch.manual_seed(chain)
            own = copy.deepcopy(model)
            sampler = SGMCMC.sgld(own.parameters(), lr=STEP, localization=GAMMA, nbeta=beta)
            for _ in range(DRAWS):
                sampler.zero_grad()
                loss = distance(own(data.inputs), data.targets).mean()
                loss.backward()
                sampler.step()
                losses.append(loss.item())
        return beta * sum(losses) / len(losses)

    mine, found = ours(model, data), run()
    assert abs(mine - found) < 0.2 * found, f"the coefficient is {mine:.3g}, and devinterp's {found:.3g}"
    print(f"learning coefficient {mine:.3g}, devinterp's {found:.3g}\n")
    return run
