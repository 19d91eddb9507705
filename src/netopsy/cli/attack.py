"""`netopsy attack` looks for the smallest changes of images that change a network's answers, by questions alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.cli.network import (
    ChannelsOption,
    DeviceOption,
    InterpolationOption,
    LabelsOption,
    MeanOption,
    ModelOption,
    Pictured,
    ResizeOption,
    SeedOption,
    SizeOption,
    StdOption,
    WeightsOption,
    pictured,
    shown_as,
)
from netopsy.core.errors import InputError, UnknownNameError, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from netopsy.robustness.feature_guided_attack import SearchResult

NORMS = {"L0": 0, "L1": 1, "L2": 2}
PLAYERS, MODES = ("cooperative", "adversarial", "random"), ("mcts", "saliency")
DRAWN = 12
"""Images in the picture."""


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command()(attack)


def attack(
    images: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGE|FOLDER|hub:OWNER/NAME|digits]", help="What to change.", show_default=False),
    ] = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="NAME|NUMBER", help="The true class of the images; else their folder's, or the answer."),
    ] = None,
    norm: Annotated[str, typer.Option(metavar="L0|L1|L2", help="Of the distance; L0 counts changed pixels.")] = "L0",
    player: Annotated[
        str, typer.Option(metavar="cooperative|adversarial|random", help="Who picks the pixels of a keypoint.")
    ] = "cooperative",
    mode: Annotated[
        str, typer.Option(metavar="mcts|saliency", help="The game of two players, or that of one.")
    ] = "mcts",
    max_queries: Annotated[int, typer.Option(help="Images that the network is asked about, for each image.")] = 3000,
    stride: Annotated[
        int | None, typer.Option(help="Pixels changed between two questions; by default 1 for each 64 of the image.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Images at most.")] = 4,
    labels: LabelsOption = None,
    size: SizeOption = None,
    resize: ResizeOption = None,
    interpolation: InterpolationOption = None,
    channels: ChannelsOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    device: DeviceOption = "auto",
    out: Annotated[
        Path, typer.Option(help="The folder to write to: new, empty, or written by this command before.")
    ] = Path("attacked"),
    seed: SeedOption = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only where the results are.")] = False,
) -> int:
    """Look for the fewest pixels whose change changes a network's answer, asking it for answers and nothing else."""
    for option, given in (("--max-queries", max_queries), ("--stride", stride), ("--limit", limit)):
        require(given is None or given >= 1, f"{option} must be 1 or more, got {given}")
    require(seed >= 0, f"--seed must not be negative, got {seed}")
    for option, word, known in (("--norm", norm, NORMS), ("--player", player, PLAYERS), ("--mode", mode, MODES)):
        if word not in known:
            raise UnknownNameError(option, word, known)
    from netopsy.cli.outputs import results_place

    shown = shown_as(size, resize, interpolation, channels, mean, std)
    place = results_place(out, "attack")
    start = time.perf_counter()
    found = pictured(
        images, model=model, weights=weights, labels=labels, shown=shown, limit=limit, device=device, seed=seed
    )
    options: dict[str, Any] = {"norm": NORMS[norm], "player": player, "mode": mode, "max_queries": max_queries}
    searches, whole = _searched(found, _class(found, label), options | {"stride": stride}, seed, quiet)
    if searches:
        _write(place, found, searches, options | {"seed": seed})
    if not quiet:
        _tell(found, searches)
    return found.ended(len(searches), place, time.perf_counter() - start, whole=whole, quiet=quiet)


def _class(found: Pictured, label: str | None) -> int | None:
    """The number of the class that ``--label`` names."""
    if label is None:
        return None
    if label in found.classes:
        return found.classes.index(label)
    if label.isdecimal():
        return int(label)
    if found.classes:
        raise UnknownNameError("class", label, found.classes)
    raise InputError(f"--label must be the number of a class, as the classes have no names, got {label!r}")


