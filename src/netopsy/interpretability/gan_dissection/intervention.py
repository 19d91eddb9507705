"""Units switched off, or forced on, at chosen positions of a layer, and what that takes away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.layers import INPUT, Layer, layer_names
from netopsy.core.shapes import Activations
from netopsy.core.split import editing
from netopsy.interpretability.gan_dissection.stage import Segmenter, check_class, stage

Strength = float | Tensor
"""How far units are moved, from 0 to 1: one number, ``[units]``, ``[units, rows, columns]`` or with a batch axis."""


@checked
@contextmanager
def edit_layer(model: nn.Module, layer: Layer, alpha: Strength = 1.0, value: Strength = 0.0) -> Iterator[nn.Module]:
    """While the block runs, the layer puts out ``(1 - alpha) * r + alpha * value`` instead of ``r``.

    With the defaults everything is switched off; with ``alpha`` 0 nothing changes, to the bit.

    Args:
        alpha: from 0 to 1: one number, one a unit ``[units]``, or any shape that broadcasts to the layer's output.
        value: what units are moved to, in the same shapes; 0 ablates them.

    Raises:
        InputError: an unknown layer, an ``alpha`` out of range, or, once the model runs, shapes that do not fit.

    Source: Bau et al. 2019, section 3.2, equation 4.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    >>> with edit_layer(net, "1", torch.tensor([1.0, 0.0]), value=3.0), torch.no_grad():
    ...     net(torch.rand(1, 1, 2, 2))[0, 0].tolist()
    [[3.0, 3.0], [3.0, 3.0]]
    """
    strength, target = _laid_out("alpha", alpha), _laid_out("value", value)
    inside = bool((strength.detach() >= 0).all() and (strength.detach() <= 1).all())
    require(inside, "alpha must lie from 0 to 1")
    require(bool(target.detach().isfinite().all()), "value must be finite")
    [name] = layer_names(model, [layer])
    require(name != INPUT, "layer must be a layer of the network, got its input")

    def edit(seen: Tensor) -> Tensor:
        for given, called in ((strength, "alpha"), (target, "value")):
            require(_fits(given, seen), f"{called} of shape {tuple(given.shape)} does not fit {tuple(seen.shape)}")
        own = strength.to(seen)
        return (1 - own) * seen + own * target.to(seen)

    with editing(model, {name: edit}):
        yield model


@dataclass(frozen=True, eq=False)
class Removal:
    """How much of every class there was, and how much there is once a set of units is switched off."""

    before: Float[Tensor, "classes"]
    """Pixels of each class in an image, on average."""
    after: Float[Tensor, "sets classes"]

    @property
    def share(self) -> Float[Tensor, "sets classes"]:
        """The share of each class that is gone: 1 for all of it, below 0 where there is more; NaN for no class."""
        return 1 - self.after / self.before


@checked
def removals(
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter,
    z: Tensor,
    alphas: Float[Tensor, "sets units"],
    *,
    multi_label: bool = False,
    batch_size: int = 256,
) -> Removal:
    """Switch sets of units off at all positions, and count the pixels of every class before and after.

    All classes are counted since units do more than one thing: without the trees there may be more houses. The sets
    travel as extra entries of the batch, and the generator up to the layer is run once for all of them.

    Args:
        alphas: a row a set: 1 for a unit that is switched off, 0 for one that is not, or in between: see `top_sets`.
        batch_size: how many images are made at a time.

    Raises:
        InputError: as `dissect`, and ``alphas`` that do not fit the layer or lie outside 0 to 1.

    Source: Bau et al. 2019, section 3.2.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    >>> found = removals(net, "1", lambda made: made, torch.rand(4, 1, 3, 3), torch.eye(2), multi_label=True)
    >>> found.after.shape
    torch.Size([2, 2])
    """
    play = stage(generator, layer, segmenter, z, multi_label=multi_label, batch_size=batch_size)
    require(
        isinstance(alphas, Tensor) and alphas.ndim == 2 and len(alphas) > 0 and alphas.is_floating_point(),
        "alphas must be float [sets, units] of at least one set",
    )
    require(bool((alphas >= 0).all() and (alphas <= 1).all()), "alphas must lie from 0 to 1")
    before: Tensor | None = None
    after: Tensor | None = None
    with play.lights():
        kept = 1 - alphas.to(play.device)
        for some in z.split(max(1, batch_size // (len(alphas) + 1))):
            here = some.to(play.device)
            features = play.features(here)
            require(
                alphas.shape[1] == features.shape[1],
                f"alphas must have {features.shape[1]} units like the layer, got {alphas.shape[1]}",
            )
            sets = torch.cat([torch.ones_like(kept[:1]), kept]).to(features)
            edited: Activations = (features * sets[:, None, :, None, None]).flatten(0, 1)
            masks = play.edited_masks(here.repeat(len(sets), *[1] * (here.ndim - 1)), edited)
            counts = masks.sum((2, 3)).reshape(len(sets), len(here), -1).sum(1)
            before = counts[0] if before is None else before + counts[0]
            after = counts[1:] if after is None else after + counts[1:]
    assert before is not None
    assert after is not None
    return Removal(before.cpu() / len(z), after.cpu() / len(z))


@checked
def unit_removal(
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter,
    z: Tensor,
    units: Sequence[int] | Tensor,
    cls: int,
    *,
    alpha: Float[Tensor, "chosen"] | None = None,
    multi_label: bool = False,
    batch_size: int = 256,
) -> float:
    """The share of a class's pixels that goes away when ``units`` are switched off: one number of `removals`.

    Args:
        units: their numbers.
        cls: the class's number.
        alpha: how far each of ``units`` is switched off; all the way, if not given.

    Raises:
        InputError: as `removals`, and a class that is never present in the sample.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    >>> _ = net[0].bias.data.fill_(1.0)
    >>> unit_removal(net, "1", lambda made: made, torch.rand(4, 1, 3, 3), [0], 0, multi_label=True)
    1.0
    """
    play = stage(generator, layer, segmenter, z, multi_label=multi_label, batch_size=batch_size)
    with play.lights():
        first = play.features(z[:1].to(play.device))
        check_class(cls, play.masks(play.images(z[:1].to(play.device), first)))
    found = removals(
        generator,
        layer,
        segmenter,
        z,
        unit_strengths(units, alpha, first.shape[1])[None],
        multi_label=multi_label,
        batch_size=batch_size,
    )
    require(found.before[cls] > 0, f"class {cls} is never present in the sample of {len(z)} images")
    return float(found.share[0, cls])


def top_sets(
    scores: Float[Tensor, "units"], counts: Sequence[int], *, weights: Float[Tensor, "units"] | None = None
) -> Float[Tensor, "sets units"]:
    """For each count the set of so many units with the highest scores, as rows for `removals`.

    Args:
        counts: how many units; 0 for the empty set.
        weights: how far each unit is switched off, by default 1.

    >>> top_sets(torch.tensor([0.1, 0.5, 0.3]), [0, 1, 2]).tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    """
    most = len(scores)
    require(
        len(counts) > 0 and all(0 <= count <= most for count in counts),
        f"counts must be from 0 to the number of units, {most}, got {list(counts)}",
    )
    position = scores.argsort(descending=True, stable=True).argsort()
    chosen = (position < torch.tensor(list(counts), device=position.device)[:, None]).to(scores.dtype)
    return chosen if weights is None else chosen * weights


def unit_strengths(
    units: Sequence[int] | Tensor, alpha: Float[Tensor, "chosen"] | None, count: int
) -> Float[Tensor, "units"]:
    """``alpha`` at ``units`` and 0 elsewhere.

    >>> unit_strengths([2, 0], torch.tensor([1.0, 0.5]), 3).tolist()
    [0.5, 0.0, 1.0]
    """
    chosen = torch.as_tensor(units).cpu()
    require(
        chosen.ndim == 1 and len(chosen) > 0 and not chosen.is_floating_point() and chosen.dtype != torch.bool,
        "units must be a sequence of at least one unit's number",
    )
    require(
        bool((chosen >= 0).all() and (chosen < count).all()) and len(chosen.unique()) == len(chosen),
        f"units must be different numbers from 0 to {count - 1}, got {chosen.tolist()}",
    )
    own = torch.ones(len(chosen)) if alpha is None else alpha.cpu().float()
    require(own.shape == chosen.shape, f"alpha must be [{len(chosen)}], one for each of units, got {tuple(own.shape)}")
    require(bool((own >= 0).all() and (own <= 1).all()), "alpha must lie from 0 to 1")
    return torch.zeros(count).scatter(0, chosen, own)


def _laid_out(name: str, given: Strength) -> Tensor:
    """With the axes of a layer's output: units first, then positions."""
    number = isinstance(given, int | float) and not isinstance(given, bool)
    require(number or isinstance(given, Tensor), f"{name} must be a number or a tensor, got {type(given).__name__}")
    own = torch.as_tensor(given, dtype=None if isinstance(given, Tensor) else torch.float32)
    require(own.ndim in (0, 1, 3, 4), f"{name} must have 0, 1, 3 or 4 axes, got {tuple(own.shape)}")
    return own[:, None, None] if own.ndim == 1 else own


def _fits(given: Tensor, seen: Tensor) -> bool:
    try:
        return torch.broadcast_shapes(given.shape, seen.shape) == seen.shape
    except RuntimeError:
        return False
