"""One picture put to a network: what it is fed, what it answers and how sure it is; recipes go on from there."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import PALETTE, figure_grid, label, style
from netopsy.core.errors import lookup, require
from netopsy.core.finding import Number, Picture
from netopsy.core.image_drawing import show_image
from netopsy.core.shapes import Images
from netopsy.lab.given import Image, Network
from netopsy.lab.image_inputs import READ_AS, ReadAs, from_pixels, prepared
from netopsy.lab.recipes import Option
from netopsy.robustness.queries import Queries

SURE = 0.8
"""A network that gives its answer less confidence than this is called unsure of it."""
MOST = 10
"""Classes in the picture of confidences."""
OPTIONS = (
    Option(
        "read_as",
        "Read your picture as (automatic: a digit for a grey network, a photograph for one in colours)",
        READ_AS[0],
        choices=READ_AS,
    ),
    Option("shows", "What your picture shows, so that the answer can be checked, such as 3; empty if it is open", ""),
)
"""What all recipes that take a picture ask."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A network that was asked about one picture."""

    model: nn.Module
    """It takes pixels from 0 to 1."""
    picture: Image
    image: Float[Tensor, "channels rows columns"]
    """The picture as the network is fed it."""
    told: str
    """What was done to the picture, in a sentence."""
    probabilities: Float[Tensor, "classes"]
    names: tuple[str, ...]
    """Of the classes."""
    truth: str
    """What the picture shows; nothing where nobody knows."""
    code: str
    """Lines of Python that make ``model``, ``data`` and ``image``."""

    @property
    def answer(self) -> int:
        """The class that the network gives."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """In its answer."""
        return float(self.probabilities.max())

    @property
    def name(self) -> str:
        """Of the answer."""
        return self.names[self.answer]

    @property
    def wrong(self) -> bool:
        """Whether the answer is known to be wrong."""
        return bool(self.truth) and self.truth != self.name

    @property
    def said(self) -> str:
        """What the network answers, and whether that is right and sure, in a sentence."""
        right = f", which is wrong: the picture shows {self.truth}" if self.wrong else ", which is right"
        text = (
            f"The network answers {self.name} with a confidence of {self.confidence:.2f}{right if self.truth else ''}"
        )
        if self.confidence >= SURE:
            return f"{text}."
        second = int(self.probabilities.argsort(descending=True)[1])
        return f"{text}; it is unsure, for {self.names[second]} gets {float(self.probabilities[second]):.2f}."

    @property
    def reading(self) -> str:
        """What was fed in, and who knows whether the answer is right."""
        told = self.told if self.truth else f"{self.told} Nobody said what it shows, so the answer was not checked."
        if self.wrong:
            return f"{told} The answer is wrong: what follows is about how the network comes to its mistake."
        return told if self.confidence >= SURE else f"{told} Of an unsure answer, what follows says little."

    @property
    def figures(self) -> dict[str, Number]:
        """The numbers of the answer."""
        right = "unknown" if not self.truth else "no" if self.wrong else "yes"
        return {"answer": self.name, "confidence": round(self.confidence, 4), "right": right}

    def confidence_in(self, images: Images) -> Float[Tensor, "batch"]:
        """In the answer to the picture, for other images."""
        return Queries(self.model)(images).softmax(1)[:, self.answer]

    def answer_to(self, images: Images) -> list[str]:
        """The names of the classes that the network gives to other images."""
        return [self.names[number] for number in Queries(self.model)(images).argmax(1).tolist()]

    def shown(self) -> Picture:
        """The picture, what the network is fed of it, and its confidences."""
        return Picture.of(
            self._drawn(),
            f"The picture, the {self.image.shape[2]} by {self.image.shape[1]} pixels that the network is fed, and its "
            f"confidence in each class: {self.confidence:.2f} in {self.name}",
        )

    @style()
    def _drawn(self) -> Figure:
        drawn, axes = figure_grid(1, 3, 6.6, 2.3, width_ratios=(1, 1, 1.5))
        first, second, bars = axes[0]
        show_image(first, self.picture.pixels, largest=192)
        first.set_title(label(self.picture.called, 20), fontsize=8)
        show_image(second, self.image, limits=(0.0, 1.0), largest=192)
        second.set_title("what the network is fed", fontsize=8)
        order = self.probabilities.argsort(descending=True, stable=True)[:MOST].sort().values.tolist()
        colors = [PALETTE[1] if number == self.answer else PALETTE[5] for number in order]
        bars.bar(range(len(order)), self.probabilities[order].numpy(), color=colors)
        bars.set_xticks(range(len(order)), [label(self.names[number], 8, number=number) for number in order])
        bars.set(ylim=(0, 1.03), ylabel="confidence", xlabel="class")
        return drawn


def ask(network: Network, picture: Image, *, read_as: ReadAs, shows: str) -> Asked:
    """Prepare a picture for a network, and ask it.

    Args:
        read_as: see `netopsy.lab.image_inputs.prepared`.
        shows: the class of what is to be seen; by default what is known of a sample.

    Raises:
        InputError: a network that takes no such images or gives no scores of classes, a picture that cannot be read so,
            or a class that the network does not have.
    """
    found = prepared(picture.pixels, network.data, read_as)
    model = from_pixels(network.model.eval(), network.data)
    scores = Queries(model)(found.pixels[None])[0]
    require(len(scores) > 1, "the network must tell two classes or more apart, and it gives one score")
    given = network.data.classes
    names = given if len(given) == len(scores) else tuple(map(str, range(len(scores))))
    truth = picture.shows if picture.shows in names else ""
    if shows:
        truth = lookup("class that the picture can show", shows, {name: name for name in names})
    return Asked(
        model,
        picture,
        found.pixels,
        found.told,
        scores.softmax(0).float(),
        names,
        truth,
        _code(network, picture, read_as),
    )


def _code(network: Network, picture: Image, read_as: ReadAs) -> str:
    lines = [
        network.code,
        picture.code,
        "from netopsy.lab.image_inputs import from_pixels, prepared",
        f"image = prepared(picture, data, {read_as!r}).pixels\nmodel = from_pixels(model, data)",
    ]
    return "\n\n".join(each for each in lines if each)
