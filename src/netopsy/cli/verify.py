"""`netopsy verify` proves that an image keeps its class, or finds how it does not, and writes a certificate."""

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
from netopsy.cli.terminal import complain, kept_streams, say
from netopsy.core.errors import UnknownNameError, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor, nn

    from netopsy.robustness.safety_verification import Certificate, Verdict

METHODS = ("grid", "grid+cells", "bounds", "milp", "smt")
RADIUS, DRAWN = 0.01, 12
"""Where nothing is said, how far every pixel may go; and images in the picture."""


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command()(verify)


def verify(
    images: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGE|FOLDER|hub:OWNER/NAME|digits]", help="What to ask about.", show_default=False),
    ] = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    radius: Annotated[
        float | None,
        typer.Option(help=f"How far each pixel, from 0 to 1, may go; {RADIUS:g} where nothing is said."),
    ] = None,
    span: Annotated[float | None, typer.Option(help="Instead: one step of a grid.")] = None,
    count: Annotated[int, typer.Option(help="Steps of the grid, up and down.")] = 1,
    dims: Annotated[
        str | None,
        typer.Option(metavar="N|all", help="Pixels that may change, the most extreme ones: all, or 5 for a grid."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(metavar="grid|grid+cells|milp|smt|bounds", help="By default milp, or grid where --span is given."),
    ] = None,
    margin: Annotated[float, typer.Option(help="By how much every other class must stay behind.")] = 1e-4,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For each image.")] = 30.0,
    limit: Annotated[int, typer.Option(help="Images at most.")] = 4,
    labels: LabelsOption = None,
    size: SizeOption = None,
    resize: ResizeOption = None,
    interpolation: InterpolationOption = None,
    channels: ChannelsOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    check: Annotated[
        Path | None, typer.Option(metavar="CERTIFICATE", help="Replay a certificate instead, on the same network.")
    ] = None,
    device: DeviceOption = "auto",
    out: Annotated[
        Path, typer.Option(help="The folder to write to: new, empty, or written by this command before.")
    ] = Path("verified"),
    seed: SeedOption = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only where the results are.")] = False,
) -> int:
    """Prove that images keep their class whatever is done to their pixels within a region, or show how they do not."""
    _check_numbers(radius, span, count, timeout, limit, seed)
    region = _region_options(radius, span, count, dims)
    how = method or ("milp" if span is None else "grid")
    if how not in METHODS:
        raise UnknownNameError("--method", how, METHODS)
    shown = shown_as(size, resize, interpolation, channels, mean, std)
    asked: dict[str, Any] = {
        "model": model,
        "weights": weights,
        "labels": labels,
        "shown": shown,
        "device": device,
        "seed": seed,
    }
    if check is not None:
        return _check(check, images, asked, quiet)
    from netopsy.cli.outputs import results_place

    place = results_place(out, "verify")
    start = time.perf_counter()
    found = pictured(images, limit=limit, **asked)
    options = {"method": how, "margin": margin, "timeout": timeout}
    certificates, whole = _certified(found, region, options, quiet)
    if certificates:
        _write(place, found, certificates, options)
    if not quiet:
        _tell(found, certificates)
    return found.ended(len(certificates), place, time.perf_counter() - start, whole=whole, quiet=quiet)


def _check_numbers(radius: float | None, span: float | None, count: int, timeout: float, limit: int, seed: int) -> None:
    require(radius is None or span is None, "give one of --radius, a whole region, and --span, the step of a grid")
    for option, given in (("--radius", radius), ("--span", span)):
        require(given is None or 0 < given < float("inf"), f"{option} must be a positive number, got {given}")
    require(count >= 1, f"--count must be 1 or more, got {count}")
    require(count == 1 or span is not None, "--count needs --span: the step that it counts")
    require(0 < timeout < float("inf"), f"--timeout must be a positive number of seconds, got {timeout:g}")
    require(limit >= 1, f"--limit must be 1 or more, got {limit}")
    require(seed >= 0, f"--seed must not be negative, got {seed}")


def _region_options(radius: float | None, span: float | None, count: int, dims: str | None) -> dict[str, Any]:
    """Those of `input_region`."""
    dims = dims or ("all" if span is None else "5")
    require(dims == "all" or (dims.isdecimal() and int(dims) >= 1), f"--dims must be a number or all, got {dims!r}")
    chosen: dict[str, Any] = {"strategy": "all"} if dims == "all" else {"n_dims": int(dims)}
    return chosen | {"span": span if span is not None else radius or RADIUS, "count": count}


def _certified(
    found: Pictured, region: dict[str, Any], options: dict[str, Any], quiet: bool
) -> tuple[list[Certificate], bool]:
    """A certificate for each image, and whether all were finished."""
    from netopsy.examination.layered import layered
    from netopsy.robustness.safety_verification import certify, input_region

    network = layered(found.model)

    def certified(_: int, image: Tensor) -> Certificate:
        return certify(network, image.cpu(), input_region(image.cpu(), **region), **options)

    return found.each(certified, "verifying", quiet)


