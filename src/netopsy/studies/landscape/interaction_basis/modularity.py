"""Networks of two modules against networks that are connected throughout, trained to one loss."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netopsy.core.masks import Masks
from netopsy.core.parameters import State
from netopsy.core.seeds import derive, generator
from netopsy.data import Dataset, digits_split
from netopsy.lab import Rows
from netopsy.landscape.interaction_basis import (
    behaviour,
    behavioural_spectrum,
    distance,
    effective_parameters,
    local_learning_coefficient,
)
from netopsy.models import mlp
from netopsy.studies.landscape.interaction_basis.plan import DENSE, MODULAR, SPARSE, TOLERANCES, Pairs
from netopsy.training import Recipe, fit_many

SIDE, CLASSES = 4, 10
"""Digits are halved to so many pixels a side."""


def pairs(config: Pairs) -> Dataset:
    """Two independently drawn digits side by side; the targets are both classes, one-hot."""
    train, _, _ = digits_split(0)
    random = generator(derive(0, "pairs"))
    small = F.avg_pool2d(train.inputs, train.inputs.shape[-1] // SIDE).flatten(1)
    drawn = torch.randint(len(train), (2, config.examples), generator=random)
    inputs = torch.cat([small[one] for one in drawn], 1)
    targets = torch.cat([F.one_hot(train.targets[one], CLASSES) for one in drawn], 1).float()
    return Dataset(inputs, targets)


def masks_of(method: str, model: nn.Module, seed: int) -> Masks:
    """Everything, two blocks, or as many weights as these at random, layer by layer."""
    random = generator(derive(seed, "mask"))
    found = {}
    for name, weight in model.named_parameters():
        if weight.ndim < 2:
            continue
        rows, columns = weight.shape
        blocks = torch.zeros(rows, columns, dtype=torch.bool)
        blocks[: rows // 2, : columns // 2] = True
        blocks[rows // 2 :, columns // 2 :] = True
        if method == DENSE:
            blocks[:] = True
        elif method == SPARSE:
            blocks = blocks.flatten()[torch.randperm(blocks.numel(), generator=random)].view_as(blocks)
        found[name] = blocks
    return found


class Present(nn.Module):
    """A perceptron whose parameters are the weights that its masks leave; biases are fixed."""

    def __init__(self, model: nn.Module, masks: Masks) -> None:
        super().__init__()
        self.weights = nn.ParameterList()
        for name, mask in masks.items():
            number, bias = len(self.weights), model.get_parameter(name.replace("weight", "bias"))
            self.weights.append(nn.Parameter(model.get_parameter(name).detach()[mask].clone()))
            self.register_buffer(f"place{number}", mask.flatten().nonzero()[:, 0])
            self.register_buffer(f"bias{number}", bias.detach().clone())

    def forward(self, inputs: Tensor) -> Tensor:
        """As the perceptron answers."""
        values = inputs
        for number, own in enumerate(self.weights):
            place, bias = self.get_buffer(f"place{number}"), self.get_buffer(f"bias{number}")
            flat = own.new_zeros(len(bias) * values.shape[1]).scatter(0, place, own)
            values = values @ flat.view(len(bias), -1).T + bias
            if number + 1 < len(self.weights):
                values = values.relu()
        return values


def modularity(seeds: tuple[int, ...], config: Pairs) -> Rows:
    """All networks train in one stack; each is looked at where it first reached the loss."""
    recipe = Recipe(steps=config.steps, batch_size=config.batch_size, lr=config.lr, loss="mse")
    steps = list(range(config.every, config.steps + 1, config.every))
    data = pairs(config)
    sizes = [data.inputs.shape[1], *config.hidden, data.targets.shape[1]]
    runs = [(seed, method) for seed in seeds for method in (MODULAR, DENSE, SPARSE)]
    models = [mlp(sizes, seed=derive(seed, "weights", method)) for seed, method in runs]
    masks = [masks_of(method, model, seed) for (seed, method), model in zip(runs, models, strict=True)]
    for model, own in zip(models, masks, strict=True):
        _widened(model, own)
    orders = [derive(seed, "order") for seed, _ in runs]
    fits = fit_many(models, data, recipe, seeds=orders, masks=masks, keep_states=steps)
    for (seed, method), model, own, found in zip(runs, models, masks, fits, strict=True):
        at = {"seed": seed, "method": method}
        step, loss = _reached(model, found.states, data, config)
        yield {**at, "measure": "training", "step": step, "value": loss, "reached": loss <= config.target}
        inputs = data.inputs[: config.inputs]
        yield from ({**at, **row} for row in _counted(Present(model, own), inputs, config, seed))


def _widened(model: nn.Module, masks: Masks) -> None:
    """First weights of the size that suits the inputs that are left."""
    with torch.no_grad():
        for name, mask in masks.items():
            model.get_parameter(name).mul_(mask * (mask.numel() / mask.sum()) ** 0.5)


def _reached(model: nn.Module, states: Mapping[int, State], data: Dataset, config: Pairs) -> tuple[int, float]:
    """Give the network its first kept state of at most the loss, or else the last one."""
    for step in sorted(states):
        model.load_state_dict(states[step])
        with torch.no_grad():
            loss = float((model(data.inputs) - data.targets).square().mean())
        if loss <= config.target:
            break
    return step, loss


def _counted(present: nn.Module, inputs: Tensor, config: Pairs, seed: int) -> Rows:
    count = sum(each.numel() for each in present.parameters())
    spectrum = behavioural_spectrum(present, inputs)
    for eps in TOLERANCES:
        effective = effective_parameters(spectrum, eps)
        yield {"measure": "effective", "eps": eps, "value": effective / count, "effective": effective, "weights": count}
    found = local_learning_coefficient(
        present,
        behaviour(present, inputs),
        loss=distance,
        gamma=config.gamma,
        step=config.step,
        chains=config.chains,
        draws=config.draws,
        burn_in=config.draws // 2,
        seed=derive(seed, "chains"),
    )
    halves = found.trace[config.draws // 2 :].double().mean(1).chunk(2)
    drift = float(halves[1].mean() / halves[0].mean() - 1)
    yield {"measure": "coefficient", "value": found.mean / count, "std": found.std / count, "drift": drift}
    strongest = float(spectrum[0])
    yield {"measure": "curvature", "value": strongest, "trace": float(spectrum.sum())}
