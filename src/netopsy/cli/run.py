"""`netopsy run` runs a paper on an image, a graph or a network; `netopsy worker` does so for the pages of `serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netopsy.cli.network import SeedOption
from netopsy.cli.terminal import complain, kept_streams, say, warnings_as_notes
from netopsy.core.errors import InputError, require

if TYPE_CHECKING:
    from netopsy.lab.recipes import PaperRecipe
    from netopsy.web.runs.carry_out import Outcome
    from netopsy.web.runs.job import Given


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(worker)


def run(
    paper: Annotated[str, typer.Argument(metavar="SLUG", help="A paper; or a recipe, as package.module:RECIPE.")],
    input: Annotated[
        list[Path] | None, typer.Option(help="Your image, graph or weights (safetensors); once for each it takes.")
    ] = None,
    sample: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A sample instead; the first one unless given.")
    ] = None,
    network: Annotated[
        str, typer.Option(metavar="ARCHITECTURE", help="Of weights: small_conv_net, lenet, mlp, resnet, ...")
    ] = "",
    sizes: Annotated[
        str, typer.Option(metavar="NAME=VALUE,...", help="Of weights: such as widths=4 8,channels=1.")
    ] = "",
    mean: Annotated[
        str, typer.Option(metavar="NUMBERS", help="Of weights: what was taken off pixels from 0 to 1, as 0.5,0.5,0.5.")
    ] = "",
    std: Annotated[str, typer.Option(metavar="NUMBERS", help="Of weights: what they were divided by then.")] = "",
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the recipe; repeatable.")
    ] = None,
    seed: SeedOption = 0,
    out: Annotated[Path, typer.Option(help="The folder of the results.")] = Path("run"),
) -> int:
    """Run a paper on an image, a graph or a network of yours, or on a sample."""
    from netopsy.cli.interrupts import insistent_interrupts
    from netopsy.cli.outputs import results, results_place
    from netopsy.cli.progress import shown
    from netopsy.web.runs.carry_out import carry_out, recipe_named
    from netopsy.web.runs.job import Job
    from netopsy.web.runs.results import write_results

    recipe = recipe_named(paper)
    options = dict(_pair(each) for each in option or ())
    recipe.values(options)
    weights = {"architecture": network, "sizes": sizes, "mean": mean, "std": std}
    inputs = _given(recipe, input or [], sample or [], weights)
    place = results_place(out, "run")
    job = Job("recipe", paper, inputs, options, seed=seed)
    try:
        with kept_streams(), insistent_interrupts(), shown(), warnings_as_notes(False):
            outcome = carry_out(job, Path())
            with results(place, "run") as written:
                write_results(outcome, written.path("."))
                written.summary(paper=paper, title=outcome.title, seed=seed)
    except KeyboardInterrupt:
        complain("interrupted; nothing was written")
        return 130
    _tell(outcome, place)
    return 0


def worker(
    slots: Annotated[int, typer.Option(help="How many runs at once.")] = 2,
    beside: Annotated[int | None, typer.Option(hidden=True, help="End when this process is not the parent.")] = None,
) -> None:
    """Carry out what visitors of the page run, until Ctrl-C; on any machine that reaches its database and folder."""
    fewest = 1 if beside is None else 0  # which lets the index follow all the same
    require(fewest <= slots <= 64, f"--slots must be from 1 to 64, got {slots}")
    import logging
    import os
    import signal
    import threading

    from netopsy.cli.opened import opened

    with opened() as (feed, settings):
        from netopsy.feed.calendar import clock
        from netopsy.web.runs.expiry import runs_folder
        from netopsy.web.runs.follower import follow
        from netopsy.web.runs.worker import Slots, serve

        logging.basicConfig(format="netopsy: %(message)s", level=logging.WARNING)
        asked = threading.Event()
        for kind in (signal.SIGTERM, signal.SIGINT):
            signal.signal(kind, lambda *_: asked.set())
        folders = runs_folder(feed.engine, settings)
        if beside is None:
            say(f"{slots} runs at once, in {folders} (Ctrl-C ends it)")
        else:
            threading.Thread(target=follow, args=(feed, asked), daemon=True).start()
        serve(Slots(feed.engine, folders, slots, clock), beside, asked=asked)
    if beside is not None:  # what is being read does not let itself be interrupted
        os._exit(0)


def _given(recipe: PaperRecipe, files: list[Path], samples: list[str], weights: dict[str, str]) -> tuple[Given, ...]:
    """Files and samples to the inputs that they fit, in the order in which they are said."""
    from netopsy.core.paths import file_from
    from netopsy.web.runs.inputs import ENDINGS
    from netopsy.web.runs.job import Given

    found: list[Given] = []
    files, samples = list(files), list(samples)
    for wanted in recipe.takes:
        fits = [each for each in files if each.suffix.lower() in ENDINGS[wanted.kind]]
        known = [each for each in samples if each in wanted.samples]
        if fits:
            files.remove(fits[0])
            path = str(file_from(fits[0], f"file of {wanted.kind}").absolute())
            require(
                wanted.kind != "network" or weights["architecture"],
                "weights need --network ARCHITECTURE, the kind of theirs",
            )
            found.append(Given(file=path, **(weights if wanted.kind == "network" else {})))
        elif known:
            samples.remove(known[0])
            found.append(Given(sample=known[0]))
        else:
            found.append(Given(sample=wanted.samples[0]))
    takes = "; ".join(
        f"{each.kind}: {' '.join(ENDINGS[each.kind])}, or a sample of {', '.join(each.samples)}"
        for each in recipe.takes
    )
    if files or samples:
        unused = str(files[0]) if files else samples[0]
        raise InputError(f"{recipe.paper} cannot be run on {unused!r}; it takes {takes}")
    return tuple(found)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in text.partition("="))
    require(equals and name, f"--option must be name=value, got {text!r}")
    return name, value


def _tell(outcome: Outcome, place: Path) -> None:
    from netopsy.core.texts import plain

    for _, finding in outcome.findings:
        say(plain(finding.sentence))
    for each in outcome.absences:
        complain(plain(each))
    say(f"Pictures, tables and numbers are in {place}")
