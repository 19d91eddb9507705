"""`netopsy compare` puts two trained networks side by side and writes the report."""

from __future__ import annotations

import time
from contextlib import nullcontext
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
    ResizeOption,
    SeedOption,
    SizeOption,
    StdOption,
    device_named,
    read_for,
    shown_as,
)
from netopsy.cli.summary import check_run, names_in, report_place, summarise
from netopsy.cli.terminal import complain, kept_streams, say, warnings_as_notes
from netopsy.core.errors import require
from netopsy.core.texts import plain

if TYPE_CHECKING:
    from netopsy.examination.preprocessing import Preprocessing


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command()(compare)


NETWORK = "NETWORK[=WEIGHTS]|WEIGHTS"


def compare(
    a: Annotated[
        str | None,
        typer.Argument(
            metavar=NETWORK,
            help="What B is held against: PACKAGE.MODULE:FACTORY, timm:NAME or hf:OWNER/NAME, with a file of weights "
            "behind an equals sign if need be; with --model, a file of weights alone.",
        ),
    ] = None,
    b: Annotated[
        str | None, typer.Argument(metavar=NETWORK, help="The network that may take the place of A, as A.")
    ] = None,
    model: ModelOption = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|hub:OWNER/NAME|digits|lfw", help="Held-out images; a folder has one subfolder a class."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="The part of --data to compare on.")] = "test",
    labels: LabelsOption = None,
    size: SizeOption = None,
    resize: ResizeOption = None,
    interpolation: InterpolationOption = None,
    channels: ChannelsOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    limit: Annotated[int | None, typer.Option(help="Use at most so many samples.")] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'NAME < NUMBER'",
            help="Exit with 1 if this is true of the differences, such as 'accuracy < -0.5' or 'accuracy.high < 0'; "
            "repeatable, or with commas between.",
        ),
    ] = None,
    instruments: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Only these instruments; repeatable.")
    ] = None,
    depth: Annotated[str, typer.Option(metavar="quick|normal|thorough", help="How far the instruments go.")] = "normal",
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="Instruments that would take longer together are left out.")
    ] = 120.0,
    device: DeviceOption = "auto",
    out: Annotated[Path, typer.Option(help="The folder to write to, or a file ending in .html.")] = Path("comparison"),
    seed: SeedOption = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only where the report is.")] = False,
) -> int:
    """Compare two trained networks and write a report; without any, two small ones that are trained on the spot."""
    start = time.perf_counter()
    check_run(budget, seed, limit, depth)
    from netopsy.cli.interrupts import insistent_interrupts, uninterrupted
    from netopsy.cli.progress import shown
    from netopsy.examination.comparison import compare as compare_networks
    from netopsy.examination.comparison import comparison_instruments
    from netopsy.examination.comparison.limits import limits_from

    images_as = shown_as(size, resize, interpolation, channels, mean, std)
    wanted = names_in(instruments)
    comparison_instruments(wanted)  # a wrong name or limit is told before minutes are spent
    limits = None if fail_if is None else ", ".join(fail_if)
    if limits is not None:
        limits_from(limits)
    options: dict[str, Any] = {"instruments": wanted, "depth": depth, "budget": budget, "seed": seed}
    place = report_place(out)
    try:
        with kept_streams(), insistent_interrupts(), nullcontext() if quiet else shown(), warnings_as_notes(quiet):
            pair = (
                _embedded(device, limit, seed, data, model)
                if a is None
                else _own(a, b, model, labels, data, split, images_as, limit, device, seed)
            )
            comparison = compare_networks(**pair, **options)
            with uninterrupted():
                page = comparison.save(place)
    except KeyboardInterrupt:
        complain("interrupted; no report was written")
        return 130
    if quiet:
        say(page)
    else:
        summarise(comparison, page, time.perf_counter() - start, bool(wanted))
    broken = [] if limits is None else comparison.beyond(limits)
    for sentence in broken:
        complain(plain(sentence))
    return 1 if broken else 0


def _embedded(device: str, limit: int | None, seed: int, data: str | None, model: str | None) -> dict[str, Any]:
    """Two small networks that differ in the seed alone."""
    import torch

    from netopsy.data.choice import choose
    from netopsy.examination.default import kept_network

    require(model is None, "--model needs A and B: files of weights of that network")
    require(data in (None, "digits"), f"--data {data} needs A and B, the networks to compare on it")
    where = device_named(device)
    torch.set_num_threads(1)  # they are so small that threads would only wait for each other
    first, second = (kept_network(each) for each in (seed, seed + 1))
    test = first.test if limit is None else first.test[choose(first.test.targets, limit, seed)]
    return {
        "model_a": first.model.to(where),
        "model_b": second.model.to(where),
        "data": test,
        "names": (f"{first.name}, seed {seed}", f"{second.name}, seed {seed + 1}"),
    }


def _own(
    a: str,
    b: str | None,
    model: str | None,
    labels: Path | None,
    data: str | None,
    split: str,
    images_as: Preprocessing,
    limit: int | None,
    device: str,
    seed: int,
) -> dict[str, Any]:
    from netopsy.examination.labels import read_labels
    from netopsy.examination.named import network_named

    require(b is not None, "two networks are needed: netopsy compare A B --data ...")
    require(data is not None, "A and B need --data: held-out images to compare them on")
    where, names = device_named(device), [] if labels is None else read_labels(labels)
    both = [network_named(*_parts(text, model), seed=seed) for text in (a, str(b))]
    ways = [images_as.for_network(each, str(data)) for each in both]
    first = read_for(both[0], images_as, str(data), split, limit, seed)
    return {
        "model_a": both[0].to(where),
        "model_b": both[1].to(where),
        "data": first,
        "data_b": None if ways[0] == ways[1] else read_for(both[1], images_as, str(data), split, limit, seed),
        "names": (a, str(b)),
        "labels_a": names,
        "labels_b": names,
    }


def _parts(text: str, model: str | None) -> tuple[str, Path | None]:
    """A network's name and the file of its weights."""
    name, equals, file = text.partition("=")
    if model is not None:
        require(not equals, f"with --model, A and B are files of weights alone, got {text!r}")
        return model, Path(text)
    require(":" in name, f"{text!r} names no network: PACKAGE.MODULE:FACTORY is wanted, or --model beside a file")
    return name, Path(file) if equals else None
