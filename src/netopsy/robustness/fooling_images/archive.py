"""MAP-Elites with one cell a class: every image competes in all of them, and the best of each class stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.progress import Task
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images
from netopsy.robustness.fooling_images.encoding import Encoding, P, place, taken

Scoring = Callable[[Images], Tensor]
"""Images ``[n, channels, height, width]`` to what counts in each cell, ``[n, cells]``."""


@dataclass(frozen=True, eq=False)
class Archive(Generic[P]):
    """The best that was found for every cell."""

    genomes: P
    images: Images
    """One a cell."""
    scores: Float[Tensor, "cells"]
    history: Float[Tensor, "generations cells"]
    """Scores after the first images and after each generation."""
    evaluations: int
    """Images that were scored."""


@checked
def map_elites(
    score: Scoring,
    encoding: Encoding[P],
    *,
    generations: int,
    batch: int = 200,
    initial: int | None = None,
    seed: int | torch.Generator = 0,
    device: torch.device | str = "cpu",
    enough: float | None = None,
    callback: Callable[[int, Images, Tensor], None] | None = None,
) -> Archive[P]:
    """Evolve the image with the highest score for every cell.

    ``initial`` random images are scored, and each takes every cell at which it scores strictly higher than what is
    there. In each generation, ``batch`` parents are drawn uniformly over the cells, so that an image that holds many
    is drawn as often, and their children compete in the same way.

    Args:
        score: the value of images in every cell, such as a network's probabilities; it is asked once a generation.
        encoding: how images are written, varied and rendered: `DirectEncoding`, `CPPNEncoding`, or one of your own.
        initial: images to start from; by default as many as ``batch``.
        device: where images are rendered.
        enough: stop once every cell has reached this score.
        callback: called with the generation, its images and their scores; the first images are generation 0.

    Raises:
        InputError: numbers that are not positive, an unknown device, or scores that are not one row of finite numbers
            an image.

    Source: Mouret and Clune 2015 (MAP-Elites); Nguyen et al. 2015, section 2.3.

    >>> from netopsy.robustness.fooling_images import DirectEncoding
    >>> def bright_and_dark(images):
    ...     return torch.stack((images.mean((1, 2, 3)), 1 - images.mean((1, 2, 3))), 1)
    >>> found = map_elites(bright_and_dark, DirectEncoding((1, 4, 4)), generations=30, batch=20)
    >>> found.images.shape, bool((found.scores > 0.7).all())
    (torch.Size([2, 1, 4, 4]), True)
    """
    initial = batch if initial is None else initial
    require(generations >= 0 and batch >= 1, f"generations and batch must be positive, got {generations} and {batch}")
    require(initial >= 1, f"initial must be at least 1, got {initial}")
    require(enough is None or enough == enough, f"enough must be a number, got {enough}")
    device = _usable(device)
    random = generator(seed)
    genomes = encoding.random(initial, random)
    images, scores = _scored(score, encoding, genomes, device)
    best, which = scores.max(0)
    elites, kept, history = taken(genomes, which), images[which.to(images.device)].clone(), [best.clone()]
    if callback is not None:
        callback(0, images, scores)
    with Task("evolving images", generations) as task:
        for generation in range(1, generations + 1):
            if enough is not None and float(best.min()) >= enough:
                break
            parents = torch.randint(len(best), (batch,), generator=random)
            children = encoding.children(taken(elites, parents), random, generation - 1)
            images, scores = _scored(score, encoding, children, device)
            require(
                scores.shape[1] == len(best), f"score must give {len(best)} cells every time, got {scores.shape[1]}"
            )
            highest, which = scores.max(0)
            better = (highest > best).nonzero()[:, 0]
            if len(better):
                best[better] = highest[better]
                place(elites, better, children, which[better])
                kept[better.to(kept.device)] = images[which[better].to(images.device)]
            history.append(best.clone())
            if callback is not None:
                callback(generation, images, scores)
            task.advance(note=f"least {float(best.min()):.2f}")
    return Archive(elites, kept, best, torch.stack(history), initial + (len(history) - 1) * batch)


def _usable(device: torch.device | str) -> torch.device:
    try:
        found = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device must be one of torch's that is there, such as 'cpu' or 'cuda', got {str(device)!r}"
        ) from error
    require(found.type != "meta", f"device must hold values, got {str(device)!r}")
    return found


def _scored(score: Scoring, encoding: Encoding[P], genomes: P, device: torch.device) -> tuple[Images, Tensor]:
    images = encoding.render(genomes, device=device)
    scores = score(images)
    require(
        isinstance(scores, Tensor)
        and scores.ndim == 2
        and len(scores) == len(images)
        and scores.shape[1] >= 1
        and bool(scores.isfinite().all()),
        "score must give one row of finite numbers an image, "
        f"got {tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__} for {len(images)} images",
    )
    return images, scores.detach().cpu()
