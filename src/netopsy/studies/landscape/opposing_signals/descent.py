"""One run of full-batch descent: who opposes whom, how the losses swing, and what removal does to the sharpness."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netopsy.core.seeds import derive, generator
from netopsy.data import Dataset
from netopsy.lab.cells import Row, Rows
from netopsy.lab.pictures import to_text
from netopsy.landscape.opposing_signals import (
    Groups,
    Trajectory,
    class_matched_controls,
    group_report,
    opposing_groups,
    record_losses,
    swings,
)
from netopsy.models import mlp, vgg
from netopsy.studies.landscape.opposing_signals.plan import (
    ALL,
    ANY,
    MATCHED,
    OPPOSING,
    WITHOUT,
    WITHOUT_MATCHED,
    Descent,
    examples_of,
)

SHOWN = 12
"""Images of each group."""


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half the squared distance to the class's unit vector."""
    return 0.5 * (outputs - F.one_hot(targets, outputs.shape[1])).square().sum(1)


def data_of(name: str, samples: int, seed: int) -> tuple[Dataset, Tensor]:
    """That many examples, centred, and their mean."""
    (part,) = examples_of(name).split(samples, seed=derive(seed, "samples"))
    mean = part.inputs.mean(0)
    return Dataset(part.inputs - mean, part.targets, part.classes, part.name), mean


def network_of(name: str, data: Dataset, seed: int) -> nn.Module:
    """The untrained network."""
    if name == "perceptron":
        sizes = [data.inputs[0].numel(), 100, 100, data.class_count]
        return mlp(sizes, activation="tanh", initialisation="torch", seed=derive(seed, "network"))
    return vgg(
        11, batch_norm=False, channels=data.inputs.shape[1], classes=data.class_count, seed=derive(seed, "network")
    )


def descent(seed: int, settings: Descent, pictures: bool) -> Rows:
    """Rows of the measures sharpness, pull, swings and removal; for one run the losses and the images, too."""
    data, mean = data_of(settings.data, settings.samples, seed)
    network = network_of(settings.network, data, seed)
    run = _train(network, data, settings)
    groups = opposing_groups(run.losses, k=settings.k, warmup=settings.warmup)
    matched = class_matched_controls(data.targets, groups, draws=settings.draws, seed=derive(seed, "matched"))
    several = {OPPOSING: [groups], MATCHED: matched, ANY: _random(len(data), groups, settings.draws, seed)}
    for step, value in run.sharpness.items():
        yield {"measure": "sharpness", "step": step, "value": settings.lr * value / 2}
    yield from _pulls(network, data, run, several, settings)
    for name, every in several.items():
        for draw, each in enumerate(every):
            found = swings(run.losses, each, start=settings.warmup)
            at: Row = {"measure": "swings", "method": name, "draw": draw}
            yield {**at, "correlation": found.correlation, "lag": found.up_lag}
    yield from _removals(network, data, run, groups, matched[0], settings)
    if pictures:
        yield from _pictures(data, mean, run, groups)


def _train(network: nn.Module, data: Dataset, settings: Descent) -> Trajectory:
    return record_losses(
        network,
        data,
        loss=squared,
        lr=settings.lr,
        steps=settings.steps,
        snapshot_every=settings.snapshot_every,
        sharpness_every=settings.sharpness_every,
        batch_size=settings.batch_size,
    )


def _random(count: int, groups: Groups, draws: int, seed: int) -> list[Groups]:
    """Groups drawn from all examples, whatever their class."""
    random, size = generator(derive(seed, "random")), len(groups.up)
    orders = [torch.randperm(count, generator=random) for _ in range(draws)]
    return [Groups(order[:size], order[size : 2 * size], -1, groups.delta) for order in orders]


def _pulls(
    network: nn.Module, data: Dataset, run: Trajectory, several: dict[str, list[Groups]], settings: Descent
) -> Iterator[Row]:
    chosen = several[OPPOSING][0].step
    for step, state in run.states.items():
        if step < settings.warmup or abs(step - chosen) <= settings.away:
            continue
        for name, every in several.items():
            for draw, each in enumerate(every):
                found = group_report(network, data, each, loss=squared, at=state, batch_size=settings.batch_size)
                at: Row = {"measure": "pull", "method": name, "draw": draw, "step": step}
                yield {**at, "cosine": found.cosine, "norm": found.up_norm, "share": found.loss_share}


def _removals(
    network: nn.Module, data: Dataset, run: Trajectory, groups: Groups, control: Groups, settings: Descent
) -> Iterator[Row]:
    """Training goes on from the end of the warm-up, on all examples and on what is left of them."""
    start = min(run.states, key=lambda step: abs(step - settings.warmup))
    for name, gone in ((ALL, None), (WITHOUT, groups), (WITHOUT_MATCHED, control)):
        kept = torch.ones(len(data), dtype=torch.bool)
        if gone is not None:
            kept[gone.both] = False
        rest = record_losses(
            network,
            data[kept],
            loss=squared,
            lr=settings.lr,
            steps=settings.without,
            at=run.states[start],
            sharpness_every=settings.sharpness_every,
            batch_size=settings.batch_size,
        )
        for step, value in rest.sharpness.items():
            yield {"measure": "removal", "method": name, "step": step, "value": settings.lr * value / 2}


def _pictures(data: Dataset, mean: Tensor, run: Trajectory, groups: Groups) -> Iterator[Row]:
    for step in range(len(run.losses)):
        row = run.losses[step]
        sides = {"up": row[groups.up].mean().item(), "down": row[groups.down].mean().item()}
        yield {"measure": "course", "step": step, "chosen": groups.step, "all": run.mean[step].item(), **sides}
    for side, members in (("loss rises", groups.up), ("loss falls", groups.down)):
        for number in members[:SHOWN].tolist():
            image = (data.inputs[number] + mean).mean(0)
            yield {"measure": "images", "side": side, "label": int(data.targets[number]), "picture": to_text(image)}
