"""Teaching a network its fooling images as a class of their own, again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.progress import track
from netopsy.core.seeds import check_seed, derive, generator
from netopsy.core.shapes import Images, Labels
from netopsy.robustness.checks import Bounds, check_images, check_labels
from netopsy.robustness.fooling_images.encoding import Encoding
from netopsy.robustness.fooling_images.evolution import FoolingImages, Name, evolve_independently
from netopsy.robustness.queries import Classifier, Queries

Train = Callable[[Images, Tensor, int, int], Classifier]
"""Images, their class numbers, how many classes there are and the number of the round, to a trained classifier."""


@dataclass(frozen=True, eq=False)
class Round:
    """One network of the chain, and what fools it."""

    model: Classifier
    taught: Images
    """Fooling images of the earlier rounds, which it was trained to put into the further class; none in round 0."""
    found: tuple[FoolingImages, ...]
    """Images of the real classes evolved against it, one of every class in each."""

    @property
    def confidence(self) -> Tensor:
        """Of the classes, the mean over what was evolved independently."""
        return torch.stack([each.confidence for each in self.found]).mean(0)


@checked
def retrain_with_fooling_class(
    train: Train,
    images: Images,
    labels: Labels,
    *,
    rounds: int = 15,
    added: int | None = None,
    encoding: Name | Encoding[Any] = "cppn",
    generations: int = 1000,
    batch: int = 200,
    enough: float | None = None,
    bounds: Bounds = (0, 1),
    seed: int = 0,
) -> list[Round]:
    """Train a network, evolve images that fool it, train the next with all of them as one further class, and so on.

    Images are evolved for the classes of ``labels`` only, never for the further one.

    Args:
        train: trains a new classifier: ``train(images, labels, classes, round)``.
        images: real ones, ``[n, channels, height, width]``.
        rounds: retrainings after round 0; the paper does 15 on MNIST.
        added: fooling images a round; by default the mean size of a class (how many the paper adds is unconfirmed).
            They come from as many independent evolutions as that takes.
        encoding, generations, batch, enough, bounds: as in `evolve_fooling_images`.

    Returns:
        One entry a network, the one without a further class first.

    Raises:
        InputError: images or labels that cannot be used, numbers that are not positive, a classifier that has fewer
            classes than it was asked to learn.

    Source: Nguyen et al. 2015, section 3.5.

    >>> from torch import nn
    >>> real, labels = torch.rand(6, 1, 4, 4), torch.tensor([0, 1] * 3)
    >>> def train(images, labels, classes, number):
    ...     return nn.Sequential(nn.Flatten(), nn.Linear(16, classes))  # a real one would be trained
    >>> rounds = retrain_with_fooling_class(train, real, labels, rounds=2, generations=2, batch=8)
    >>> [len(each.taught) for each in rounds]
    [0, 3, 6]
    """
    check_images(images, bounds)
    check_labels(labels, len(images))
    check_seed(seed)
    require(rounds >= 0, f"rounds must not be negative, got {rounds}")
    require(added is None or added >= 1, f"added must be at least 1, got {added}")
    classes = int(labels.max()) + 1
    many = max(1, round(len(images) / classes)) if added is None else added
    taught = images[:0]
    done = []
    for number in track(range(rounds + 1), "retraining"):
        both = torch.cat((images, taught.to(images)))
        further = torch.full((len(taught),), classes, dtype=labels.dtype, device=labels.device)
        asked = classes + (number > 0)
        model = train(both, torch.cat((labels, further)), asked, number)
        told = Queries(model)(images[:1]).shape[1]
        require(told >= asked, f"train must return a classifier of {asked} classes, got one of {told}")
        seeds = [derive(seed, number, again) for again in range(-(-many // classes))]
        found = tuple(
            evolve_independently(
                model,
                tuple(images.shape[1:]),  # type: ignore[arg-type]
                encoding,
                [generator(each) for each in seeds],
                classes=range(classes),
                generations=generations,
                batch=batch,
                initial=None,
                enough=enough,
                bounds=bounds,
            )
        )
        done.append(Round(model, taught, found))
        taught = torch.cat((taught, *(each.images for each in found)))[: len(taught) + many]
    return done
