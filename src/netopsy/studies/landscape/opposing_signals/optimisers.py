"""Optimisers on digits with a planted pair of opposing groups, all runs of one as a stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn import functional as F

from netopsy.core.errors import lookup
from netopsy.core.seeds import derive, generator
from netopsy.data import Dataset, index_batches
from netopsy.lab.cells import Rows
from netopsy.landscape.opposing_signals import SplitSGD
from netopsy.models import mlp, resnet
from netopsy.studies.landscape.opposing_signals.plan import ADAM, DAMPENED, SGD, SPLIT, Optimisers, examples_of

CHUNK = 1000
"""Examples of every run that go through together when the whole sets are looked at."""

Make = Callable[[Any], torch.optim.Optimizer]


def optimiser(method: str, rates: tuple[float, ...], seeds: tuple[int, ...], settings: Optimisers) -> Rows:
    """Rates tuned on runs of their own, then steps to the loss asked for at the best of them."""
    own = [derive(seed, "tuning") for seed in range(settings.tuning)]
    jobs = [(rate, seed) for rate in rates for seed in own]
    _, validation = _train(method, jobs, settings)
    means = validation.nan_to_num(torch.inf).mean(0).view(len(rates), len(own)).mean(1)
    for rate, value in zip(rates, means.tolist(), strict=True):
        yield {"measure": "tuning", "method": method, "rate": rate, "value": min(value, 1e9)}
    best = rates[int(means.argmin())]
    losses, _ = _train(method, [(best, seed) for seed in seeds], settings)
    low = losses < settings.reached
    first = torch.where(low.any(0), low.float().argmax(0) * settings.every, settings.steps)
    for number, seed in enumerate(seeds):
        reached = bool(low[:, number].any())
        yield {"measure": "steps", "method": method, "seed": seed, "value": int(first[number]), "reached": reached}
        for place, value in enumerate(losses[:, number].tolist()):
            at = {"method": method, "seed": seed, "rate": best, "step": place * settings.every}
            yield {"measure": "losses", **at, "value": min(value, 1e9)}


def maker(method: str, settings: Optimisers) -> Make:
    """What makes the optimiser from groups of parameters, each with its rate."""
    sgd = torch.optim.SGD
    known: dict[str, Make] = {
        SGD: lambda groups: sgd(groups, momentum=0.9, fused=True),
        DAMPENED: lambda groups: sgd(groups, momentum=0.9, dampening=0.9, fused=True),
        ADAM: lambda groups: torch.optim.Adam(groups, fused=True),
        SPLIT: lambda groups: SplitSGD(
            [{**group, "sign_lr": settings.sign_ratio * group["lr"]} for group in groups],
            1.0,
            1.0,
            fraction=settings.fraction,
        ),
    }
    return lookup("optimiser", method, known)


def planted(data: Dataset, seed: int, settings: Optimisers) -> Dataset:
    """A bright frame on some examples of two classes: one strong feature with opposing labels."""
    inputs, random = data.inputs.clone(), generator(seed)
    for number in settings.classes if settings.share else ():
        members = (data.targets == number).nonzero()[:, 0]
        count = max(1, round(settings.share * len(members)))
        chosen = members[torch.randperm(len(members), generator=random)[:count]]
        inputs[chosen[:, None], :, (0, -1)] = settings.brightness
        inputs[chosen[:, None], :, :, (0, -1)] = settings.brightness
    return Dataset(inputs, data.targets, data.classes, data.name)


def _train(method: str, jobs: Sequence[tuple[float, int]], settings: Optimisers) -> tuple[Tensor, Tensor]:
    """Training and validation loss of every job, ``[looks, jobs]``: the whole sets, every few steps."""
    parts = [_parts(seed, settings) for _, seed in jobs]
    (inputs, targets), (held, answers) = (
        (torch.stack([each[i].inputs for each in parts]), torch.stack([each[i].targets for each in parts]))
        for i in (0, 1)
    )
    networks = [_network(settings, inputs, seed) for _, seed in jobs]
    base = networks[0]
    stack = {
        name: torch.stack([dict(each.named_parameters())[name].detach() for each in networks]).requires_grad_()
        for name, _ in base.named_parameters()
    }
    buffers = dict(base.named_buffers())
    forward = vmap(lambda values, x: functional_call(base, {**values, **buffers}, (x,)))
    views = [[value.detach()[i] for value in stack.values()] for i in range(len(jobs))]
    groups = [{"params": own, "lr": rate} for own, (rate, _) in zip(views, jobs, strict=True)]
    step_with = maker(method, settings)(groups)
    batches = [index_batches(inputs.shape[1], settings.batch_size, derive(seed, "batches")) for _, seed in jobs]

    def mean_losses(x: Tensor, y: Tensor) -> Tensor:
        found = F.cross_entropy(forward(stack, x).flatten(0, 1), y.flatten(), reduction="none")
        return found.view(len(jobs), -1).mean(1)

    def over_all(x: Tensor, y: Tensor) -> Tensor:
        parts = zip(x.split(CHUNK, 1), y.split(CHUNK, 1), strict=True)
        return torch.stack([mean_losses(*part) * part[1].shape[1] for part in parts]).sum(0) / y.shape[1]

    rows, looks = [], []
    for step in range(settings.steps):
        if step % settings.every == 0:
            with torch.no_grad():
                rows.append(over_all(inputs, targets))
                looks.append(over_all(held, answers))
        chosen = torch.stack([next(each) for each in batches])
        which = torch.arange(len(jobs))[:, None]
        found = torch.autograd.grad(
            mean_losses(inputs[which, chosen], targets[which, chosen]).sum(), list(stack.values())
        )
        for i, own in enumerate(views):
            for view, gradient in zip(own, found, strict=True):
                view.grad = gradient[i].contiguous()  # the fused optimisers read memory in order
        step_with.step()
    return torch.stack(rows), torch.stack(looks)


def _parts(seed: int, settings: Optimisers) -> tuple[Dataset, Dataset]:
    train, validation = examples_of(settings.data).split(*settings.examples, seed=derive(seed, "samples"))
    return (planted(train, derive(seed, "frame"), settings), planted(validation, derive(seed, "held"), settings))


def _network(settings: Optimisers, inputs: Tensor, seed: int) -> torch.nn.Module:
    if settings.network == "perceptron":
        sizes = [inputs[0, 0].numel(), 100, 100, 10]
        return mlp(sizes, initialisation="he_normal", seed=derive(seed, "network"))
    made = resnet(56, channels=inputs.shape[2], seed=derive(seed, "network"))
    for layer in made.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):  # those of the batch: a stack keeps none of its own
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
            layer.track_running_stats = False
    return made
