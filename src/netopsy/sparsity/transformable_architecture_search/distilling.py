"""Training a small network with a large one as its teacher."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.modes import check_model, device_of, evaluating, training
from netopsy.core.progress import Task
from netopsy.core.seeds import check_seed, derive, generator, reseed, seeded
from netopsy.data import Dataset, batches_per_epoch, index_batches
from netopsy.models.blocks import require_count
from netopsy.sparsity.transformable_architecture_search.search import Augment
from netopsy.training import Fit, Recipe
from netopsy.training.checks import check_fit, check_kinds
from netopsy.training.evaluation import evaluate
from netopsy.training.plan import EvaluationSets, evaluation_sets, set_lr
from netopsy.training.recorder import Recorder


@checked
def kd_loss(
    student_logits: Float[Tensor, "batch classes"],
    teacher_logits: Float[Tensor, "batch classes"],
    targets: Int[Tensor, "batch"],
    *,
    lam: float | int = 0.9,
    temperature: float | int = 4.0,
) -> Tensor:
    """(1 - lam) cross-entropy + lam T^2 KL(teacher || student), both softened by the temperature T; the mean over the
    batch. Equation 8 of Dong and Yang 2019, after Hinton et al. 2015.

    Raises:
        InputError: a share outside [0, 1], a temperature that is not positive.

    >>> logits, targets = torch.tensor([[0.0, 1.0]]), torch.tensor([1])
    >>> round(float(kd_loss(logits, logits, targets)), 4)  # a tenth of the cross-entropy
    0.0313
    """
    require(0 <= lam <= 1, f"lam must be in [0, 1], got {lam}")
    require(0 < temperature < math.inf, f"temperature must be positive and finite, got {temperature}")
    hard = functional.cross_entropy(student_logits, targets)
    ours, theirs = ((each / temperature).log_softmax(1) for each in (student_logits, teacher_logits))
    soft = functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)
    return (1 - lam) * hard + lam * temperature**2 * soft


@checked
def distill(
    student: nn.Module,
    teacher: nn.Module | None,
    data: Dataset,
    *,
    epochs: int = 300,
    batch_size: int = 256,
    lr: float | int = 0.1,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    warmup: int = 0,
    lam: float | int = 0.9,
    temperature: float | int = 4.0,
    recipe: Recipe | None = None,
    augment: Augment | None = None,
    evaluation: EvaluationSets = None,
    seed: int = 0,
) -> Fit:
    """Train ``student`` in place, with the cross-entropy and the softened answers of a teacher.

    SGD with Nesterov momentum; the learning rate falls along half a cosine. Section 3.3 of Dong and Yang 2019, whose
    numbers for CIFAR are the defaults. The teacher is left as it is.

    Args:
        teacher: a trained network; None: train on the labels alone, in the same way.
        data: inputs and class numbers.
        warmup: epochs over which the learning rate first rises (the authors' code has 5).
        recipe: how the student learns, in place of the paper's training and all numbers of it; its loss is not used.
        augment: called with each batch of inputs and a generator; student and teacher see what it returns.
        evaluation: a set, or several by name, evaluated at the end.
        seed: of batches, augmentation and dropout; torch's global random state stays as it is.

    Raises:
        InputError: numbers out of range, a teacher with other classes, data that does not fit.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> run = distill(mlp([64, 8, 10]), mlp([64, 32, 10]), digits(), epochs=1, evaluation=digits())
    >>> run.steps
    7
    """
    check_seed(seed)
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        require_count(name, value)
    per_epoch, papers = batches_per_epoch(len(data), batch_size), recipe is None
    recipe = recipe or Recipe(
        steps=epochs * per_epoch,
        batch_size=batch_size,
        optimizer="sgd",
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        schedule="cosine",
        warmup=warmup * per_epoch,
    )
    check_kinds(student, data, recipe)
    data, sets = data.to(device_of(student)), evaluation_sets(evaluation)
    check_fit(student, data, recipe.loss)
    if teacher is None:
        lam, answers = 0.0, None
    else:
        answers = _answers(student, teacher, data)
    kd_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64), lam=lam, temperature=temperature)
    asking = [each for each in student.parameters() if each.requires_grad]
    optimizer = recipe.make_optimizer(asking)
    for group in optimizer.param_groups if papers else ():
        group["nesterov"] = momentum > 0
    recorder, batches = Recorder(replicas=1, sets=sets), index_batches(len(data), recipe.batch_size, seed)
    with training(student), torch.enable_grad(), seeded(seed), Task("training", recipe.steps) as task:
        for step in range(recipe.steps):
            indices = next(batches)
            reseed(derive(seed, "forward", step), data.inputs.device)
            inputs, targets = data.inputs[indices], data.targets[indices]
            if augment is not None:
                inputs = augment(inputs, generator(derive(seed, "augment", step)))
            logits = student(inputs)
            if teacher is None or answers is None:
                loss = functional.cross_entropy(logits, targets)
            else:
                theirs = answers[indices] if augment is None else _asked(teacher, inputs)
                loss = kd_loss(logits, theirs, targets, lam=lam, temperature=temperature)
            set_lr(optimizer, recipe.lr_at(step))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.stepped(loss.detach()[None])
            task.advance()
    if sets:
        found = {name: evaluate(student, part) for name, part in sets.items()}
        recorder.evaluated(
            recipe.steps, {n: (torch.tensor([r.loss]), torch.tensor([r.accuracy])) for n, r in found.items()}
        )
    return recorder.fits(recipe.steps)[0]


def _answers(student: nn.Module, teacher: nn.Module, data: Dataset) -> Tensor:
    """The teacher's logits on all of the data, asked once."""
    check_model(teacher)
    found = evaluate(teacher, data).outputs.to(data.inputs.device)
    own = evaluate(student, data[:2]).outputs.shape[1]
    require(found.shape[1] == own, f"teacher must have {own} classes as the student, got {found.shape[1]}")
    return found


@torch.no_grad()
def _asked(teacher: nn.Module, inputs: Tensor) -> Tensor:
    with evaluating(teacher):
        answers: Tensor = teacher(inputs)
    return answers
