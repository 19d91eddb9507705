"""A network and images as a command line names them: the options that commands share, and what stands behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from netopsy.cli.terminal import complain, kept_streams, say
from netopsy.core.errors import InputError, UnknownNameError, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor, device, nn

    from netopsy.core.shapes import Images
    from netopsy.data import Dataset
    from netopsy.examination.preprocessing import Preprocessing

T = TypeVar("T")

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="PACKAGE.MODULE:FACTORY|timm:NAME|hf:OWNER/NAME",
        help="A function of yours that returns the network, or one of a library.",
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE", help="Its weights: safetensors, torch.export or torch.save."),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="Names of the network's outputs: one a line, or JSON."),
]
SizeOption = Annotated[int | None, typer.Option("--size", help="Pixels a side to bring the images to.")]
ResizeOption = Annotated[
    int | None, typer.Option("--resize", help="Pixels to scale the shorter side to before the middle is cut out.")
]
InterpolationOption = Annotated[
    str | None, typer.Option("--interpolation", metavar="nearest|bilinear|bicubic|lanczos", help="Of the scaling.")
]
ChannelsOption = Annotated[int | None, typer.Option("--channels", help="1 for grey images, 3 for colours.")]
MeanOption = Annotated[
    str | None,
    typer.Option("--mean", metavar="A,B,C", help="Taken off each channel of the images, which are from 0 to 1."),
]
StdOption = Annotated[str | None, typer.Option("--std", metavar="A,B,C", help="What each channel is then divided by.")]
DeviceOption = Annotated[str, typer.Option("--device", metavar="cpu|cuda|auto", help="Where the network runs.")]
SeedOption = Annotated[int, typer.Option("--seed", help="For everything that is drawn at random.")]

NEEDS_MODEL = (
    "--weights needs --model PACKAGE.MODULE:FACTORY: a file of weights is never run, not even a torch.export "
    "archive, so the network itself must come from your code"
)


def device_named(name: str) -> device:
    """The device that ``--device`` names, or an `InputError`."""
    import torch

    from netopsy.core.modes import best_device

    if name == "auto":
        return best_device()
    try:
        found = torch.device(name)
    except RuntimeError:
        raise InputError(f"--device must be cpu, cuda or auto, got {name!r}") from None
    require(found.type in ("cpu", "cuda"), f"--device must be cpu, cuda or auto, got {name!r}")
    require(found.type == "cpu" or torch.cuda.is_available(), f"--device {name} is not there: no GPU is seen")
    return found


def numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """Numbers with commas between them, or an `InputError`."""
    if text is None:
        return None
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    require(all(map(math.isfinite, found)), f"{option} must be numbers with commas between them, got {text!r}")
    return tuple(found)


def read_for(
    network: nn.Module, asked_for: Preprocessing, spec: str, split: str, limit: int | None, seed: int
) -> Dataset:
    """The part of a data set, as a network takes it: as the caller asked, otherwise as the network itself says."""
    loaded = asked_for.for_network(network, spec).read(spec, split=split, limit=limit, seed=seed)
    if loaded.name == split:  # the part of a folder says nothing without the folder
        loaded = replace(loaded, name=f"{Path(spec).resolve().name} {split}")
    return loaded


@dataclass(frozen=True, eq=False)
class Pictured:
    """A network that takes pixels from 0 to 1, and images to show it, on its device."""

    model: nn.Module
    images: Images
    names: tuple[str, ...]
    """What the images are called: their files, or their numbers in a data set."""
    labels: Tensor | None
    """Their true classes, where the source says; on the CPU."""
    classes: tuple[str, ...]
    """Names of the network's outputs, as far as they are known."""
    name: str
    """Of the network."""

    def called(self, number: int) -> str:
        """The name of a class; its number where nobody said."""
        return self.classes[number] if number < len(self.classes) else str(number)

    def each(self, work: Callable[[int, Tensor], T], description: str, quiet: bool) -> tuple[list[T], bool]:
        """What ``work`` makes of each image's number and the image, and whether all were finished before Ctrl-C."""
        from netopsy.cli.interrupts import insistent_interrupts
        from netopsy.cli.progress import shown
        from netopsy.core.progress import track

        done: list[T] = []
        try:
            with kept_streams(), insistent_interrupts(), nullcontext() if quiet else shown():
                for number, image in enumerate(track(self.images, description, len(self.images))):
                    done.append(work(number, image))
        except KeyboardInterrupt:
            return done, False
        return done, True

    def picture(self, results: Sequence[T], draw: Callable[[Axes, T], str], height: float, most: int) -> Figure:
        """The first results in two columns; ``draw`` draws one and says what its title adds to the image's name."""
        from netopsy.core.drawing import figure_grid, title

        first = results[:most]
        columns = min(2, len(first))
        rows = -(-len(first) // columns)
        drawn, axes = figure_grid(rows, columns, 3.8 * columns, height * rows)
        every = axes.ravel().tolist()
        for name, ax, one in zip(self.names, every, first, strict=False):
            ax.set_title(title(f"{name}: {draw(ax, one)}", 44), loc="left", fontsize=9)
        for ax in every[len(first) :]:
            ax.set_axis_off()
        return drawn

    def ended(self, finished: int, place: Path, seconds: float, *, whole: bool, quiet: bool) -> int:
        """Say where a command's results are, or that it was interrupted; returns the exit code."""
        if not whole:
            complain(f"interrupted; {finished} of {len(self.images)} images were finished")
            return 130
        say(place if quiet else f"{place} written in {seconds:.1f} s")
        return 0


def shown_as(
    size: int | None,
    resize: int | None,
    interpolation: str | None,
    channels: int | None,
    mean: str | None,
    std: str | None,
) -> Preprocessing:
    """How the options say that images become inputs, or an `InputError`."""
    from netopsy.data.pictures import INTERPOLATIONS
    from netopsy.examination.preprocessing import Preprocessing

    if interpolation is not None and interpolation not in INTERPOLATIONS:
        raise UnknownNameError("interpolation", interpolation, INTERPOLATIONS)
    scaling: Any = interpolation
    return Preprocessing(size, resize, scaling, channels, numbers("--mean", mean), numbers("--std", std))


def pictured(
    source: str | None,
    *,
    model: str | None,
    weights: Path | None,
    labels: Path | None,
    shown: Preprocessing,
    limit: int,
    device: str = "auto",
    seed: int = 0,
) -> Pictured:
    """What a command that changes images works on; without ``--model``, the network that is examined by default.

    Args:
        source: an image file, a folder of images, one with a subfolder a class, or what ``--data`` takes.
        shown: how the images become the network's inputs, where it does not say so itself.
        limit: images at most; those of a data set are drawn with the classes in their proportions.

    Raises:
        InputError: no network, no image, or what does not fit together.
    """
    import torch

    from netopsy.core.contained import contained
    from netopsy.core.modes import running_on
    from netopsy.examination.default import kept_network
    from netopsy.examination.labels import names_of, read_labels
    from netopsy.examination.named import network_named
    from netopsy.examination.pixels import Standardised
    from netopsy.examination.preprocessing import preprocessing_of
    from netopsy.examination.subject import evaluate_outputs

    where = device_named(device)
    if model is None:
        require(weights is None, NEEDS_MODEL)
        require(source in (None, "digits"), f"{source} needs --model PACKAGE.MODULE:FACTORY, the network it is for")
        torch.set_num_threads(1)  # it is so small that threads would only wait for each other
        trained = kept_network(seed)
        network, name = trained.model, trained.name
        data = _some(trained.test, limit, seed)
    else:
        require(source is not None, "an image, or a folder of them, is needed to show the network of --model")
        network, name = network_named(model, weights, seed=seed), model
        data = _read(str(source), shown.otherwise(preprocessing_of(network)), limit, seed)
    normalisation = data.normalisation
    network = network.to(where)
    with running_on(data.inputs[:1], network), contained("the network"):
        outputs = evaluate_outputs(network, data.inputs[:1])
    require(
        outputs.ndim == 2 and outputs.shape[1] >= 2,
        f"the network must return scores [batch, classes] of two classes or more, but returns {tuple(outputs.shape)}",
    )
    known = () if labels is None else tuple(read_labels(labels))
    labelled = data.classes != _UNKNOWN
    return Pictured(
        network if normalisation is None else Standardised(network, normalisation),
        data.images.clamp(0, 1).to(where),
        data.files or tuple(map(str, range(len(data)))),
        data.targets if labelled else None,
        tuple(known or names_of(network, outputs.shape[1]) or (data.classes if labelled else ())),
        name,
    )


_UNKNOWN = ("",)
"""The classes of images of which nobody said what they show."""


def _read(source: str, shown: Preprocessing, limit: int, seed: int) -> Dataset:
    import torch

    from netopsy.core.paths import path_from
    from netopsy.data import Dataset
    from netopsy.data.load import EMBEDDED
    from netopsy.data.pictures import SUFFIXES, Framing, read_pictures
    from netopsy.examination.preprocessing import Preprocessing

    if source.startswith("hub:") or source in EMBEDDED:
        if source in EMBEDDED:  # images of one size, whatever the network was made for
            shown = Preprocessing(mean=shown.mean, std=shown.std)
        return shown.read(source, split="test", limit=limit, seed=seed)
    place = path_from(source, "images")
    require(place.exists(), f"there is no image or folder {source!r}")
    require(place.is_file() or place.is_dir(), f"{source!r} must be an image or a folder of them, and is neither")
    files = [place] if place.is_file() else sorted(one for one in place.iterdir() if one.suffix.lower() in SUFFIXES)
    if place.is_dir() and not files:
        return shown.read(source, split="test", limit=limit, seed=seed)
    files = files[:limit]
    framing = Framing(shown.size, shown.resize, shown.channels, shown.interpolation or "bilinear")
    images = read_pictures(files, [repr(str(file)) for file in files], framing)
    unknown = torch.zeros(len(images), dtype=torch.int64)
    return shown.standardised(Dataset(images, unknown, _UNKNOWN, files=tuple(file.name for file in files)))


def _some(data: Dataset, limit: int, seed: int) -> Dataset:
    from netopsy.data.choice import choose

    return data[choose(data.targets, min(limit, len(data)), seed)]
