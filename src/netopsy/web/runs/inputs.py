"""What each kind of input becomes. Only the process of a job calls this: files of strangers are read nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.paths import file_from
from netopsy.core.texts import plain
from netopsy.lab.given import Image, Network
from netopsy.lab.recipes import Input, Kind
from netopsy.web.runs.job import Given

if TYPE_CHECKING:
    from torch import Tensor

    from netopsy.data import Dataset, Normalisation
    from netopsy.data.graphs import Graph

ENDINGS: Mapping[Kind, tuple[str, ...]] = {
    "image": (".png", ".jpg", ".jpeg", ".webp"),
    "graph": (".csv", ".tsv", ".txt", ".edges", ".mtx"),
    "network": (".safetensors",),
}
BYTES: Mapping[Kind, int] = {"image": 10_000_000, "graph": 20_000_000, "network": 64_000_000}
"""The most that a file may have."""
PIXELS = 20_000_000
EDGES = 1_000_000
HEADER = 1_000_000
"""Bytes of the header of a file of weights."""
LEAST, MOST_NUMBERS = 1e-6, 64
"""The least that pixels may be divided by; and the most numbers that are read."""
FORMATS = ("PNG", "JPEG", "WEBP")


def ending_of(kind: Kind, name: str) -> str:
    """The ending of a file's name, which says how it is read.

    Raises:
        InputError: it is none of those that are taken.

    >>> ending_of("graph", "../../My Graph.CSV")
    '.csv'
    """
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS[kind]:
        raise InputError(f"the file of {_a(kind)} must end in {' or '.join(ENDINGS[kind])}")
    return ending


def ready(wanted: Input, given: Given, folder: Path, seed: int = 0) -> Any:
    """What a recipe is called with for one of its inputs: an `Image`, a graph or a `Network`.

    Args:
        folder: where the files of the job lie.
        seed: of the sample network.

    Raises:
        InputError: no such sample, or a file that is not of the kind.
    """
    if not given.file:
        name = lookup("sample", given.sample or wanted.samples[0], {each: each for each in wanted.samples})
        return _sample(wanted.kind, name, seed)
    ending_of(wanted.kind, given.file)
    path = file_from(folder / given.file, f"file of {_a(wanted.kind)}")
    size = path.stat().st_size
    most = BYTES[wanted.kind]
    require(0 < size <= most, f"the file of {_a(wanted.kind)} must have from 1 to {most:,} bytes, got {size:,}")
    if wanted.kind == "image":
        lines = "from pathlib import Path\nfrom netopsy.web.runs.inputs import image_from\n\n"
        return Image(image_from(path), code=f'{lines}picture = image_from(Path("picture{path.suffix}"))')
    return graph_from(path) if wanted.kind == "graph" else network_from(path, given)


def image_from(path: Path) -> Tensor:
    """The image in a PNG, JPEG or WebP, upright, as floats from 0 to 1 of 3 channels; nothing else of the file stays.

    Raises:
        InputError: it is no such file, damaged, or has too many pixels.
    """
    import numpy as np
    import torch
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path, formats=FORMATS) as opened:
            width, height = opened.size
            require(
                width * height <= PIXELS, f"an image may have at most {PIXELS:,} pixels, and this has {width}x{height}"
            )
            upright = ImageOps.exif_transpose(opened)
            pixels = np.asarray(_in_colours(upright), dtype=np.float32)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # whatever a reader makes of a broken file
        why = "it is none of them" if isinstance(error, UnidentifiedImageError) else "it is cut short or damaged"
        raise InputError(f"the image cannot be read as PNG, JPEG or WebP: {why}") from None
    return torch.from_numpy(pixels / 255).permute(2, 0, 1).contiguous()


def _in_colours(image: Any) -> Any:
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits
        image = image.point(lambda value: value / 257).convert("L")
    if "A" in image.getbands() or "transparency" in image.info:
        front = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", front.size, "white"), front)
    return image.convert("RGB")


def graph_from(path: Path) -> Graph:
    """The graph in a file, as `netopsy.data.graph_files.read_graph` reads it.

    Raises:
        InputError: it cannot be read, or has too many edges.
    """
    from netopsy.data.graph_files import read_graph

    graph = read_graph(path)
    most = max(graph.edge_count, len(graph))
    require(most <= EDGES, f"a graph may have at most {EDGES:,} nodes and edges, and this has {most:,}")
    return graph


def network_from(path: Path, given: Given) -> Network:
    """The network with the weights in a safetensors file, and digits as it was shown its images.

    Args:
        given: its architecture and sizes, and how its images were standardised.

    Raises:
        InputError: the file is of another kind or damaged, its weights are not those of the network, or its images
            cannot be standardised so.
    """
    from netopsy.examination.weights import load_weights
    from netopsy.web.runs.networks import made, shape_taken

    check_safetensors(path)
    architecture, sizes = given.architecture, given.sizes
    channels, side = shape_taken(architecture, sizes)
    shown = standardisation(given.mean, given.std, channels)
    model = made(architecture, sizes)
    load_weights(model, path)
    told = {"architecture": architecture, "sizes": sizes, "mean": given.mean, "std": given.std}
    code = (
        "from pathlib import Path\nfrom netopsy.web.runs.inputs import network_from\n"
        "from netopsy.web.runs.job import Given\n\n"
        f"given = Given({', '.join(f'{name}={value!r}' for name, value in told.items() if value)})\n"
        'network = network_from(Path("weights.safetensors"), given)\nmodel, data = network.model, network.data'
    )
    data = _digits(channels, side)
    shown_as = data if shown is None else data.standardise(shown)
    return Network(model.eval(), shown_as, f"A network of the kind {architecture}", code=code)


def standardisation(mean: str, std: str, channels: int) -> Normalisation | None:
    """What is done to the pixels of a network's images; ``None`` where nothing is.

    Args:
        mean: one number or one a channel, with spaces or commas between them; 0 where it is empty.
        std: the same; 1 where it is empty.

    Raises:
        InputError: other than that, or a deviation that is not positive.

    >>> standardisation("", "", 3) is None, standardisation("0.5", "0.25, 0.25, 0.5", 3).std.flatten().tolist()
    (True, [0.25, 0.25, 0.5])
    """
    import torch

    from netopsy.data import Normalisation

    if not mean.strip() and not std.strip():
        return None
    values = {
        name: numbers_in(name, text, channels) or [otherwise] * channels
        for name, text, otherwise in (("mean", mean, 0.0), ("std", std, 1.0))
    }
    low = min(values["std"])
    require(low >= LEAST, f"std must be at least {LEAST:g} in every channel, got {low:g}")
    return Normalisation(*(torch.tensor(each)[:, None, None] for each in values.values()))


def numbers_in(name: str, text: str, channels: int) -> list[float]:
    """A number for each channel, of one for all or one each; none where nothing is said.

    Raises:
        InputError: something else than so many numbers from -1000 to 1000.

    >>> numbers_in("mean", "0.5", 2)
    [0.5, 0.5]
    """
    pieces = text.replace(",", " ").split()
    try:
        found = [float(each) for each in pieces[:MOST_NUMBERS]]
    except ValueError:
        found = []
    fits = len(found) == len(pieces) and len(found) in (0, 1, channels) and all(abs(each) <= 1000 for each in found)
    if not fits:
        many = "one number" if channels == 1 else f"one number or {channels} with spaces between them"
        raise InputError(f"{name} must be {many}, from -1000 to 1000, got {plain(text)[:40]!r}")
    return found * channels if len(found) == 1 else found


def check_safetensors(path: Path) -> None:
    """Look at the header of a file of weights, and at nothing behind it.

    Raises:
        InputError: it is no safetensors file, its header is too long, or tensors lie outside of it.
    """
    with path.open("rb") as file:
        head = file.read(8)
        length = int.from_bytes(head, "little")
        require(len(head) == 8 and length >= 2, "the weights must be a safetensors file, and this is none")
        require(length <= HEADER, f"the header of a safetensors file may have at most {HEADER:,} bytes")
        text = file.read(length)
    behind = path.stat().st_size - 8 - length
    try:
        header = json.loads(text)
        ends = [each["data_offsets"] for name, each in header.items() if name != "__metadata__"]
        whole = len(text) == length and all(0 <= first <= last <= behind for first, last in ends)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError("the weights must be a safetensors file, and the header of this one is damaged") from None
    require(text[:1] == b"{" and whole, "the safetensors file is damaged: tensors lie outside of it")


def _digits(channels: int, side: int) -> Dataset:
    """Digits that a network sees for the first time here, as large as it takes them."""
    from dataclasses import replace

    from torch.nn.functional import interpolate

    from netopsy.data import digits_split

    require(1 <= side <= 256, f"images must have from 1 to 256 rows, got {side}")
    data = digits_split()[-1]
    inputs = data.inputs.expand(-1, channels, -1, -1)
    if side != inputs.shape[-1]:
        inputs = interpolate(inputs, (side, side), mode="bilinear", antialias=True)
    return replace(data, inputs=inputs.contiguous())


def _sample(kind: Kind, name: str, seed: int) -> Any:
    if kind == "image":
        from netopsy.lab.sample_pictures import sample_picture

        return sample_picture(name)
    if kind == "graph":
        from netopsy.data.graphs import graph

        return graph(name)
    from netopsy.examination.default import kept_network

    lookup("sample network", name, {"digits": name})
    known = kept_network(seed)
    code = (
        "from netopsy.examination.default import kept_network\n\n"
        f"network = kept_network({seed})\nmodel, data = network.model, network.test"
    )
    return Network(known.model, known.test, known.name, known.train, known.recipe, known.initialisation, code)


def _a(kind: Kind) -> str:
    return "an image" if kind == "image" else f"a {kind}"
