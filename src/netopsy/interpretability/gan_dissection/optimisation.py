"""A set of units found by its effect: how far to move each unit so that a class comes and goes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.layers import Layer
from netopsy.core.seeds import generator as random_generator
from netopsy.core.shapes import Activations
from netopsy.interpretability.gan_dissection.dissection import dissect
from netopsy.interpretability.gan_dissection.insertion import at_cells, mean_where_present, written
from netopsy.interpretability.gan_dissection.stage import Segmenter, Stage, presence, stage

_CELLS_TRIED = 5
_FLAT = (
    "segmenter must be differentiable here, but the gradient of its answer is 0 for all images: it must return logits, "
    "not a rounding, a threshold or an argmax of them"
)
_FLOOR = 0.1
"""Every cell of the histogram gets this share of the mean, so that none is never tried."""


@dataclass(frozen=True, eq=False)
class AceResult:
    """How far each unit is moved, and how the search for it went."""

    alpha: Float[Tensor, "units"]
    """From 0 to 1; the units with the highest are those that cause the class."""
    history: Float[Tensor, "epochs"]
    """The causal effect at the positions kept apart for it, before the first step and after every pass over the others:
    the share of the class in an edited cell, inserted less ablated."""
    value: Float[Tensor, "units"]
    """What units are forced to."""


@dataclass(frozen=True, eq=False)
class _Places:
    """Images with the cell in each in which something is to happen."""

    z: Tensor
    features: Activations
    cells: Int[Tensor, "pairs"]

    def part(self, which: Tensor | slice) -> _Places:
        return _Places(self.z[which], self.features[which], self.cells[which])


@checked
def optimise_ace(
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter,
    z: Tensor,
    cls: int,
    *,
    steps: int = 500,
    batch: int = 20,
    pairs: int = 1000,
    evaluation_pairs: int = 200,
    lr: float = 0.01,
    l2: float = 0.005,
    init: Literal["iou"] | Float[Tensor, "units"] = "iou",
    multi_label: bool = False,
    seed: int = 0,
    batch_size: int = 64,
) -> AceResult:
    """Find how far to move each unit, so that a class disappears where it was and appears where it was not.

    The first half of ``z`` gives positions where the class is, one cell an image, those with most of it; and how often
    the class is in which cell. The other half gives positions where it is not but can be: the class is written with all
    units into a few cells drawn by that frequency, and the images of largest gain are kept with their cell. Then Adam
    moves the strength of every unit, each within 0 and 1, so that the segmenter is less sure of the class where it is
    ablated and surer where it is inserted, with a price on the square of the strengths.

    The reference code looks for the inserted class at the cell of the ablation; here it is looked for where it was
    inserted.

    Args:
        generator, layer, segmenter, multi_label, batch_size: as in `dissect`; the segmenter must be differentiable.
        z: the paper takes 20,000.
        cls: the class's number.
        steps: of Adam. 500 steps of 20 are ten passes over 1000 pairs, as in the paper.
        batch: pairs in a step, a position to ablate and one to insert in each.
        pairs, evaluation_pairs: at most so many are kept to search with, and to watch the search with.
        lr: of Adam.
        l2: the price of the squared strengths, for each pair.
        init: the strengths to begin with; ``"iou"`` takes each unit's IoU with the class over the highest.
        seed: of the cells drawn and the order of the pairs.

    Raises:
        InputError: as `dissect`; a segmenter or a generator without a gradient, or with one that is 0 for all images; a
            class that is absent from nearly all images or from none of the cells drawn.

    Source: Bau et al. 2019, section 3.2, equations 7 and 8; the procedure is that of the reference code.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    >>> z = (torch.rand(64, 1, 4, 4) > 0.7).float()
    >>> net[0].weight.data[:], net[0].bias.data[:] = torch.tensor([1.0, 0.5]).reshape(2, 1, 1, 1), 0.0
    >>> found = optimise_ace(net, "1", lambda made: 9 * made - 4, z, 0, steps=60, pairs=20, evaluation_pairs=5,
    ...                      init=torch.full((2,), 0.5), multi_label=True, lr=0.05)
    >>> bool(found.alpha[0] > 0.9), bool(found.alpha[1] < 0.2)
    (True, True)
    """
    _check(steps, batch, pairs, evaluation_pairs, lr, l2, z)
    play = stage(generator, layer, segmenter, z, multi_label=multi_label, batch_size=batch_size)
    random = random_generator(seed)
    play.check_differentiable(z)
    half = len(z) // 2
    with play.lights():
        value = mean_where_present(play, z[:half], cls)
        there, frequency = _where_it_is(play, z[:half], cls, pairs + evaluation_pairs)
        absent = _where_it_can_be(play, z[half:], cls, value, frequency, pairs + evaluation_pairs, random)
    start = _start(init, generator, layer, segmenter, z, cls, len(value), multi_label, batch_size)
    count = min(len(there.cells), len(absent.cells))
    require(count >= 2, f"class {cls} must be present and absent in at least 2 images each: {count} pairs found in z")
    there, absent = (_shuffled(positions, count, random) for positions in (there, absent))
    kept_apart = max(1, min(evaluation_pairs, count // 5))
    watch = there.part(slice(kept_apart)), absent.part(slice(kept_apart))
    use = there.part(slice(kept_apart, None)), absent.part(slice(kept_apart, None))
    alpha = start.to(value).clone().requires_grad_()
    optimizer = torch.optim.Adam([alpha], lr=lr)
    history = [_effect(play, *watch, alpha, value, cls)]
    total = count - kept_apart
    in_a_pass, followed = math.ceil(total / batch), False
    with play.lights(gradients=True):
        for step in range(steps):
            if step % in_a_pass == 0:
                order = torch.randperm(total, generator=random)
            chosen = order[step % in_a_pass * batch :][:batch].to(play.device)
            gone, come = _certainty(play, use[0].part(chosen), use[1].part(chosen), alpha, value, cls)
            loss = gone.sum() - come.sum() + len(chosen) * l2 * (alpha**2).sum()
            if not followed and step < in_a_pass:
                (effect,) = torch.autograd.grad(gone.sum() - come.sum(), alpha, retain_graph=True)
                followed = bool(effect.any())
                require(followed or step + 1 < min(in_a_pass, steps), _FLAT)
            (alpha.grad,) = torch.autograd.grad(loss, alpha)
            optimizer.step()
            with torch.no_grad():
                alpha.clamp_(0, 1)
            if (step + 1) % in_a_pass == 0 or step + 1 == steps:
                history.append(_effect(play, *watch, alpha, value, cls))
    return AceResult(alpha.detach().cpu(), torch.tensor(history), value.cpu())


def _where_it_is(play: Stage, z: Tensor, cls: int, most: int) -> tuple[_Places, Float[Tensor, "cells"]]:
    """The images with most of the class in one cell, and how often the class is in which cell."""
    shares, features = [], []
    for some in play.batches(z):
        features.append(play.features(some))
        masks = play.masks(play.images(some, features[-1]))
        shares.append(presence(masks, cls, (features[-1].shape[2], features[-1].shape[3])).flatten(1))
    share, seen = torch.cat(shares), torch.cat(features)
    highest, cells = share.max(1)
    order = highest.argsort(descending=True, stable=True)[:most]
    order = order[highest[order] > 0]
    require(len(order) > 0, f"class {cls} is never present in the first {len(z)} of z")
    frequency = cells[order].bincount(minlength=share.shape[1]).double()
    return _Places(z.to(play.device)[order], seen[order], cells[order]), frequency + _FLOOR * frequency.mean()


def _where_it_can_be(
    play: Stage,
    z: Tensor,
    cls: int,
    value: Float[Tensor, "units"],
    frequency: Float[Tensor, "cells"],
    most: int,
    random: torch.Generator,
) -> _Places:
    """The images that gain most of the class by one written cell, among cells without it."""
    everything = torch.ones_like(value)
    gains, cells, features = [], [], []
    tries = min(_CELLS_TRIED, len(frequency))
    for some in play.batches(z):
        seen = play.features(some)
        grid = seen.shape[2], seen.shape[3]
        before = play.masks(play.images(some, seen))
        absent = (presence(before, cls, grid) == 0).flatten(1)
        drawn = frequency.cpu().expand(len(some), -1).multinomial(tries, generator=random).to(play.device)
        position = at_cells(drawn.flatten(), grid).to(seen).reshape(len(some), tries, 1, *grid)
        tried = written(seen[:, None], position, everything, value).flatten(0, 1)
        masks = play.edited_masks(some.repeat_interleave(tries, 0), tried)[:, cls]
        gained = masks.sum((1, 2)).reshape(len(some), tries) - before[:, cls].sum((1, 2))[:, None]
        gained = torch.where(absent.gather(1, drawn), gained.double(), -math.inf)
        best, which = gained.max(1)
        gains.append(best)
        cells.append(drawn.gather(1, which[:, None])[:, 0])
        features.append(seen)
    gain = torch.cat(gains)
    order = gain.argsort(descending=True, stable=True)[:most]
    order = order[gain[order].isfinite()]
    require(len(order) > 0, f"class {cls} is already present in every cell drawn: there is nowhere to insert it")
    return _Places(z.to(play.device)[order], torch.cat(features)[order], torch.cat(cells)[order])


def _certainty(
    play: Stage, there: _Places, absent: _Places, alpha: Tensor, value: Tensor, cls: int
) -> tuple[Float[Tensor, "pairs"], Float[Tensor, "pairs"]]:
    """How sure the segmenter is of the class in each cell: ablated where it was, inserted where it was not."""
    grid = there.features.shape[2], there.features.shape[3]
    off = written(there.features, at_cells(there.cells, grid).to(value), alpha, torch.zeros_like(value))
    on = written(absent.features, at_cells(absent.cells, grid).to(value), alpha, value)
    shares = play.shares(play.images(torch.cat([there.z, absent.z]), torch.cat([off, on])))
    pooled = nn.functional.adaptive_avg_pool2d(shares[:, cls, None], grid).flatten(1)
    found = pooled.gather(1, torch.cat([there.cells, absent.cells])[:, None])[:, 0]
    gone, come = found.split([len(there.cells), len(absent.cells)])
    return gone, come


def _effect(play: Stage, there: _Places, absent: _Places, alpha: Tensor, value: Tensor, cls: int) -> float:
    with play.lights():
        gone, come = _certainty(play, there, absent, alpha.detach(), value, cls)
        return float((come - gone).mean())


def _start(
    init: object,
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter,
    z: Tensor,
    cls: int,
    units: int,
    multi_label: bool,
    batch_size: int,
) -> Float[Tensor, "units"]:
    if isinstance(init, Tensor):
        fits = init.shape == (units,) and bool((init >= 0).all() and (init <= 1).all())
        require(fits, f"init must be [{units}] strengths from 0 to 1, or 'iou'")
        return init.detach().float()
    if init != "iou":
        raise InputError(f"init must be [{units}] strengths from 0 to 1, or 'iou', got {init!r}")
    report = dissect(generator, layer, segmenter, z, multi_label=multi_label, batch_size=batch_size)
    own = report.iou[:, cls].float()
    return own / own.max() if own.max() > 0 else torch.full_like(own, 0.5)


def _shuffled(positions: _Places, count: int, random: torch.Generator) -> _Places:
    return positions.part(torch.randperm(count, generator=random).to(positions.cells.device))


def _check(steps: int, batch: int, pairs: int, evaluation_pairs: int, lr: float, l2: float, z: Tensor) -> None:
    wanted = {"steps": steps, "batch": batch, "pairs": pairs, "evaluation_pairs": evaluation_pairs}
    for name, value in wanted.items():
        require(isinstance(value, int) and value >= 1, f"{name} must be an int of at least 1, got {value!r}")
    require(0 < lr < math.inf, f"lr must be positive and finite, got {lr}")
    require(0 <= l2 < math.inf, f"l2 must be finite and not negative, got {l2}")
    require(isinstance(z, Tensor) and z.ndim >= 2 and len(z) >= 4, "z must hold at least 4: half of it shows the class")
