"""MAP-Elites with one cell a class: every image competes in all of them, and the best of each class stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from netopsy.robustness.fooling_images.encoding import Encoding, P, joined, place, taken

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
    (found,) = several_map_elites(
        score, encoding, [generator(seed)], generations=generations, batch=batch, initial=initial, device=device,
        enough=enough, callback=callback,
    )  # fmt: skip
    return found


def several_map_elites(
    score: Scoring,
    encoding: Encoding[P],
    randoms: Sequence[torch.Generator],
    *,
    generations: int,
    batch: int,
    initial: int | None = None,
    device: torch.device | str = "cpu",
    enough: float | None = None,
    callback: Callable[[int, Images, Tensor], None] | None = None,
) -> list[Archive[P]]:
    """Independent evolutions, one for each of ``randoms``, whose images of one generation are rendered and scored
    together; each is what it would be alone."""
    initial = batch if initial is None else initial
    require(generations >= 0 and batch >= 1, f"generations and batch must be positive, got {generations} and {batch}")
    require(initial >= 1, f"initial must be at least 1, got {initial}")
    require(enough is None or enough == enough, f"enough must be a number, got {enough}")
    device = _usable(device)
    first = [encoding.random(initial, random) for random in randoms]
    begun = zip(randoms, first, _scored(score, encoding, first, initial, device), strict=True)
    evolutions = [_Evolution(encoding, random, genomes, *scored, callback) for random, genomes, scored in begun]
    with Task("evolving images", generations) as task:
        for generation in range(1, generations + 1):
            running = [each for each in evolutions if not each.reached(enough)]
            if not running:
                break
            children = [each.children(batch, generation) for each in running]
            scored = _scored(score, encoding, children, batch, device)
            for each, genomes, (images, scores) in zip(running, children, scored, strict=True):
                each.compete(genomes, images, scores, generation)
            task.advance(note=f"least {min(float(each.best.min()) for each in evolutions):.2f}")
    return [each.archive(initial, batch) for each in evolutions]


class _Evolution(Generic[P]):
    """One archive while it is filled."""

    def __init__(
        self,
        encoding: Encoding[P],
        random: torch.Generator,
        genomes: P,
        images: Images,
        scores: Tensor,
        callback: Callable[[int, Images, Tensor], None] | None,
    ) -> None:
        self.encoding, self.random, self.callback = encoding, random, callback
        self.best, which = scores.max(0)
        self.elites, self.kept = taken(genomes, which), images[which.to(images.device)].clone()
        self.history = [self.best.clone()]
        if callback is not None:
            callback(0, images, scores)

    def reached(self, enough: float | None) -> bool:
        return enough is not None and float(self.best.min()) >= enough

    def children(self, batch: int, generation: int) -> P:
        parents = torch.randint(len(self.best), (batch,), generator=self.random)
        return self.encoding.children(taken(self.elites, parents), self.random, generation - 1)

    def compete(self, genomes: P, images: Images, scores: Tensor, generation: int) -> None:
        cells = len(self.best)
        require(scores.shape[1] == cells, f"score must give {cells} cells every time, got {scores.shape[1]}")
        highest, which = scores.max(0)
        better = (highest > self.best).nonzero()[:, 0]
        if len(better):
            self.best[better] = highest[better]
            place(self.elites, better, genomes, which[better])
            self.kept[better.to(self.kept.device)] = images[which[better].to(images.device)]
        self.history.append(self.best.clone())
        if self.callback is not None:
            self.callback(generation, images, scores)

    def archive(self, initial: int, batch: int) -> Archive[P]:
        evaluations = initial + (len(self.history) - 1) * batch
        return Archive(self.elites, self.kept, self.best, torch.stack(self.history), evaluations)


def _usable(device: torch.device | str) -> torch.device:
    try:
        found = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device must be one of torch's that is there, such as 'cpu' or 'cuda', got {str(device)!r}"
        ) from error
    require(found.type != "meta", f"device must hold values, got {str(device)!r}")
    return found


def _scored(
    score: Scoring, encoding: Encoding[P], populations: Sequence[P], each: int, device: torch.device
) -> list[tuple[Images, Tensor]]:
    """Images and scores of populations of ``each`` genomes."""
    images = encoding.render(joined(populations) if len(populations) > 1 else populations[0], device=device)
    wanted = each * len(populations)
    require(len(images) == wanted, f"encoding must give as many images as were asked for, {wanted}, got {len(images)}")
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
    return list(zip(images.split(each), scores.detach().cpu().split(each), strict=True))