def _searched(
    found: Pictured, label: int | None, options: dict[str, Any], seed: int, quiet: bool
) -> tuple[list[SearchResult], bool]:
    """A search for each image, and whether all were finished."""
    from netopsy.core.seeds import derive
    from netopsy.examination.subject import evaluate_outputs
    from netopsy.robustness.feature_guided_attack import feature_guided_search, stride_for

    true = [None] * len(found.images) if found.labels is None else found.labels.tolist()
    options = options | {"stride": options["stride"] or stride_for(found.images[0, 0].numel())}

    def searched(number: int, image: Tensor) -> SearchResult:
        wanted = true[number] if label is None else label
        one = feature_guided_search(found.model, image, wanted, seed=derive(seed, number), **options)
        again = int(evaluate_outputs(found.model, one.adversarial[None]).argmax(1))
        require(
            not one.success or again == one.predicted,
            f"the network answers the same image with {one.predicted} once and with {again} the next time: an attack "
            "needs one that does not draw at random",
        )
        return one

    return found.each(searched, "searching", quiet)


def _write(place: Path, found: Pictured, searches: list[SearchResult], options: dict[str, Any]) -> None:
    import pandas as pd

    from netopsy.cli.outputs import results
    from netopsy.lab.files import write_json

    rows = [_row(found, number, one) for number, one in enumerate(searches)]
    with results(place, "attack") as folder:
        folder.table("images", pd.DataFrame(rows), "csv")
        write_json(folder.path("images.json"), rows)
        folder.figure("images", _picture(found, searches))
        for row, one in zip(rows, searches, strict=True):
            if row["file"] is not None:
                _pillow(one.adversarial).save(folder.path(row["file"]), "PNG")
        folder.summary(network=found.name, images=len(found.images), finished_images=len(searches), **options)
        folder.summary(changed=sum(one.success for one in searches))


def _row(found: Pictured, number: int, one: SearchResult) -> dict[str, Any]:
    changed = one.success and one.severity > 0
    return {
        "image": found.names[number],
        "outcome": _outcome(one),
        "class": found.called(one.label),
        "becomes": found.called(one.predicted) if one.success else None,
        "distance": one.severity if one.success else None,
        "changed pixels": len(one.manipulations) if one.success else None,
        "needs every pixel": one.minimal if one.success else None,
        "value": one.value if changed or not one.success else None,
        "queries": one.n_queries,
        "keypoints": len(one.keypoints) if one.keypoints.found else 0,
        "file": f"changed-{number + 1}.png" if changed else None,
        "holds as PNG": _holds_in_8_bits(found, one) if changed else None,
    }


def _outcome(one: SearchResult) -> str:
    if not one.success:
        return "not found"
    return "changed" if one.severity > 0 else "wrong already"


def _holds_in_8_bits(found: Pictured, one: SearchResult) -> bool:
    """Whether the network still gives the other answer for the pixels that the file can hold."""
    from netopsy.examination.subject import evaluate_outputs

    rounded = (one.adversarial * 255).round() / 255
    return int(evaluate_outputs(found.model, rounded[None]).argmax(1)) != one.label


def _pillow(image: Tensor) -> Any:
    from PIL import Image

    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().byte().movedim(0, -1).numpy()
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _picture(found: Pictured, searches: list[SearchResult]) -> Figure:
    def draw(ax: Axes, one: SearchResult) -> str:
        one.plot(ax)
        return f"{found.called(one.label)}\n{_words(found, one)}"

    return found.picture(searches, draw, 2.3, DRAWN)


def _words(found: Pictured, one: SearchResult) -> str:
    if not one.success:
        return f"stays within {one.n_queries} queries"
    if one.severity == 0:
        return f"the network says {found.called(one.predicted)}"
    changed = len(one.manipulations)
    return f"becomes {found.called(one.predicted)} by {changed} pixel{'s' if changed > 1 else ''}"


def _tell(found: Pictured, searches: list[SearchResult]) -> None:
    from netopsy.cli.tables import print_rows

    rows = [
        [found.names[number], _outcome(one), found.called(one.label), str(one.n_queries), _words(found, one)]
        for number, one in enumerate(searches)
    ]
    styles = {"changed": "red", "wrong already": "yellow", "not found": "green"}
    print_rows(("image", "outcome", "class", "queries", "note"), rows, "note", styles=styles)
