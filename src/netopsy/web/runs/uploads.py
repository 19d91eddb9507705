"""What a form sends becomes a job: its files are counted, named anew and never looked into here."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import FormData, UploadFile

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.texts import plain
from netopsy.lab.recipes import Input
from netopsy.web.runs.expiry import INCOMING
from netopsy.web.runs.forms import Form
from netopsy.web.runs.inputs import BYTES, ending_of
from netopsy.web.runs.job import Given, Job, JobKind

FIELDS = 100
"""The most parts of a form, beside files."""
PART = 10_000
"""Bytes of one of them."""
LONGEST = 300
"""Letters of the sizes of a network."""
SEEDS = 2**31
_STEP = 2**16


@contextmanager
def incoming(folders: Path) -> Iterator[Path]:
    """A folder for the files of a job that does not wait yet; what is still there at the end goes."""
    place = folders / f"{INCOMING}{secrets.token_hex(16)}"
    folders.mkdir(parents=True, exist_ok=True, mode=0o700)  # names of runs are what opens them
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def job_from(kind: JobKind, form: Form, sent: FormData, folder: Path) -> Job:
    """The job that a form describes; its files come to lie in ``folder``.

    Raises:
        InputError: a value that does not fit, or a file that is too large or of another kind.
    """
    recipe = form.recipe
    known = form.architectures
    inputs = tuple(_given(number, wanted, sent, folder, known) for number, wanted in enumerate(recipe.takes))
    named = {option.name: _text(sent, f"option-{option.name}") for option in recipe.options}
    options = {name: str(value) for name, value in recipe.values({n: v for n, v in named.items() if v}).items()}
    seed = _text(sent, "seed") or "0"
    require(
        seed.isascii() and seed.isdecimal() and len(seed) < 11 and int(seed) < SEEDS,
        f"the seed must be a whole number from 0 to {SEEDS - 1:,}",
    )
    paper = "" if kind == "examination" else recipe.paper
    return Job(kind, paper, inputs, options if kind == "recipe" else {}, seed=int(seed))


def _given(
    number: int, wanted: Input, sent: FormData, folder: Path, architectures: Mapping[str, Mapping[str, str]]
) -> Given:
    sample, file = _text(sent, f"sample-{number}"), sent.get(f"file-{number}")
    if not isinstance(file, UploadFile) or not file.filename:
        if sample:
            lookup("sample", sample, dict.fromkeys(wanted.samples, 1))
        return Given(sample=sample or wanted.samples[0])
    name = f"input-{number}{ending_of(wanted.kind, file.filename)}"
    digest = _copied(file, folder / name, BYTES[wanted.kind], wanted)
    if wanted.kind != "network":
        return Given(file=name, digest=digest)
    architecture = _text(sent, f"architecture-{number}")
    known = lookup("architecture", architecture, architectures)
    typed = {size: _text(sent, f"size-{number}-{architecture}-{size}") for size in known}
    sizes = _sizes(architecture, known, typed)
    mean, std = (_text(sent, f"{each}-{number}") for each in ("mean", "std"))
    require(max(len(mean), len(std)) <= LONGEST, f"mean and std may have at most {LONGEST} letters each")
    return Given(file=name, digest=digest, architecture=architecture, sizes=sizes, mean=mean, std=std)


def _sizes(architecture: str, known: Mapping[str, str], typed: Mapping[str, str]) -> str:
    """What was typed of the sizes of an architecture where it is not what they are anyway."""
    other = {name: value for name, value in typed.items() if value and value != known[name]}
    for name, value in other.items():
        require(not set(value) & set(",;="), f"{name} must be numbers with spaces between them, got {plain(value)!r}")
    missing = [name for name, value in known.items() if not value and name not in other]
    require(not missing, f"{architecture} needs its {' and '.join(missing)}")
    told = ", ".join(f"{name}={value}" for name, value in other.items())
    require(len(told) <= LONGEST, f"sizes may have at most {LONGEST} letters")
    return told


def _copied(file: UploadFile, place: Path, most: int, wanted: Input) -> str:
    total, size = hashlib.sha256(), 0
    with place.open("xb") as out:
        while part := file.file.read(_STEP):
            size += len(part)
            if size > most:
                raise InputError(f"the file of {wanted.label!r} may have at most {most:,} bytes")
            total.update(part)
            out.write(part)
    require(size > 0, f"the file of {wanted.label!r} is empty")
    return total.hexdigest()


def _text(sent: FormData | Mapping[str, object], name: str) -> str:
    value = sent.get(name)
    return value.strip() if isinstance(value, str) else ""
