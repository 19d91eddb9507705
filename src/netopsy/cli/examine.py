"""`netopsy examine` points every instrument at a trained network and writes the report."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.core.errors import InputError, require

if TYPE_CHECKING:
    from torch import nn

    from netopsy.data import Dataset, Normalisation
    from netopsy.examination import Examination


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command()(examine)


def examine(
    model: Annotated[
        str | None, typer.Option(metavar="PACKAGE.MODULE:FACTORY", help="A function of yours that returns the network.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its weights: safetensors, torch.export or torch.save.")
    ] = None,
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
    size: Annotated[int | None, typer.Option(help="Pixels a side to bring the images to.")] = None,
    channels: Annotated[int | None, typer.Option(help="1 for grey images, 3 for colours.")] = None,
    mean: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Taken off each channel of the images, which are from 0 to 1.")
    ] = None,
    std: Annotated[str | None, typer.Option(metavar="A,B,C", help="What each channel is then divided by.")] = None,
    limit: Annotated[int | None, typer.Option(help="Use at most so many samples.")] = None,
    layer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A layer to look at, as in named_modules(); repeatable.")
    ] = None,
    classes: Annotated[str | None, typer.Option(metavar="A,B", help="Classes to look at, by name or number.")] = None,
    instruments: Annotated[str | None, typer.Option(metavar="A,B", help="Only these instruments.")] = None,
    depth: Annotated[str, typer.Option(metavar="quick|normal|thorough", help="How far the instruments go.")] = "normal",
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="Instruments that would take longer together are left out.")
    ] = 120.0,
    device: Annotated[str, typer.Option(metavar="cpu|cuda|auto", help="Where the network runs.")] = "auto",
    out: Annotated[Path, typer.Option(help="The folder to write to, or a file ending in .html.")] = Path("report"),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only where the report is.")] = False,
) -> int:
    """Examine a trained network and write a report; without --model, a small one that is trained on the spot."""
    start = time.perf_counter()
    _check_numbers(budget, seed, limit)
    images = {
        "--train": train,
        "--recipe": recipe,
        "--size": size,
        "--channels": channels,
        "--mean": mean,
        "--std": std,
    }
    _check_together(model, weights, data, [name for name, value in images.items() if value is not None])
    require(recipe is None or train is not None, "--recipe needs --train: the data to train on")
    from netopsy.cli.interrupts import insistent_interrupts, uninterrupted
    from netopsy.cli.progress import shown
    from netopsy.examination.examine import examine as examine_network
    from netopsy.examination.instrument import instruments as named_instruments

    place = report_place(out)
    wanted: dict[str, Any] = {
        "layers": layer or (),
        "classes": _names(classes),
        "instruments": _names(instruments),
        "depth": depth,
        "budget": budget,
        "seed": seed,
    }
    named_instruments(wanted["instruments"])  # a wrong name is told before minutes are spent
    reading = {"size": size, "channels": channels, "limit": limit, "seed": seed}
    try:
        with insistent_interrupts(), nullcontext() if quiet else shown(), _warnings_as_notes(quiet):
            subject = (
                _embedded(device, limit, seed)
                if model is None
                else _own(model, weights, data, train, recipe, split, reading, _normalisation(mean, std), device, seed)
            )
            examination = examine_network(**subject, **wanted)
            with uninterrupted():
                page = examination.save(place)
    except KeyboardInterrupt:
        typer.echo("netopsy: interrupted; no report was written", err=True)
        return 130
    if quiet:
        typer.echo(page)
    else:
        asked = bool(wanted["instruments"])
        _summarise(examination, page, time.perf_counter() - start, asked)
    return 0


def report_place(out: Path) -> Path:
    """``out`` if a report may go there: a folder that is new, empty or holds a report, or such a file ending in .html.

    Raises:
        InputError: something else is there.
    """
    from netopsy.cli.outputs import output_place
    from netopsy.examination.report import is_report

    if out.suffix == ".html":
        return output_place(out, is_report, "report of netopsy", file=True)
    return output_place(out, lambda folder: is_report(folder / "report.html"), "report of netopsy")


def _check_numbers(budget: float, seed: int, limit: int | None) -> None:
    require(0 < budget < float("inf"), f"--budget must be a positive number of seconds, got {budget:g}")
    require(seed >= 0, f"--seed must not be negative, got {seed}")
    require(limit is None or limit >= 1, f"--limit must be at least 1, got {limit}")


def _check_together(model: str | None, weights: Path | None, data: str | None, about_images: Sequence[str]) -> None:
    if model is not None:
        require(data is not None, "--model needs --data: held-out images to examine the network on")
        return
    require(
        weights is None,
        "--weights needs --model PACKAGE.MODULE:FACTORY: a file of weights is never run, not even a torch.export "
        "archive, so the network itself must come from your code",
    )
    require(
        data in (None, "digits") and not about_images,
        f"{about_images[0] if about_images else '--data'} needs --model PACKAGE.MODULE:FACTORY, the network it is for",
    )


def _embedded(device: str, limit: int | None, seed: int) -> dict[str, Any]:
    import torch

    from netopsy.data.choice import choose
    from netopsy.examination.default import default_network

    where = _device(device)
    torch.set_num_threads(1)  # it is so small that threads would only wait for each other
    trained = default_network(seed)
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
    data: str | None,
    train: str | None,
    recipe: str | None,
    split: str,
    reading: dict[str, Any],
    normalisation: Normalisation | None,
    device: str,
    seed: int,
) -> dict[str, Any]:
    from netopsy.cli.recipe import recipe_from
    from netopsy.data import load_data
    from netopsy.examination.factory import network_from
    from netopsy.examination.weights import load_weights

    where, how = _device(device), None if train is None else recipe_from(recipe)
    network: nn.Module = network_from(model, seed=seed)
    if weights is not None:
        load_weights(network, weights)

    def read(spec: str, part: str) -> Dataset:
        loaded = load_data(spec, split=part, **reading)
        if loaded.name == part:  # the part of a folder says nothing without the folder
            loaded = replace(loaded, name=f"{Path(spec).resolve().name} {part}")
        return loaded if normalisation is None else _standardised(loaded, normalisation)

    return {
        "model": network.to(where),
        "data": read(data or "", split),
        "train": None if train is None else read(train, "train"),
        "recipe": how,
        "name": model,
    }


def _device(name: str) -> Any:
    import torch

    from netopsy.core.modes import best_device

    if name == "auto":
        return best_device()
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"--device must be cpu, cuda or auto, got {name!r}") from None
    require(device.type in ("cpu", "cuda"), f"--device must be cpu, cuda or auto, got {name!r}")
    require(device.type == "cpu" or torch.cuda.is_available(), f"--device {name} is not there: no GPU is seen")
    return device


def _normalisation(mean: str | None, std: str | None) -> Normalisation | None:
    if mean is None and std is None:
        return None
    import torch

    from netopsy.data import Normalisation

    shift = _numbers("--mean", mean) if mean is not None else [0.0] * len(_numbers("--std", std or ""))
    scale = _numbers("--std", std) if std is not None else [1.0] * len(shift)
    require(len(shift) == len(scale), f"--mean and --std must be as many, got {len(shift)} and {len(scale)}")
    require(all(each > 0 for each in scale), f"--std must be positive, got {std}")
    return Normalisation(torch.tensor(shift)[:, None, None], torch.tensor(scale)[:, None, None])


def _standardised(data: Dataset, normalisation: Normalisation) -> Dataset:
    given, there = len(normalisation.mean), data.inputs.shape[1]
    require(given in (1, there), f"--mean and --std must be one number or one a channel, {there}, got {given}")
    return data.standardise(normalisation)


def _numbers(option: str, text: str) -> list[float]:
    import math

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = [math.nan]
    require(all(map(math.isfinite, numbers)), f"{option} must be numbers with commas between them, got {text!r}")
    return numbers


def _names(text: str | None) -> Sequence[str]:
    return [part.strip() for part in text.split(",") if part.strip()] if text else []


@contextmanager
def _warnings_as_notes(quiet: bool) -> Iterator[None]:
    """Warnings that were meant for the caller, each told once and in one line when the work is over."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning)
        warnings.filterwarnings("ignore", module=r"(torch|lightning_fabric|matplotlib|scipy|sklearn|numpy)\b")
        warnings.filterwarnings("ignore", message=r"Glyph \d+")  # a letter that a drawing's font has not
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        if not quiet:
            typer.echo(f"note: {' '.join(text.split())}", err=True)


def _summarise(examination: Examination, page: Path, seconds: float, asked: bool) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=100)
    chapter = ""
    for reading in examination.readings:
        if reading.instrument.chapter != chapter:
            chapter = reading.instrument.chapter
            console.print()
            console.print(Text(chapter[:1].upper() + chapter[1:], style="bold"))
        console.print(Padding(Text(reading.finding.sentence), (0, 0, 0, 2)))
    told = [absence for absence in examination.absences if absence.failed or asked]  # who asks by name is answered
    if told:
        console.print()
    for absence in told:
        console.print(Text(f"{absence.instrument.name}: {absence.reason}", style="yellow"))
    console.print()
    console.print(Text(f"{page}", style="bold"), Text(f"written in {seconds:.0f} s"), soft_wrap=True)
