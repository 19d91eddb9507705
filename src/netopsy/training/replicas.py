"""Train R replicas of one small network at once, as a stack: on small networks the time goes into calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.masks import Masks, check_masks
from netopsy.core.modes import check_model
from netopsy.core.progress import Task
from netopsy.core.seeds import check_seed, derive, reseed, seeded
from netopsy.data import Dataset, index_batches
from netopsy.training.checks import check_fit, check_kinds
from netopsy.training.history import Fit
from netopsy.training.plan import EvaluationSets, check_kept, evaluation_sets, evaluation_steps
from netopsy.training.recipe import Recipe
from netopsy.training.recorder import Recorder
from netopsy.training.stack import Stack
from netopsy.training.steppers import stepper


@checked
def fit_many(
    models: Sequence[nn.Module],
    data: Dataset,
    recipe: Recipe,
    *,
    seeds: Sequence[int],
    evaluation: EvaluationSets = None,
    evaluate_every: int | None = None,
    masks: Sequence[Masks] | None = None,
    keep_states: Sequence[int] = (),
    start_step: int = 0,
) -> list[Fit]:
    """Train every model in place; the same as R runs of `fit`, up to rounding.

    Adam divides a gradient by its own size, so where a gradient is nothing but rounding (a bias in front of a batch
    norm, a pixel that is hardly ever on) the two can drift apart in weights that do not matter to the output. A
    parameter that the loss never sees has no gradient in `fit` and one of zeros here, so that here weight decay acts on
    it. What a forward pass decides in Python rather than on tensors (a counter, `random`) is decided once. Dropout
    follows the step and all of ``seeds`` together: the same call leaves out the same units, a single `fit` others.

    Args:
        models: R networks of one architecture, each with initial values of its own.
        data: the training set, shared; each replica draws batches in the order of its own seed.
        seeds: one a replica, for the order of the batches.
        evaluation, evaluate_every, keep_states, start_step: as in `fit`.
        masks: one set of masks a replica, all over the same parameters; masked weights stay exactly 0.

    Returns:
        one `Fit` a replica, in order.

    Raises:
        InputError: networks that differ in architecture or share parameters, that cannot run as a stack, or lists of
            different lengths. The networks are as they were then.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> runs = fit_many([mlp([64, 8, 10], seed=s) for s in (0, 1)], digits(), Recipe(steps=5), seeds=[0, 1])
    >>> len(runs), runs[0].history.train_loss.shape
    (2, torch.Size([5]))
    """
    _check(models, seeds, masks)
    check_kinds(models[0], data, recipe)
    sets = evaluation_sets(evaluation)
    at = evaluation_steps(recipe, sets, evaluate_every, start_step)
    check_kept(keep_states, start_step, recipe.steps)
    check_fit(models[0], data, recipe.loss)
    stack = Stack(models, masks, recipe)
    optimizer = stepper(list(stack.trained.values()), recipe)
    inputs, targets = data.inputs.to(stack.device), data.targets.to(stack.device)
    batches = _stacked_batches(len(data), recipe.batch_size, seeds, start_step)
    recorder = Recorder(replicas=len(models), sets=sets)
    keep = set(keep_states)

    def look(done: int) -> None:
        if done in keep:
            recorder.keep(done, stack.states())
        if done in at:
            recorder.evaluated(done, {name: stack.evaluate(part) for name, part in sets.items()})

    stack.mode(training=True)
    with seeded(seeds[0]), Task(f"training {len(models)} networks", recipe.steps - start_step) as task:
        look(start_step)
        for step in range(start_step, recipe.steps):
            indices = next(batches)
            reseed(derive(seeds[0], "forward", *seeds[1:], step), stack.device)
            losses = stack.set_gradients(inputs[indices], targets[indices])
            optimizer.step(recipe.lr_at(step))
            stack.enforce_masks()
            recorder.stepped(losses)
            look(step + 1)
            task.advance()
    stack.write_back()
    return recorder.fits(recipe.steps)


def _stacked_batches(n: int, batch_size: int, seeds: Sequence[int], start: int) -> Iterator[Tensor]:
    streams = [index_batches(n, batch_size, seed, start) for seed in seeds]
    while True:
        yield torch.stack([next(stream) for stream in streams])


def _check(models: Sequence[nn.Module], seeds: Sequence[int], masks: Sequence[Masks] | None) -> None:
    require(len(models) > 0, "models is empty; give at least one network")
    for model in models:
        check_model(model)
    require(len(seeds) == len(models), f"seeds must have one entry a model, {len(models)}, got {len(seeds)}")
    for seed in seeds:
        check_seed(seed)
    parts = [value for model in models for value in model.parameters()]
    require(
        len({id(value) for value in parts}) == len(parts),
        "models must be networks of their own, but two of them share parameters: give each its own, with copy.deepcopy",
    )
    states = [{n: (v.shape, v.dtype, v.device) for n, v in m.state_dict().items()} for m in models]
    require(all(own == states[0] for own in states), "models must all be of one architecture: their states differ")
    layers = [[(name, type(layer), layer.extra_repr()) for name, layer in model.named_modules()] for model in models]
    require(all(own == layers[0] for own in layers), "models must all be of one architecture: their layers differ")
    asking = [{name for name, value in model.named_parameters() if value.requires_grad} for model in models]
    for names in asking:
        differing = sorted(names ^ asking[0])
        require(
            not differing,
            f"models must all train the same parameters, but requires_grad differs for {', '.join(differing[:4])}",
        )
    for name, layer in models[0].named_modules():
        averages = isinstance(layer, _BatchNorm) and layer.track_running_stats and layer.momentum is None
        require(
            not averages,
            f"layer {name!r} is a batch norm with momentum=None, which counts its batches in Python and cannot run as "
            "a stack: give it a momentum, or train the networks one at a time with fit",
        )
    require(
        len({model.training for model in models}) == 1, "models must all be in training mode, or all in evaluation mode"
    )
    if masks is not None:
        require(len(masks) == len(models), f"masks must have one entry a model, {len(models)}, got {len(masks)}")
        for model, own in zip(models, masks, strict=True):
            check_masks(model, own)
        require(all(list(own) == list(masks[0]) for own in masks), "masks must name the same parameters in every entry")
