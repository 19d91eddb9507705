"""`netopsy prune` compares ways of pruning on a network of one's own, each with the same training budget."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.cli.network import (
    NEEDS_MODEL,
    ChannelsOption,
    DeviceOption,
    InterpolationOption,
    MeanOption,
    ModelOption,
    ResizeOption,
    SizeOption,
    StdOption,
    WeightsOption,
    device_named,
    shown_as,
)
from netopsy.cli.terminal import complain, say, warnings_as_notes
from netopsy.core.errors import InputError, require

if TYPE_CHECKING:
    from netopsy.examination.pruning import Config
    from netopsy.lab import Run


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command()(prune)


def prune(
    model: ModelOption = None,
    weights: WeightsOption = None,
    train: Annotated[
        str | None, typer.Option(metavar="FOLDER|hub:OWNER/NAME|digits|lfw", help="Images to train on.")
    ] = None,
    data: Annotated[str | None, typer.Option(metavar="SPEC", help="Held-out images to test on; as --train.")] = None,
    sparsity: Annotated[str, typer.Option(metavar="A,B", help="Shares of the weights to remove.")] = "0.9",
    methods: Annotated[str | None, typer.Option(metavar="A,B", help="Only these ways of pruning.")] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME=VALUE,...", help="The training budget, such as steps=3000,lr=0.003.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Rounds of iterative pruning, within the budget.")] = 3,
    seeds: Annotated[int, typer.Option(help="Networks that each way prunes; an interval needs three.")] = 5,
    size: SizeOption = None,
    resize: ResizeOption = None,
    interpolation: InterpolationOption = None,
    channels: ChannelsOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    limit: Annotated[int | None, typer.Option(help="Use at most so many images of each set.")] = None,
    device: DeviceOption = "auto",
    workers: Annotated[
        int | None, typer.Option(help="Processes that prune, one for each core unless given; 0: no others.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="Address of a dask scheduler, such as tcp://host:8786.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Also write the best network of each sparsity.")] = False,
    out: Annotated[Path, typer.Option(help="The folder to write to, or to go on in.")] = Path("pruned"),
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only where the results are.")] = False,
) -> int:
    """Compare ways of pruning on one network. Stop it at any time: the same command goes on where it was."""
    from netopsy.cli.progress import shown as progress
    from netopsy.examination.pruning.study import PRESET, comparison
    from netopsy.lab import CellsFailedError, StorageError
    from netopsy.lab import run as run_study
    from netopsy.lab.errors import InterruptedRunError, WorkersError

    shown = shown_as(size, resize, interpolation, channels, mean, std)
    config = _config(model, weights, train, data, recipe, sparsity, methods, rounds, seeds, shown, limit, device, quiet)
    study = comparison(config)
    try:
        with nullcontext() if quiet else progress():
            run = run_study(study, PRESET, out=out, workers=workers, cluster=cluster)
            lines = _written(run, config, out, save)
    except CellsFailedError as error:
        for failure in error.failures[:8]:
            complain(f"{failure.cell}: {failure.reason}")
        complain("the other networks are stored; the same command tries again only what failed")
        return 1
    except (StorageError, WorkersError) as error:
        complain(str(error))
        return 1
    except InterruptedRunError as error:
        complain(f"{error}; the same command goes on from there")
        return 130
    if quiet:
        say(out)
    else:
        _tell(lines, config, out)
    return 0


def _config(
    model: str | None,
    weights: Path | None,
    train: str | None,
    data: str | None,
    recipe: str | None,
    sparsity: str,
    methods: str | None,
    rounds: int,
    seeds: int,
    shown: Any,
    limit: int | None,
    device: str,
    quiet: bool,
) -> Config:
    from dataclasses import replace

    from netopsy.cli.recipe import recipe_from
    from netopsy.examination.default import RECIPE
    from netopsy.examination.pruning import Config, Source
    from netopsy.examination.pruning.source import fitting
    from netopsy.sparsity.comparison import METHODS, Budget, never_pruned

    require(limit is None or limit >= 1, f"--limit must be at least 1, got {limit}")
    if model is None:
        require(weights is None, NEEDS_MODEL)
        require(
            {train, data} <= {None, "digits"},
            "--train and --data need --model PACKAGE.MODULE:FACTORY, the network they are for",
        )
    else:
        require(train is not None and data is not None, "--model needs --train and --data: images to train and test on")
    how = RECIPE if model is None and recipe is None else recipe_from(recipe)
    asked = tuple(part.strip() for part in methods.split(",") if part.strip()) if methods else METHODS
    names = asked if METHODS[0] in asked else (METHODS[0], *asked)
    budget = Budget(how, rounds=rounds)
    source = Source(
        model or "",
        str(weights.absolute()) if weights is not None else "",
        train or "digits",
        data or "digits",
        shown,
        limit,
        str(device_named(device)),
    )
    wanted = Config(source, budget, _shares(sparsity), names, seeds)
    wanted = replace(wanted, source=source.identified())
    with warnings_as_notes(quiet):
        fit, reasons = fitting(wanted.source, names, wanted.sparsities)
    for method, reason in reasons.items():
        require(methods is None and method != METHODS[0], reason)
        say(f"note: {method} is left out: {reason}", err=True)
    others = never_pruned(wanted.source.untrained(0))
    if others:
        some = ", ".join(list(others)[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        say(f"note: {sum(others.values()):,} parameters are never pruned ({some})", err=True)
    return replace(wanted, methods=tuple(fit))


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--sparsity must be shares between 0 and 1 with commas between them, got {text!r}") from None


def _written(run: Run, config: Config, out: Path, save: bool) -> list[dict[str, Any]]:
    """The table as CSV and JSON, and the networks that are asked for, beside the files of the run."""
    import pandas as pd

    from netopsy.cli.interrupts import insistent_interrupts
    from netopsy.cli.outputs import results
    from netopsy.examination.pruning.saving import best_methods, save_networks
    from netopsy.examination.pruning.study import summary

    lines = summary(run.rows, config)
    with insistent_interrupts(), results(out, "prune") as written:
        written.table("comparison", pd.DataFrame(lines), "csv")
        if save:
            save_networks(best_methods(lines, config), config, written.path)
        written.summary(comparison=lines, seeds=config.seeds, steps=config.budget.recipe.steps)
    return lines


def _tell(lines: list[dict[str, Any]], config: Config, out: Path) -> None:
    from netopsy.cli.tables import print_rows

    rows = [
        (
            f"{100 * line['sparsity']:g} %",
            line["method"],
            _interval(line, "accuracy", ""),
            f"{100 * line['weights kept']:.1f} %",
            _interval(line, "lead", "+"),
            line["real"],
        )
        for line in lines
    ]
    print_rows(("removed", "method", "test accuracy", "kept", f"less {config.methods[0]}", "real"), rows, cut="method")
    say(
        f"\nMeans over {config.seeds} seeds with 95% intervals, in points; those of the differences hold for all "
        f"methods of a sparsity together.\nEach network had {config.budget.recipe.steps:,} training steps in all. "
        f"Kept in {out}: comparison.csv, figures/accuracy.svg.",
    )


def _interval(line: dict[str, Any], name: str, sign: str) -> str:
    value, low, high = (line[name], line[f"{name} low"], line[f"{name} high"])
    if value is None:
        return ""
    if low is None:
        return f"{value:{sign}.1f}"
    return f"{value:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"
