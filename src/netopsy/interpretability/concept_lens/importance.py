"""What every concept means to the answer: attribution carried out on the codes."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.seeds import check_seed, generator
from netopsy.interpretability.concept_lens.checks import Codes, Score, Scores, check_codes
from netopsy.interpretability.concept_lens.gradients import gradient_at, integrated_gradients, noisy_gradients
from netopsy.interpretability.concept_lens.masking import every_subset, masked_scores
from netopsy.interpretability.concept_lens.sobol import indices_of, sobol_points

Importance = Literal["sa", "gi", "ig", "sg", "sq", "vg", "oc", "ri", "sb", "hs", "tc"]
Reduce = Literal["sum", "max_abs"]

_NUMBERS = 2**24
"""About so many numbers are held at a time."""

ENUMERATED = 10
"""Up to so many concepts, RI looks at every subset instead of drawing some."""


@checked
def concept_importance(
    F: Score,
    u: Codes,
    method: Importance = "gi",
    *,
    reduce: Reduce = "sum",
    affine: bool = False,
    steps: int = 30,
    samples: int = 50,
    sigma: float = 0.2,
    masks: int = 500,
    points: int = 32,
    seed: int = 0,
    batch_size: int = 2048,
) -> Scores:
    """The importance of every concept for every image, ``[batch, concepts]``.

    =====  =====================================================================================================
    "sa"   absolute gradient
    "gi"   code times gradient
    "ig"   code times the mean gradient over ``steps`` midpoints from 0 to the code
    "sg"   mean gradient under Gaussian noise of ``sigma`` times the range of the image's codes, ``samples`` draws
    "sq"   mean square of those gradients
    "vg"   their variance
    "oc"   F(u) less F without the concept
    "ri"   mean of F with the concept and random others less its mean over all random subsets
    "sb"   total Sobol index of F as a function of factors from 0 to 1, one a concept, ``points`` points
    "hs"   Hilbert-Schmidt dependence (HSIC) between the presence of the concept and F, over the masks of "ri"
    "tc"   1 where the gradient is positive, else 0: its mean over images is the share that TCAV reports
    =====  =====================================================================================================

    The baseline is 0 throughout: a concept that is not there. All perturbations take a concept away at all positions.

    Args:
        F: from codes ``[n, *positions, concepts]`` to one number a row.
        u: codes ``[batch, concepts]``, or with axes of positions between.
        reduce: how scores at positions become one: their signed sum, or the one of largest size with its sign lost
            ("max_abs", as in the authors' library). Perturbation scores have no positions.
        affine: promise that F is affine; then one gradient gives all scores in closed form.
        masks: of "ri" and "hs", each concept present with probability 1/2; for up to 10 concepts "ri" and "hs"
            enumerate all subsets instead.
        batch_size: rows that F gets at once.

    Raises:
        InputError: an unknown method, codes that are not finite, an F that does not return one number a row or is not
            differentiable where a gradient is needed.

    Source: Fel et al. 2023, the section on importance as attribution (place in the paper unconfirmed); the settings
    are the defaults of the authors' library.

    >>> weights = torch.tensor([1.0, -2.0])
    >>> concept_importance(lambda u: u @ weights + 1, torch.tensor([[3.0, 1.0]]), "oc")
    tensor([[ 3., -2.]])
    """
    if method not in get_args(Importance):
        raise UnknownNameError("method", method, get_args(Importance))
    if reduce not in get_args(Reduce):
        raise UnknownNameError("reduce", reduce, get_args(Reduce))
    check_codes(u)
    check_seed(seed)
    for name, number in (("steps", steps), ("samples", samples), ("points", points), ("batch_size", batch_size)):
        require(isinstance(number, int) and number >= 1, f"{name} must be an int of at least 1, got {number!r}")
    require(masks >= 2, f"masks must be at least 2, got {masks}")
    require(sigma >= 0, f"sigma must not be negative, got {sigma}")
    u = u.detach()
    if method in ("oc", "ri", "sb", "hs"):
        if affine and method != "hs":
            return _affine(method, (u * gradient_at(F, u, batch_size)))
        return _perturbed(F, u, method, masks, points, seed, batch_size)
    if affine or method in ("sa", "gi", "tc"):
        gradient = gradient_at(F, u, batch_size)
        mean, square = gradient, gradient.square()
        integrated = u * gradient
    elif method == "ig":
        integrated = integrated_gradients(F, u, steps, batch_size)
    else:
        mean, square = noisy_gradients(F, u, samples, sigma, seed, batch_size)
    if method == "tc":
        return (_reduced(gradient, "sum") > 0).to(u.dtype)
    if method in ("gi", "ig"):
        return _reduced(integrated, reduce)
    if method == "sa":
        return _reduced(gradient.abs(), reduce)
    values = {"sg": mean, "sq": square, "vg": (square - mean.square()).clamp(min=0)}[method]
    return _reduced(values, reduce)


def _reduced(values: Codes, reduce: Reduce) -> Scores:
    if values.ndim == 2:
        return values
    positions = values.flatten(1, -2)
    return positions.sum(1) if reduce == "sum" else positions.abs().amax(1)


def _affine(method: str, parts: Codes) -> Scores:
    """Closed forms for F(u) = w u + b: removing concept i takes ``u_i w_i`` away, whatever else is there."""
    own = _reduced(parts, "sum")
    if method == "ri":
        return own / 2
    if method == "sb":
        total = own.square().sum(1, keepdim=True)
        return torch.where(total > 0, own.square() / torch.where(total > 0, total, 1), 0)
    return own


def _perturbed(F: Score, u: Codes, method: str, masks: int, points: int, seed: int, batch_size: int) -> Scores:
    concepts = u.shape[-1]
    if method == "oc":
        without = torch.cat([torch.ones_like(u.flatten(0, -2)[:1]), 1 - torch.eye(concepts).to(u)])
        scores = masked_scores(F, u, without[None], batch_size)
        return scores[:, :1] - scores[:, 1:]
    if method == "sb":
        sets = sobol_points(concepts, points, scramble=False, seed=seed).to(u)
        scores = masked_scores(F, u, sets.flatten(0, 1)[None], batch_size)
        return indices_of(scores.unflatten(1, (concepts + 1, points)))
    chosen = random_subsets(concepts, masks, seed, u)
    scores = masked_scores(F, u, chosen[None], batch_size)
    if method == "ri":
        present = chosen.sum(0).clamp(min=1)
        return scores @ chosen / present - scores.mean(1, keepdim=True)
    return _hsic(chosen, scores)


def random_subsets(concepts: int, count: int, seed: int, like: Tensor) -> Tensor:
    """All subsets of a few concepts; of many, ``count`` drawn with each concept present with probability 1/2."""
    if concepts <= ENUMERATED:
        return every_subset(concepts, like)
    random = generator(seed)
    return torch.randint(2, (count, concepts), generator=random, device=random.device).to(like)


def _hsic(masks: Float[Tensor, "masks concepts"], scores: Float[Tensor, "batch masks"]) -> Scores:
    """HSIC of each concept's presence (the kernel says whether two are equal) and the score (a Gaussian kernel)."""
    centred = masks - masks.mean(0)
    parts = []
    for some in scores.split(max(1, _NUMBERS // len(masks) ** 2)):
        apart = (some[:, :, None] - some[:, None]).square()
        width = _median_above_zero(apart.flatten(1))
        kernel = torch.exp(-apart / (2 * width[:, None, None]))
        # Centring on one side is enough, and the kernel of equal presence is 2 m m' but for what centring removes.
        parts.append(2 * ((kernel @ centred) * centred).sum(1) / len(masks) ** 2)
    return torch.cat(parts)


def _median_above_zero(values: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch"]:
    """The lower median of each row's positive entries, 1 where it has none."""
    found = values.where(values > 0, torch.nan).nanmedian(1).values
    return found.where(found.isfinite(), 1.0)
