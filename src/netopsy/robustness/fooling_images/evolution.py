"""Images of every class that are evolved until a classifier is certain of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.core.modes import device_of
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images
from netopsy.robustness.checks import Bounds, check_bounds, check_class
from netopsy.robustness.fooling_images.archive import Archive, several_map_elites
from netopsy.robustness.fooling_images.cppn import CPPNEncoding
from netopsy.robustness.fooling_images.direct import DirectEncoding, check_shape
from netopsy.robustness.fooling_images.encoding import Encoding
from netopsy.robustness.queries import Classifier, Queries

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Name = Literal["direct", "cppn"]
ENCODINGS: Any = {"direct": DirectEncoding, "cppn": CPPNEncoding}


@dataclass(frozen=True, eq=False)
class FoolingImages:
    """An image for every class, and how sure the classifier is of it."""

    images: Images
    """In the range of the classifier's pixels, and of its weights' type."""
    classes: Int[Tensor, "n"]
    """The class that each image is for."""
    confidence: Float[Tensor, "n"]
    """The probability of that class."""
    history: Float[Tensor, "generations n"]
    """The same after the first images and after each generation, or after each step."""
    queries: int
    """Images that the classifier was asked about."""

    def reached(self, confidence: float) -> Int[Tensor, "n"]:
        """The first generation, or step, at which each class's confidence was reached; -1 where it was not."""
        there = self.history >= confidence
        return torch.where(there.any(0), there.int().argmax(0), -1)

    def plot(
        self, axes: Sequence[Axes] | None = None, *, class_names: Sequence[str] = (), most: int = 20
    ) -> list[Axes]:
        """The first ``most`` images, each with its class and confidence, in axes given or in a new figure."""
        from netopsy.core.drawing import image_grid, label
        from netopsy.core.image_drawing import show_image

        count = min(most, len(self.images))
        places = list(axes) if axes is not None else image_grid(count, 5, 1.2, 1.4)
        require(len(places) >= count, f"axes must be at least {count}, got {len(places)}")
        low, high = float(self.images.min()), float(self.images.max())
        limits = (min(low, 0.0), max(high, 1.0))
        shown = zip(places, self.images, self.classes.tolist(), self.confidence.tolist(), strict=False)
        for ax, image, number, sure in list(shown)[:count]:
            show_image(ax, image, limits=limits)
            name = label(class_names[number], 14, number=number) if number < len(class_names) else str(number)
            ax.set_title(f"{name}\n{100 * sure:.4g} %", fontsize=7)
        return places[:count]


@checked
def evolve_fooling_images(
    model: Classifier,
    shape: tuple[int, int, int],
    encoding: Name | Encoding[Any] = "cppn",
    *,
    classes: Sequence[int] | None = None,
    generations: int = 1000,
    batch: int = 200,
    initial: int | None = None,
    enough: float | None = None,
    bounds: Bounds = (0, 1),
    seed: int | torch.Generator = 0,
) -> FoolingImages:
    """Evolve, for every class at once, the image that a classifier is most certain of.

    `map_elites` on the softmax probabilities: nothing of the classifier is used but its answers. Evolved images usually
    mean nothing to people; `distance_to_real` tells how far they are from real ones.

    Args:
        model: a network, or a function from images to scores or probabilities. It is left as it was.
        shape: channels, height and width of the images.
        encoding: ``"direct"`` (raw pixels), ``"cppn"`` (pattern-producing networks), or an encoding made for ``shape``.
        classes: the classes to evolve for; by default all.
        generations: of ``batch`` images; the paper takes 1000 for MNIST and 5000 for ImageNet.
        initial: random images to start from; by default as many as ``batch``.
        enough: stop once every class has reached this confidence.
        bounds: black and white, as the classifier takes them.

    Raises:
        InputError: a model that is no classifier, a class that it does not have, a shape, bounds or numbers that
            cannot be used.

    Source: Nguyen et al. 2015, section 2.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    >>> found = evolve_fooling_images(net, (1, 4, 4), "direct", generations=5, batch=20)
    >>> found.images.shape, found.queries
    (torch.Size([3, 1, 4, 4]), 120)
    """
    return evolve_independently(
        model, shape, encoding, [generator(seed)], classes=classes, generations=generations, batch=batch,
        initial=initial, enough=enough, bounds=bounds,
    )[0]  # fmt: skip


