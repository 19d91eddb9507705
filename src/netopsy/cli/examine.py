"""`netopsy examine` points every instrument at a trained network and writes the report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.cli.network import (
    NEEDS_MODEL,
    ChannelsOption,
    DeviceOption,
    InterpolationOption,
    LabelsOption,
    MeanOption,
    ModelOption,
    ResizeOption,
    SeedOption,
    SizeOption,
    StdOption,
    WeightsOption,
    device_named,
    read_for,
    shown_as,
)
from netopsy.cli.summary import check_run, names_in, report_place, summarise
from netopsy.cli.terminal import complain, kept_streams, say, warnings_as_notes
from netopsy.core.errors import require

if TYPE_CHECKING:
    from netopsy.examination.preprocessing import Preprocessing


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command()(examine)


def examine(
    model: ModelOption = None,
    weights: WeightsOption = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|hub:OWNER/NAME|digits|lfw", help="Held-out images; a folder has one subfolder a class."
        ),
    ] = None,
    train: Annotated[
        str | None, typer.Option(metavar="SPEC", help="What it was trained on, for instruments that train; as --data.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME=VALUE,...", help="How to train on --train, such as steps=500,lr=0.003.")
    ] = None,
    split: Annotated[str, typer.Option(help="The part of --data to examine on.")] = "test",
    labels: LabelsOption = None,
    size: SizeOption = None,
    resize: ResizeOption = None,
    interpolation: InterpolationOption = None,
    channels: ChannelsOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    limit: Annotated[int | None, typer.Option(help="Use at most so many samples.")] = None,
    layer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A layer to look at, as in named_modules(); repeatable.")
    ] = None,
    reshape: Annotated[
        str | None, typer.Option(metavar="HxW", help="Rows and columns of the tokens of --layer, where unclear.")
    ] = None,
    classes: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Classes to look at, by name or number; repeatable.")
    ] = None,
    instruments: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Only these instruments; repeatable.")
    ] = None,
    depth: Annotated[str, typer.Option(metavar="quick|normal|thorough", help="How far the instruments go.")] = "normal",
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="Instruments that would take longer together are left out.")
    ] = 120.0,
    device: DeviceOption = "auto",
    out: Annotated[Path, typer.Option(help="The folder to write to, or a file ending in .html.")] = Path("report"),
    seed: SeedOption = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only where the report is.")] = False,
) -> int:
    """Examine a trained network and write a report; without --model, a small one that is trained on the spot."""
    start = time.perf_counter()
    check_run(budget, seed, limit, depth)
    images_as = shown_as(size, resize, interpolation, channels, mean, std)
    images = {
        "--train": train,
        "--recipe": recipe,
        "--labels": labels,
        "--size": size,
        "--resize": resize,
        "--interpolation": interpolation,
        "--channels": channels,
        "--mean": mean,
        "--std": std,
    }
    _check_together(model, weights, data, [name for name, value in images.items() if value is not None])
    require(recipe is None or train is not None, "--recipe needs --train: the data to train on")
    from netopsy.cli.interrupts import insistent_interrupts, uninterrupted
    from netopsy.cli.progress import shown
    from netopsy.examination.examine import examine as examine_network

    place = report_place(out)
    wanted: dict[str, Any] = {
        "layers": layer or (),
        "classes": names_in(classes),
        "instruments": names_in(instruments),
        "depth": depth,
        "reshape": _rows_and_columns(reshape),
        "budget": budget,
        "seed": seed,
    }
    if wanted["instruments"]:  # a wrong name is told before minutes are spent
        from netopsy.examination.instrument import instruments as named_instruments

        named_instruments(wanted["instruments"])
    try:
        with kept_streams(), insistent_interrupts(), nullcontext() if quiet else shown(), warnings_as_notes(quiet):
            subject = (
                _embedded(device, limit, seed)
                if model is None
                else _own(model, weights, labels, data, train, recipe, split, images_as, limit, device, seed)
            )
            examination = examine_network(**subject, **wanted)
            with uninterrupted():
                page = examination.save(place)
    except KeyboardInterrupt:
        complain("interrupted; no report was written")
        return 130
    if quiet:
        say(page)
    else:
        asked = bool(wanted["instruments"])
        summarise(examination, page, time.perf_counter() - start, asked)
    return 0


def _check_together(model: str | None, weights: Path | None, data: str | None, about_images: Sequence[str]) -> None:
    if model is not None:
        require(data is not None, "--model needs --data: held-out images to examine the network on")
        return
    require(weights is None, NEEDS_MODEL)
    require(
        data in (None, "digits") and not about_images,
        f"{about_images[0] if about_images else '--data'} needs --model PACKAGE.MODULE:FACTORY, the network it is for",
    )


def _embedded(device: str, limit: int | None, seed: int) -> dict[str, Any]:
    import torch

    from netopsy.data.choice import choose
    from netopsy.examination.default import kept_network

    where = device_named(device)
    torch.set_num_threads(1)  # it is so small that threads would only wait for each other
    trained = kept_network(seed)
    test = trained.test if limit is None else trained.test[choose(trained.test.targets, limit, seed)]
    return {
        "model": trained.model.to(where),
        "data": test,
        "train": trained.train,
        "recipe": trained.recipe,
        "initialisation": trained.initialisation,
        "name": trained.name,
    }


def _own(
    model: str,
    weights: Path | None,
    labels: Path | None,
    data: str | None,
    train: str | None,
    recipe: str | None,
    split: str,
    asked_for: Preprocessing,
    limit: int | None,
    device: str,
    seed: int,
) -> dict[str, Any]:
    from netopsy.cli.recipe import recipe_from
    from netopsy.examination.labels import read_labels
    from netopsy.examination.named import network_named

    where, how = device_named(device), None if train is None else recipe_from(recipe)
    names = [] if labels is None else read_labels(labels)
    network = network_named(model, weights, seed=seed)

    return {
        "model": network.to(where),
        "data": read_for(network, asked_for, data or "", split, limit, seed),
        "train": None if train is None else read_for(network, asked_for, train, "train", limit, seed),
        "recipe": how,
        "name": model,
        "labels": names,
    }


def _rows_and_columns(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    rows, _, columns = text.lower().partition("x")
    fits = rows.isdecimal() and columns.isdecimal() and int(rows) > 0 and int(columns) > 0
    require(fits, f"--reshape must be rows and columns, such as 14x14, got {text!r}")
    return int(rows), int(columns)
