"""Train R replicas of one small network at once, as a stack.

On small networks the time goes into calls, not into arithmetic; a stack of R replicas makes the same number of calls as
one. Parameters are stacked (`torch.func.stack_module_state`), the gradient is vectorised over the stack
(`torch.func.vmap`) and traced once into a plain list of tensor operations, and since the optimisers work element by
element, torch's own train the stack.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_map_only

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.masks import Masks, check_masks
from netopsy.core.modes import check_model, device_of
from netopsy.core.progress import Task
from netopsy.core.seeds import check_seed, derive, reseed, seeded
from netopsy.data import Dataset, index_batches
from netopsy.training.checks import check_fit, check_kinds
from netopsy.training.evaluation import correct
from netopsy.training.history import Fit, State
from netopsy.training.plan import EvaluationSets, check_kept, evaluation_sets, evaluation_steps
from netopsy.training.recipe import Recipe
from netopsy.training.recorder import Recorder
from netopsy.training.steppers import stepper
from netopsy.training.tracing import traced


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
    Networks whose weights lie channels-last are not trained rightly as a stack: put them in order first, with
    ``.to(memory_format=torch.contiguous_format)``, or use `fit`.

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
    stack = _Stack(models, masks, recipe)
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


class _Stack:
    """R networks as one set of stacked parameters, on which `torch.func.vmap` runs them all."""

    def __init__(self, models: Sequence[nn.Module], masks: Sequence[Masks] | None, recipe: Recipe) -> None:
        self.models, self.recipe = models, recipe
        self.device = device_of(models[0])
        parameters, self.buffers = stack_module_state(list(models))
        self.parameters = {name: value.detach() for name, value in parameters.items()}
        asking = {name for name, value in models[0].named_parameters() if value.requires_grad}
        self.trained = {name: value for name, value in self.parameters.items() if name in asking}
        self.frozen = {name: value for name, value in self.parameters.items() if name not in asking}
        self.base = copy.deepcopy(models[0]).to("meta")
        self.names = _owners(models[0])
        untied = dict(_named_tensors(self.base))  # the way to "meta" tears apart what two modules share
        self.tied = {name: own for name, own in self.names.items() if untied[name] is not untied[own]}
        names = list(masks[0]) if masks else []
        self.masked = [self.parameters[name] for name in names]
        self.masks = [torch.stack([own[name] for own in masks or ()]).to(self.parameters[name]) for name in names]
        self.enforce_masks()
        self._gradients: Callable[..., tuple[State, Tensor]] | None = None
        self._run_shared = vmap(self._outputs, in_dims=(0, 0, None))

    def _outputs(self, parameters: State, buffers: State, inputs: Tensor) -> Tensor:
        values = {**parameters, **buffers}
        values |= {name: values[own] for name, own in self.tied.items()}
        outputs: Tensor = functional_call(self.base, values, (inputs,))
        return outputs

    def _loss(self, trained: State, frozen: State, buffers: State, inputs: Tensor, targets: Tensor) -> Tensor:
        return self.recipe.loss_of(self._outputs({**trained, **frozen}, buffers, inputs), targets).mean()

    def set_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Set the gradients for a batch a replica, ``[replicas, batch, ...]``; returns the losses ``[replicas]``."""
        given = self.trained, self.frozen, self.buffers, inputs, targets
        if self._gradients is None:
            self._gradients = self._trace(*given)
        for parameter in self.trained.values():
            parameter.grad = None  # given back first, so that the new gradients land in the same, cached memory
        gradients, losses = self._gradients(*given)
        for name, parameter in self.trained.items():
            # The fused optimisers read memory in order, so a gradient must lie in it as its parameter does.
            parameter.grad = gradients[name].contiguous()
        return losses

    def _trace(self, *example: Any) -> Callable[..., tuple[State, Tensor]]:
        """The gradient of the loss over the stack, known to run on ``example``."""
        vectorised = vmap(grad_and_value(self._loss), randomness="different")
        found = traced(vectorised, *example)
        if found is vectorised:
            copies = tree_map_only(Tensor, torch.clone, example)
            try:
                with torch.random.fork_rng():
                    vectorised(*copies)
            except Exception as error:
                reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
                raise InputError(
                    f"models cannot run as a stack, which needs a forward pass that torch.func.vmap can vectorise "
                    f"({reason}); train them one at a time with fit"
                ) from error
        return found

    def mode(self, *, training: bool) -> None:
        self.base.train(training)

    @torch.no_grad()
    def enforce_masks(self) -> None:
        if self.masked:
            torch._foreach_mul_(self.masked, self.masks)

    @torch.no_grad()
    def evaluate(self, data: Dataset, batch_size: int = 1024) -> tuple[Tensor, Tensor]:
        """Loss and accuracy of every replica on ``data``, each ``[replicas]``."""
        self.mode(training=False)
        losses, hits = [], []
        for start in range(0, len(data), batch_size):
            inputs = data.inputs[start : start + batch_size].to(self.device)
            targets = data.targets[start : start + batch_size].to(self.device)
            outputs = self._run_shared(self.parameters, self.buffers, inputs)
            flat, repeated = outputs.flatten(0, 1), targets.repeat(len(self.models), *[1] * (targets.ndim - 1))
            losses.append(self.recipe.loss_of(flat, repeated).view(len(self.models), -1))
            hits.append(correct(flat, repeated, self.recipe.loss).view(len(self.models), -1))
        self.mode(training=True)
        return torch.cat(losses, 1).mean(1).cpu(), torch.cat(hits, 1).mean(1).cpu()

    def states(self) -> list[State]:
        """A copy of each replica's state, on the CPU."""
        stacked = {**self.parameters, **self.buffers}
        names = {name: self.names[name] for name in self.models[0].state_dict() if name in self.names}
        return [
            {name: stacked[own][i].detach().to("cpu", copy=True) for name, own in names.items()}
            for i in range(len(self.models))
        ]

    @torch.no_grad()
    def write_back(self) -> None:
        """Put the stack's values into the networks."""
        for i, model in enumerate(self.models):
            for name, value in (*model.named_parameters(), *model.named_buffers()):
                value.copy_({**self.parameters, **self.buffers}[name][i])


def _owners(model: nn.Module) -> dict[str, str]:
    """The name of every parameter and buffer to the one it is stacked under, which names of one tensor share."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(value), name) for name, value in _named_tensors(model)}


def _named_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


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
