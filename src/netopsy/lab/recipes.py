"""How a paper is run on somebody's own image, graph or network: what it takes, its options and what it shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.finding import Finding
from netopsy.core.texts import plain
from netopsy.lab.sample_pictures import SAMPLES

Kind = Literal["image", "graph", "network"]
Value = int | float | str
LONGEST = 200
"""Characters of an option that is a text."""


@dataclass(frozen=True)
class Input:
    """Something that a recipe works on: a file of the visitor's, or one of the samples."""

    kind: Kind
    label: str
    """What a form calls it."""
    samples: tuple[str, ...]
    """The names of what is always there; the first is taken where nothing is chosen."""
    help: str = ""
    """What becomes of it, for those who fill in a form."""

    def __post_init__(self) -> None:
        require(self.samples, f"an input needs a sample, and {self.label!r} has none")


NETWORK = Input("network", "Your network", ("digits",))
"""A network of `netopsy.models` with its sizes and a safetensors file; or the small one, trained on digits."""

GRAPH = Input("graph", "Your graph", ("karate", "les_miserables"))
"""A file that `netopsy.data.graph_files.read_graph` reads, or a real network known by that name."""
IMAGE = Input(
    "image",
    "Your picture",
    SAMPLES,
    "It is brought to the size and colours that the network takes; the result shows what was fed in.",
)
"""A PNG, JPEG or WebP; or a held-out digit or a photograph known by that name."""


@dataclass(frozen=True)
class Option:
    """A number, a choice or a short text that somebody may set."""

    name: str
    """As the argument of `PaperRecipe.run` is called."""
    label: str
    default: Value
    low: float | int = -math.inf
    high: float | int = math.inf
    choices: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether any short text will do, such as the name of a node."""
        return isinstance(self.default, str) and not self.choices

    def __post_init__(self) -> None:
        self.value(str(self.default))

    def value(self, text: str) -> Value:
        """The value that a text stands for.

        Raises:
            InputError: it is not of the kind of the default, out of bounds, not among the choices, or too long.

        >>> Option("rank", "How many components", 2, low=1, high=5).value("3")
        3
        """
        if self.choices:
            return lookup(self.name, text, {each: each for each in self.choices})
        if self.is_text:
            require(len(text) <= LONGEST, f"{self.name} must be at most {LONGEST} characters long, got {len(text)}")
            return text.strip()
        whole = isinstance(self.default, int)
        wanted = f"a {'whole ' if whole else ''}number from {self.low:g} to {self.high:g}"
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            raise InputError(f"{self.name} must be {wanted}, got {plain(text)[:40]!r}") from None
        fits = self.low <= number <= self.high and (whole or math.isfinite(number))
        require(fits, f"{self.name} must be {wanted}, got {text.strip()[:40]}")
        return number


@dataclass(frozen=True)
class PaperRecipe:
    """How one paper is run; the file ``PAPER_recipe.py`` beside its study holds one, called ``RECIPE``.

    ``run`` does it: called with what ``takes`` names, in that order (an image as a `netopsy.lab.given.Image`, a graph
    as a `netopsy.data.Graph`, a network as a `netopsy.lab.given.Network`), with the options by name and ``seed``. Or
    the instruments of the examination that it names do, on the network that it takes first. Where it has both, the
    instruments' findings over held-out images follow what ``run`` has found.
    """

    paper: str
    title: str
    """What is done, as a heading: "Count the small subgraphs of your graph"."""
    shows: str
    """What is to be seen, in one sentence."""
    takes: tuple[Input, ...]
    run: Callable[..., Finding] | None = None
    instruments: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()

    def __post_init__(self) -> None:
        require(self.run or self.instruments, f"the recipe of {self.paper} must have run or instruments")
        known = not self.instruments or self.takes[:1] == (NETWORK,)
        require(known, f"the recipe of {self.paper} names instruments, which need a network before all else")
        alone = self.run or self.takes == (NETWORK,)
        require(alone, f"the recipe of {self.paper} names instruments, which take a network and nothing else")

    def values(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The options by name, each as given or as it stands by default.

        Raises:
            InputError: an option that the recipe does not have, or a value that does not fit it.
        """
        options = {option.name: option for option in self.options}
        for name in given:
            lookup(f"option of {self.paper}", name, options)
        return {name: each.value(given[name]) if name in given else each.default for name, each in options.items()}
