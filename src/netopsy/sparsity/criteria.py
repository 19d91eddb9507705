"""Criteria: scores that say which weights to keep, and masks that keep those of the largest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite, check_tensor, finite
from netopsy.core.computed import call_with
from netopsy.core.errors import InputError, UnknownNameError, lookup, require
from netopsy.core.masks import check_tensors, prunable_parameters
from netopsy.core.modes import check_model, device_of, running_on
from netopsy.core.outputs import single_output
from netopsy.core.seeds import derive, generator, seeded
from netopsy.sparsity.largest import largest
from netopsy.sparsity.ratios import check_density, check_shares
from netopsy.training.checks import check_answers
from netopsy.training.losses import LOSSES

Loss = str | Callable[[Tensor, Tensor], Tensor]
"""A loss of `netopsy.training` by name, or a function of outputs and targets; several values are averaged."""
OwnCriterion = Callable[[Tensor, Tensor | None], Tensor]
"""Scores of a weight, given it and its gradient (``None`` where no inputs were given)."""

CRITERIA = ("magnitude", "snip", "grasp", "taylor", "random")
_OF_THE_GRADIENT: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "snip": lambda weight, gradient: (weight * gradient).abs(),
    "taylor": lambda weight, gradient: (weight * gradient).square(),
}


@checked
def scores(
    model: nn.Module,
    criterion: str | OwnCriterion,
    inputs: Tensor | None = None,
    targets: Tensor | None = None,
    *,
    loss: Loss = "cross_entropy",
    names: Sequence[str] | None = None,
    seed: int = 0,
    temperature: float | int = 200.0,
) -> dict[str, Tensor]:
    """How much each weight is worth keeping: larger is worth more.

    With ``w`` the weights, ``g`` the gradient of the mean loss of the batch and ``H`` its Hessian:

    - ``magnitude``: ``|w|``; needs no batch.
    - ``snip``: ``|g * w|``, what the loss changes by to first order when the weight goes (Lee et al. 2019, arXiv
      1810.02340, equation 5, without its common factor); one backward pass.
    - ``taylor``: ``(g * w)^2`` (Molchanov et al. 2019, arXiv 1906.10771, equation 8): the order of ``snip``, but sums
      over groups of weights differ; one backward pass.
    - ``grasp``: ``w * Hg`` (Wang et al. 2020, arXiv 2002.07376, equation 8): keeping the largest keeps the gradient
      flow. That is the negative of the paper's score, of which the largest go. Two backward passes.
    - ``random``: uniform numbers from ``seed``.

    The network runs once, in the mode that it is in: at initialisation that is training mode, with the batch norms on
    the statistics of the batch. It is left as it was found, statistics, gradients and random state included.

    Args:
        criterion: one of these names, or a function that gives the scores of a weight from it and its gradient, which
            is ``None`` without inputs.
        inputs, targets: one batch, for what needs a gradient.
        loss: see `Loss`.
        names: parameters to score; by default `netopsy.core.masks.prunable_parameters`.
        seed: for dropout, and for ``random``.
        temperature: what outputs are divided by under ``grasp``.

    Raises:
        InputError: an unknown criterion, loss or parameter, a missing batch, one that does not fit the network, a
            network that cannot be differentiated, or scores that are not finite.

    >>> net = nn.Linear(3, 2)
    >>> found = scores(net, "snip", torch.rand(8, 3), torch.arange(8) % 2)
    >>> list(found), tuple(found["weight"].shape), net.weight.grad is None
    (['weight'], (2, 3), True)
    """
    check_model(model)
    known = isinstance(criterion, str) and criterion in CRITERIA
    if not callable(criterion) and not known:
        raise UnknownNameError("criterion", criterion, CRITERIA)
    weights = _weights(model, names)
    require(0 < temperature < float("inf"), f"temperature must be positive and finite, got {temperature}")
    if criterion == "magnitude":
        found = {name: weight.abs() for name, weight in weights.items()}
    elif criterion == "random":
        found = {name: _random(weight, derive(seed, "scores", name)) for name, weight in weights.items()}
    elif callable(criterion) and inputs is None:
        found = {name: criterion(weight, None) for name, weight in weights.items()}
    else:
        if inputs is None or targets is None:
            raise InputError(f"criterion {criterion!r} needs a batch: give inputs and targets")
        divided = temperature if criterion == "grasp" else 1.0
        first, second = _gradients(model, weights, inputs, targets, loss, seed, divided, flow=criterion == "grasp")
        of_one = criterion if callable(criterion) else _OF_THE_GRADIENT.get(criterion, torch.mul)
        chosen = second if criterion == "grasp" else first
        found = {name: of_one(weight, chosen[name]) for name, weight in weights.items()}
    for name, values in found.items():
        wanted = tuple(weights[name].shape)
        fits = isinstance(values, Tensor) and tuple(values.shape) == wanted
        require(fits, f"criterion must give scores of shape {wanted} for {name!r}")
        require(finite(values), f"the scores of {name!r} are not all finite")
    return {name: values.detach() for name, values in found.items()}


@checked
def keep_largest(scores: Mapping[str, Tensor], density: float | int | Mapping[str, float | int]) -> dict[str, Tensor]:
    """Masks that keep the weights of the largest scores, in exact numbers.

    Args:
        scores: parameter name to scores.
        density: a share in (0, 1] of all weights, which are pooled; or one in [0, 1] for each name, taken within it.

    Of equal scores the one that comes first goes first, as in `netopsy.sparsity.lottery_ticket.magnitude_masks`.

    Returns:
        parameter name to bool mask, ``round(share * size)`` of it True, over all names together or each.

    Raises:
        InputError: shares out of range, names that differ, or scores with NaN among them.

    >>> masks = keep_largest({"a": torch.tensor([3.0, 1.0]), "b": torch.tensor([2.0, 4.0])}, 0.5)
    >>> masks["a"].tolist(), masks["b"].tolist()
    ([True, False], [False, True])
    """
    check_tensors("scores", scores)
    require(scores, "scores is empty; give at least one parameter name and its scores")
    for name, values in scores.items():
        require(values.numel() > 0, f"scores[{name!r}] is empty")
        require(not values.isnan().any(), f"scores[{name!r}] holds NaN")
    flat = {name: values.detach().reshape(-1) for name, values in scores.items()}
    if isinstance(density, Mapping):
        check_shares(density, scores)
        kept = {name: largest(values, round(density[name] * len(values))) for name, values in flat.items()}
    else:
        check_density(density)
        pooled = torch.cat(list(flat.values()))
        pieces = largest(pooled, round(density * len(pooled))).split([len(values) for values in flat.values()])
        kept = dict(zip(flat, pieces, strict=True))
    return {name: mask.view(scores[name].shape) for name, mask in kept.items()}


def _weights(model: nn.Module, names: Sequence[str] | None) -> dict[str, Tensor]:
    if names is None:
        return {name: weight.detach() for name, weight in prunable_parameters(model).items()}
    require(names, "names is empty; give at least one parameter name")
    parameters = dict(model.named_parameters())
    for name in names:
        if name not in parameters:
            raise UnknownNameError("parameter in names", name, parameters)
    return {name: parameters[name].detach() for name in names}


def _random(weight: Tensor, seed: int) -> Tensor:
    return torch.rand(weight.shape, generator=generator(seed)).to(weight)


def _gradients(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    inputs: Tensor,
    targets: Tensor,
    loss: Loss,
    seed: int,
    temperature: float,
    *,
    flow: bool,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The gradient by name, and where ``flow`` asks for it the Hessian's product with it."""
    device = device_of(model)
    check_tensor(inputs, "inputs")
    check_finite(inputs, "inputs")
    check_tensor(targets, "targets")
    require(
        inputs.ndim > 0 and targets.ndim > 0 and 0 < len(inputs) == len(targets),
        f"inputs and targets must be one batch of equal length, got shapes {tuple(inputs.shape)} and "
        f"{tuple(targets.shape)}",
    )
    of_loss = lookup("loss", loss, LOSSES) if isinstance(loss, str) else loss
    require(callable(of_loss), f"loss must be a name or a function of outputs and targets, got {loss!r}")
    inputs, targets = inputs.to(device), targets.to(device)
    asked = [(w.clone() if w.is_inference() else w.detach()).requires_grad_() for w in weights.values()]
    # Copies take what a forward pass writes in place: the statistics of batch norms.
    values = {name: value.detach() for name, value in model.named_parameters()}
    values |= {name: value.clone() for name, value in model.named_buffers()}
    values |= dict(zip(weights, asked, strict=True))
    # Of the kernels of attention only the plain one can be differentiated twice.
    attention = sdpa_kernel(SDPBackend.MATH) if flow else nullcontext()
    with torch.inference_mode(False), torch.enable_grad(), seeded(seed), attention:
        with running_on(inputs, model):
            outputs = single_output(call_with(model, values, inputs))
        if isinstance(loss, str):
            check_answers(outputs, targets, loss)
        lost = of_loss(outputs / temperature, targets).mean()
        first = _gradient(lost, asked, create_graph=flow)
        product = sum((gradient * gradient.detach()).sum() for gradient in first) if flow else None
        second = _gradient(product, asked) if isinstance(product, Tensor) else first
    return dict(zip(weights, first, strict=True)), dict(zip(weights, second, strict=True))


def _gradient(value: Tensor, asked: Sequence[Tensor], *, create_graph: bool = False) -> Sequence[Tensor]:
    """Zeros where a value does not depend on what is asked for."""
    if not value.requires_grad:
        return [torch.zeros_like(one) for one in asked]
    try:
        found = torch.autograd.grad(value, asked, create_graph=create_graph, allow_unused=True, materialize_grads=True)
    except (RuntimeError, NotImplementedError) as error:
        raise InputError(f"the network cannot be differentiated as often as the criterion needs: {error}") from error
    return [one if create_graph else one.detach() for one in found]
