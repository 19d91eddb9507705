"""The controls a ticket is compared with: its mask with other weights, and other masks of its density."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import require
from netopsy.core.masks import Masks, check_masks, check_tensors, zero_masked
from netopsy.core.modes import check_model
from netopsy.core.seeds import derive, generator, seeded
from netopsy.models import initialise

Initialiser = str | Callable[[nn.Module], object]


@checked
def reinitialise(model: nn.Module, masks: Masks | None = None, *, init: Initialiser, seed: int) -> nn.Module:
    """A copy of ``model`` with weights drawn anew, and masked: the *random reinit* control.

    Frankle and Carbin 2019, section 2. The control is only fair when ``init`` is the distribution the network was first
    drawn from, so it has no default, and when ``seed`` is another one than the network's own.

    Args:
        masks: parameter name to kept weights; the others are 0 in the copy.
        init: a scheme of `netopsy.models.initialise`, which draws linear and convolutional layers and leaves others
            (embeddings, attention) as they are, or a function that draws the weights of the module it is given in
            place, from torch's global random state, which is seeded for it and put back.
        seed: non-negative.

    Raises:
        InputError: masks that do not fit, a scheme that is none, or a negative seed.

    >>> net = nn.Linear(3, 2)
    >>> other = reinitialise(net, {"weight": torch.tensor([[1, 0, 1], [0, 1, 1]]).bool()}, init="he_normal", seed=1)
    >>> int((other.weight == 0).sum()), other is net
    (2, False)
    """
    require(isinstance(init, str) or callable(init), f"init must be a scheme's name or a function, got {init!r}")
    check_model(model)
    if masks is not None:
        check_masks(model, masks)
    fresh = copied(model)
    if isinstance(init, str):
        initialise(fresh, init, seed=seed)
    else:
        with seeded(seed):
            init(fresh)
    return zero_masked(fresh, masks) if masks is not None else fresh


@checked
def shuffle_masks(masks: Mapping[str, Tensor], *, seed: int | torch.Generator) -> dict[str, Tensor]:
    """Each mask with its entries in random order: the same density in every layer, another structure.

    With new weights this is the *random ticket* control; with the ticket's own initial values it asks whether the
    structure matters.

    Raises:
        InputError: masks that map no names to tensors, or a negative seed.

    >>> shuffled = shuffle_masks({"w": torch.tensor([[True, False], [False, False]])}, seed=0)["w"]
    >>> shuffled.shape, int(shuffled.sum())
    (torch.Size([2, 2]), 1)
    """
    check_tensors("masks", masks)
    require(masks, "masks is empty; there is nothing to shuffle")
    if isinstance(seed, torch.Generator):
        orders = {
            name: torch.randperm(mask.numel(), generator=seed, device=seed.device) for name, mask in masks.items()
        }
    else:
        orders = {
            name: torch.randperm(mask.numel(), generator=generator(derive(seed, "shuffle", name)))
            for name, mask in masks.items()
        }
    return {name: mask.reshape(-1)[orders[name].to(mask.device)].view_as(mask) for name, mask in masks.items()}
