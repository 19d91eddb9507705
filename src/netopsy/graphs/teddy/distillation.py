"""Listening to another network's answers."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from netopsy.core.arguments import checked
from netopsy.core.errors import require


@checked
def distillation_loss(
    student: Float[Tensor, "nodes classes"], teacher: Float[Tensor, "nodes classes"], *, T: float = 1.0
) -> Float[Tensor, ""]:
    """``KL(softmax(teacher / T) || softmax(student / T))``, the mean over nodes, times ``T^2``; nats.

    No gradient goes to the teacher. The paper has no temperature (T = 1); with another the factor keeps the gradient's
    size, as Hinton et al. (arXiv 1503.02531) have it.

    Args:
        student, teacher: logits.

    Raises:
        InputError: logits of two shapes, or a temperature that is not positive.

    Source: Seo et al. 2024, section 4.2.

    >>> import torch
    >>> logits = torch.tensor([[0.0, 2.0]])
    >>> float(distillation_loss(logits, logits))
    0.0
    """
    require(
        student.shape == teacher.shape and student.ndim == 2,
        f"student and teacher must be logits [nodes, classes], got {tuple(student.shape)} and {tuple(teacher.shape)}",
    )
    require(T > 0, f"T must be positive, got {T}")
    wanted = (teacher.detach() / T).log_softmax(1)
    answers = (student / T).log_softmax(1)
    return T**2 * functional.kl_div(answers, wanted, reduction="batchmean", log_target=True)