def _write(place: Path, found: Pictured, certificates: list[Certificate], options: dict[str, Any]) -> None:
    import pandas as pd

    from netopsy.cli.outputs import results
    from netopsy.lab.files import write_json

    rows = [_row(found, number, one) for number, one in enumerate(certificates)]
    with results(place, "verify") as folder:
        folder.table("verdicts", pd.DataFrame(rows), "csv")
        write_json(folder.path("verdicts.json"), rows)
        folder.figure("verdicts", _picture(found, certificates))
        for row, one in zip(rows, certificates, strict=True):
            one.save(folder.path(row["certificate"]))
        statuses = [one.verdict.status for one in certificates]
        folder.summary(network=found.name, images=len(found.images), finished_images=len(certificates), **options)
        folder.summary(verdicts={status: statuses.count(status) for status in sorted(set(statuses))})


def _row(found: Pictured, number: int, certificate: Certificate) -> dict[str, Any]:
    verdict = certificate.verdict
    return {
        "image": found.names[number],
        "verdict": verdict.status,
        "method": verdict.method,
        "class": found.called(verdict.predicted),
        "other class": None if verdict.found is None else found.called(verdict.found),
        "true class": None if found.labels is None else found.called(int(found.labels[number])),
        "pixels": len(verdict.region.dims),
        "radius": max(s * c for s, c in zip(verdict.region.span, verdict.region.count, strict=True)),
        "largest change": verdict.distance(),
        "margin": verdict.margin,
        "evaluated": verdict.evaluated,
        "proved": verdict.proved,
        "seconds": round(verdict.seconds, 3),
        "reason": verdict.reason,
        "assumptions": verdict.assumptions,
        "certificate": f"certificate-{number + 1}.safetensors",
    }


def _picture(found: Pictured, certificates: list[Certificate]) -> Figure:
    def draw(ax: Axes, one: Certificate) -> str:
        verdict = one.verdict
        verdict.plot(ax)
        other = "" if verdict.found is None else f", changed: {found.called(verdict.found)}"
        return f"{verdict.status}\n{found.called(verdict.predicted)}{other}"

    return found.picture(certificates, draw, 2.2, DRAWN)


def _tell(found: Pictured, certificates: list[Certificate]) -> None:
    from netopsy.cli.tables import print_rows

    rows = []
    for number, one in enumerate(certificates):
        verdict = one.verdict
        more = verdict.reason or ("" if verdict.found is None else f"becomes {found.called(verdict.found)}")
        took = f"{verdict.seconds:.1f} s"
        rows.append([found.names[number], verdict.status, found.called(verdict.predicted), took, more])
    styles = {"safe": "green", "grid-safe": "green", "unsafe": "red", "unknown": "yellow"}
    print_rows(("image", "verdict", "class", "time", "note"), rows, "note", styles=styles)


def _check(file: Path, images: str | None, asked: dict[str, Any], quiet: bool) -> int:
    """Replay a certificate; `InputError` where it does not come out again."""
    from netopsy.cli.interrupts import insistent_interrupts
    from netopsy.core.paths import file_from
    from netopsy.examination.layered import layered
    from netopsy.robustness.safety_verification import check_certificate, load_certificate

    file = file_from(file, "--check certificate")
    certificate = load_certificate(file)
    network, image = _network_of(certificate, images, asked)
    try:
        with kept_streams(), insistent_interrupts():
            found = check_certificate(certificate, layered(network), image)
    except KeyboardInterrupt:
        complain("interrupted; the certificate was not checked")
        return 130
    said = certificate.verdict.status
    held = "as it says" if said == found.status else f"where it says {said}"
    why = found.assumptions if found.status != "unknown" else found.reason
    say(found.status if quiet else f"{file.name}: {found.status}, {held}, for {_about(found)}; {why}")
    return 0


def _about(verdict: Verdict) -> str:
    region = verdict.region
    most = max(span * count for span, count in zip(region.span, region.count, strict=True))
    return f"class {verdict.predicted} and {len(region.dims)} of {verdict.image.numel()} pixels by up to {most:g}"


def _network_of(certificate: Certificate, images: str | None, asked: dict[str, Any]) -> tuple[nn.Module, Tensor | None]:
    """The network that the options name, and the image where one is given to compare."""
    from netopsy.cli.network import device_named
    from netopsy.data import Normalisation
    from netopsy.examination.named import network_named
    from netopsy.examination.pixels import Standardised
    from netopsy.examination.preprocessing import preprocessing_of

    if images is not None or asked["model"] is None:
        found = pictured(images, limit=1, **asked)
        return found.model, None if images is None or images == "digits" else found.images[0].cpu()
    import torch

    network = network_named(asked["model"], asked["weights"], seed=asked["seed"]).to(device_named(asked["device"]))
    how = asked["shown"].otherwise(preprocessing_of(network))
    if how.mean is None and how.std is None:
        return network, None
    mean = how.mean or (0.0,) * len(how.std)
    std = how.std or (1.0,) * len(mean)
    count = certificate.verdict.image.shape[0]
    means, stds = (torch.tensor(one).expand(count).reshape(-1, 1, 1).clone() for one in (mean, std))
    return Standardised(network, Normalisation(means, stds)), None