def evolve_independently(
    model: Classifier,
    shape: tuple[int, int, int],
    encoding: Name | Encoding[Any],
    randoms: Sequence[torch.Generator],
    *,
    classes: Sequence[int] | None,
    generations: int,
    batch: int,
    initial: int | None,
    enough: float | None,
    bounds: Bounds,
) -> list[FoolingImages]:
    """`evolve_fooling_images` once for each of ``randoms``, together: each comes out as alone, only faster."""
    low, high = check_bounds(bounds)
    written = _written(encoding, shape)
    asked = Queries(model, batch_size=max(256, batch))
    device, dtype = home_of(model)
    chosen = None if classes is None else torch.tensor([_class(number) for number in classes], dtype=torch.int64)
    require(chosen is None or len(chosen) > 0, "classes must name at least one, or be None for all")

    def seen(images: Images) -> Images:
        return (low + (high - low) * images).to(dtype)

    def score(images: Images) -> Tensor:
        probabilities = asked.probabilities(seen(images))
        if chosen is None:
            return probabilities
        check_class(int(chosen.max()), probabilities.shape[1], "classes")
        return probabilities[:, chosen]

    with asked.running():
        found: list[Archive[Any]] = several_map_elites(
            score, written, randoms, generations=generations, batch=batch, initial=initial, device=device, enough=enough
        )
    numbers = torch.arange(len(found[0].scores)) if chosen is None else chosen
    return [FoolingImages(seen(each.images), numbers, each.scores, each.history, each.evaluations) for each in found]


@checked
def best_of_random(
    model: Classifier,
    shape: tuple[int, int, int],
    encoding: Name | Encoding[Any] = "cppn",
    *,
    count: int,
    classes: Sequence[int] | None = None,
    batch: int = 200,
    bounds: Bounds = (0, 1),
    seed: int | torch.Generator = 0,
) -> FoolingImages:
    """The most certain of ``count`` random images for every class, without evolution: what it is to be compared with.

    The arguments are those of `evolve_fooling_images`; ``count`` is rounded up to a multiple of ``batch``, and what an
    evolution of as many images would call a generation is a further batch of random ones.

    Raises:
        InputError: as `evolve_fooling_images`.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    >>> best_of_random(net, (1, 4, 4), "direct", count=120, batch=20).history.shape
    torch.Size([6, 3])
    """
    require(count >= 1 and batch >= 1, f"count and batch must be at least 1, got {count} and {batch}")
    written = _written(encoding, shape)
    options: Any = {"classes": classes, "batch": batch, "bounds": bounds, "seed": seed}
    return evolve_fooling_images(
        model, shape, _Unevolved(written), generations=-(-count // batch) - 1, initial=batch, **options
    )


@dataclass(frozen=True)
class _Unevolved:
    """An encoding whose children are new random genomes."""

    encoding: Encoding[Any]

    def random(self, count: int, random: torch.Generator) -> Any:
        return self.encoding.random(count, random)

    def children(self, parents: Any, random: torch.Generator, generation: int) -> Any:
        return self.encoding.random(len(parents), random)

    def render(self, genomes: Any, *, device: torch.device | str = "cpu") -> Images:
        return self.encoding.render(genomes, device=device)


def _written(encoding: Name | Encoding[Any], shape: tuple[int, int, int]) -> Encoding[Any]:
    check_shape(shape)
    if isinstance(encoding, str):
        return lookup("encoding", encoding, ENCODINGS)(shape)  # type: ignore[no-any-return]
    require(
        isinstance(encoding, Encoding) and not isinstance(encoding, type),
        f"encoding must be 'direct', 'cppn' or an encoding with random, children and render, got {encoding!r}",
    )
    own = tuple(getattr(encoding, "shape", shape))
    require(own == tuple(shape), f"encoding must be made for shape, {tuple(shape)}, but is made for {own}")
    return encoding


def home_of(model: Classifier) -> tuple[torch.device, torch.dtype]:
    """Where the images of a classifier belong, and their type."""
    if not isinstance(model, nn.Module):
        return torch.device("cpu"), torch.float32
    kinds = [one.dtype for one in model.parameters() if one.is_floating_point()]
    return device_of(model), kinds[0] if kinds else torch.float32


def _class(number: object) -> int:
    check_class(number, name="classes")
    return int(number)  # type: ignore[call-overload, no-any-return]
