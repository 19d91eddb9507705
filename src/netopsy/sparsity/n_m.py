"""N:M sparsity: of every M consecutive weights N stay, the pattern that sparse tensor cores multiply fast."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import InputError, require
from netopsy.core.masks import Masks, check_masks, check_tensors, zero_masked


@checked
def n_m_masks(scores: Mapping[str, Tensor], n: int = 2, m: int = 4) -> dict[str, Tensor]:
    """Masks that keep the ``n`` largest scores of every ``m`` consecutive ones along the input dimension.

    Mishra et al. 2021 (arXiv 2104.08378), section 3. The groups lie along the second side of a weight
    ``(out, in, *kernel)``, at each place of the kernel by themselves. Of equal scores the one that comes first goes
    first.

    Raises:
        InputError: numbers that are no ``0 < n <= m``, scores of fewer than two sides, with NaN among them, or with a
            second side that ``m`` does not divide.

    >>> n_m_masks({"fc": torch.tensor([[3.0, 1.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0]])})["fc"].int().tolist()
    [[1, 0, 0, 1], [0, 0, 1, 1]]
    """
    check_tensors("scores", scores)
    require(scores, "scores is empty; give at least one parameter name and its scores")
    require(0 < n <= m, f"n and m must be counts with 0 < n <= m, got n={n} and m={m}")
    for name, values in scores.items():
        side = values.shape[1] if values.ndim > 1 else 0
        require(
            side > 0 and side % m == 0,
            f"scores[{name!r}] must have a second side that m={m} divides, got shape {tuple(values.shape)}",
        )
        require(not values.isnan().any(), f"scores[{name!r}] holds NaN")
    return {name: _of_groups(values.detach(), n, m) for name, values in scores.items()}


def _of_groups(values: Tensor, n: int, m: int) -> Tensor:
    last = values.movedim(1, -1)
    groups = last.reshape(-1, m)
    order = groups.sort(dim=1, stable=True).indices
    kept = torch.zeros_like(groups, dtype=torch.bool).scatter_(1, order[:, m - n :], True)
    return kept.view(last.shape).movedim(-1, 1).contiguous()


@checked
def semi_structured(model: nn.Module, masks: Masks) -> nn.Module:
    """A copy of ``model`` for inference with 2:4 masked linear layers in torch's semi-structured form.

    Only the weights of linear layers have this form in torch; other masked weights are set to zero and stay as they
    are. The network must be on a CUDA device of compute capability 8.0 or more, in half precision or bfloat16, with
    sides of the weights that the kernels take.

    Raises:
        InputError: masks that do not fit, keep more than two of four, or a device or weight that torch has no kernel
            for.

    >>> from contextlib import suppress
    >>> net = nn.Linear(64, 64)
    >>> with suppress(InputError):  # where the network is not on such a device
    ...     fast = semi_structured(net, n_m_masks({"weight": net.weight.detach().abs()}))
    """
    weights = check_masks(model, masks)
    sparse = zero_masked(copied(model), masks).eval()
    owners = {id(module.weight): name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    chosen = {name: owners[id(weight)] for name, weight in weights.items() if id(weight) in owners}
    require(chosen, "masks names no weight of a linear layer, the only ones that torch has this form for")
    for name, layer in chosen.items():
        kept = masks[name].bool()
        require(
            kept.shape[1] % 4 == 0 and bool((kept.reshape(-1, 4).sum(1) <= 2).all()),
            f"masks[{name!r}] must keep at most two of every four weights along the input dimension: see n_m_masks",
        )
        try:
            converted = torch.sparse.to_sparse_semi_structured(sparse.get_parameter(name).detach())
        except (RuntimeError, NotImplementedError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"layer {layer!r} cannot take torch's semi-structured form here: {reason}") from error
        sparse.get_submodule(layer).weight = nn.Parameter(converted, requires_grad=False)
    return sparse
