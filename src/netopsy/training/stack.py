"""R networks of one architecture as one stack of parameters.

A stack of R networks makes the same number of calls as one. Parameters are stacked (`torch.func.stack_module_state`),
the gradient is vectorised over the stack (`torch.func.vmap`) and traced once into a plain list of tensor operations,
and since the optimisers work element by element, torch's own train the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.utils._pytree import tree_map_only

from netopsy.core.computed import copied
from netopsy.core.errors import InputError
from netopsy.core.masks import Masks
from netopsy.core.modes import device_of
from netopsy.data import Dataset
from netopsy.training.evaluation import correct
from netopsy.training.history import State
from netopsy.training.recipe import Recipe
from netopsy.training.tracing import traced


class Stack:
    """R networks as one set of stacked parameters, on which `torch.func.vmap` runs them all."""

    def __init__(self, models: Sequence[nn.Module], masks: Sequence[Masks] | None, recipe: Recipe) -> None:
        self.models, self.recipe = models, recipe
        self.device = device_of(models[0])
        parameters, self.buffers = stack_module_state(list(models))
        # One order in memory for all: a gradient lies in it as its parameter does, also of channels-last networks.
        self.parameters = {name: value.detach().contiguous() for name, value in parameters.items()}
        asking = {name for name, value in models[0].named_parameters() if value.requires_grad}
        self.trained = {name: value for name, value in self.parameters.items() if name in asking}
        self.frozen = {name: value for name, value in self.parameters.items() if name not in asking}
        self.base = copied(models[0]).to("meta")
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
            # The fused optimisers read memory in order.
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
