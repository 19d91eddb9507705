"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.masks import Masks, apply_masks, check_masks
from netopsy.core.modes import device_of, training
from netopsy.core.progress import Task
from netopsy.core.seeds import check_seed, derive, generator, reseed, seeded
from netopsy.data import Dataset, index_batches
from netopsy.training.checkpoint import Checkpoint, run_identity
from netopsy.training.checks import check_fit, check_kinds
from netopsy.training.evaluation import evaluate
from netopsy.training.history import Fit
from netopsy.training.plan import EvaluationSets, check_kept, evaluation_sets, evaluation_steps, set_lr
from netopsy.training.recipe import Recipe
from netopsy.training.recorder import Recorder

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Augment = Callable[[Tensor, torch.Generator], Tensor]


@checked
def fit(
    model: nn.Module,
    data: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    evaluation: EvaluationSets = None,
    evaluate_every: int | None = None,
    patience: int | None = None,
    masks: Masks | None = None,
    keep_states: Sequence[int] = (),
    start_step: int = 0,
    augment: Augment | None = None,
    on_step: Callable[[int, nn.Module], None] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    fabric: Fabric | None = None,
) -> Fit:
    """Train ``model`` in place.

    The order of the batches and the units that dropout leaves out depend on ``seed`` and the step alone, so a run that
    is interrupted and resumed from its checkpoint, or started at ``start_step`` from the state kept there, goes the way
    of an undisturbed one. torch's global random state is put back at the end.

    Args:
        data: the training set; it is moved to the device once.
        seed: for the order of the batches, the augmentation and dropout.
        evaluation: a set, or several by name, evaluated every ``evaluate_every`` steps and at the end.
        patience: stop after this many evaluations in a row without a new least loss on the first evaluation set.
        masks: parameter name to kept weights; the others are exactly 0 from the start on.
        keep_states: numbers of done steps (0: before the first) at which to keep the network's state, for rewinding.
        start_step: the step to begin with; schedule and batches are those of that step.
        augment: called with each batch of inputs and a generator; returns the inputs to train on.
        on_step: called after each step with the number of steps done and the model.
        checkpoint: a file to resume from if it is there, written every ``checkpoint_every`` steps and at the end. It
            is that of one run: all arguments but ``on_step`` and ``fabric`` must be the same, and so must the network's
            architecture; a finished run is handed back and nothing is trained.
        fabric: for another device, mixed precision or several GPUs: a launched `lightning_fabric.Fabric`. The default
            trains in full precision where the model is.

    Raises:
        InputError: a set, mask, step or checkpoint that does not fit.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> run = fit(mlp([64, 16, 10]), digits(), Recipe(steps=30), evaluation=digits(), evaluate_every=10)
    >>> run.history.steps.tolist()
    [10, 20, 30]
    """
    check_kinds(model, data, recipe)
    check_seed(seed)
    sets = evaluation_sets(evaluation)
    at = evaluation_steps(recipe, sets, evaluate_every, start_step)
    require(patience is None or (patience > 0 and sets), "patience must be at least 1 and needs an evaluation set")
    check_kept(keep_states, start_step, recipe.steps)
    if masks is not None:
        check_masks(model, masks)
    require(
        fabric is None or hasattr(fabric, "setup"),
        f"fabric must be a lightning_fabric.Fabric, got {type(fabric).__name__}",
    )
    fabric = fabric or _single_device(device_of(model))
    network, optimizer = fabric.setup(model, recipe.make_optimizer(p for p in model.parameters() if p.requires_grad))
    data = data.to(fabric.device)
    check_fit(network, data, recipe.loss)
    recorder = Recorder(replicas=1, sets=sets)
    identity = {}
    if checkpoint is not None:
        identity = run_identity(
            model,
            data,
            recipe,
            seed=seed,
            evaluation=sets,
            evaluate_every=evaluate_every,
            patience=patience,
            masks=masks,
            keep_states=sorted(keep_states),
            start_step=start_step,
            augment=augment,
        )
    saved = Checkpoint(checkpoint, checkpoint_every, model, optimizer, recorder, identity=identity)
    saved.writes = fabric.is_global_zero  # all processes read it, one writes it
    first = saved.resume(start_step)
    batches = index_batches(len(data), recipe.batch_size, seed, first)
    masked = apply_masks(model, masks) if masks is not None else None
    done = first
    keep = set(keep_states)

    def look(done: int) -> None:
        if done in keep:
            recorder.keep(done, [{name: v.detach().to("cpu", copy=True) for name, v in model.state_dict().items()}])
        if done in at:
            results = {name: evaluate(network, part, loss=recipe.loss) for name, part in sets.items()}
            pairs = {n: (torch.tensor([r.loss]), torch.tensor([r.accuracy])) for n, r in results.items()}
            recorder.evaluated(done, pairs)

    def waited() -> bool:
        """Whether patience is at its end: told from the history, so that a resumed run knows it too."""
        return patience is not None and recorder.evaluations_without_progress(next(iter(sets))) >= patience

    try:
        with training(network), seeded(seed), Task("training", recipe.steps - first) as task:
            if first == start_step:
                look(first)
            while done < recipe.steps and not waited():
                step = done
                # What the network draws from the global state, for its dropout, is a matter of seed and step too.
                reseed(derive(seed, "forward", fabric.global_rank, step), fabric.device)
                indices = next(batches).tensor_split(fabric.world_size)[fabric.global_rank]
                inputs, targets = data.inputs[indices], data.targets[indices]
                if augment is not None:
                    inputs = augment(inputs, generator(derive(seed, "augment", step)))
                set_lr(optimizer, recipe.lr_at(step))
                loss = recipe.loss_of(network(inputs), targets).mean()
                optimizer.zero_grad()
                fabric.backward(loss)
                optimizer.step()
                recorder.stepped(loss.detach()[None])
                done = step + 1
                look(done)
                if on_step is not None:
                    on_step(done, model)
                saved.after(done)
                task.advance()
    finally:
        if masked is not None:
            masked.remove()
    saved.write(done)
    return recorder.fits(done)[0]


def _single_device(device: torch.device) -> Fabric:
    from lightning_fabric import Fabric

    return Fabric(accelerator=device.type, devices=1 if device.index is None else [device.index])
