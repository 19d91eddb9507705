"""What the form of a paper asks for, told by a process of its own: the page's process imports no paper's code."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import netopsy
from netopsy import studies
from netopsy.core.errors import lookup
from netopsy.core.paths import cache_folder
from netopsy.lab.files import make_folder, write_json
from netopsy.lab.recipes import NETWORK, Input, Option, PaperRecipe
from netopsy.studies import recipes

_LOG = logging.getLogger("netopsy.web")
PATIENCE = 120
_ASKING = threading.Lock()
EXAMINATION = "examination"


class FormError(RuntimeError):
    """A form cannot be made at present."""


@dataclass(frozen=True)
class Form:
    """What can be set of a recipe, or of the examination of a network."""

    recipe: PaperRecipe
    architectures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Where it takes a network: which it may be, and their sizes as they are where nothing else is said."""


def form_of(slug: str) -> Form:
    """The form of a paper's recipe, by its slug, or of `EXAMINATION`.

    Raises:
        UnknownNameError: there is no such recipe.
        FormError: it cannot be told.
    """
    lookup("recipe", slug, {**recipes(), EXAMINATION: ""})
    found = all_forms(_fingerprint()).get(slug)
    if found is None:
        raise FormError(slug)
    return _read(found)


def prepare() -> None:
    """Ask for all forms before anybody wants one; what goes wrong is told when somebody does."""
    with suppress(FormError):
        all_forms(_fingerprint())


@lru_cache(maxsize=1)
def all_forms(fingerprint: str) -> dict[str, Any]:
    """All forms as JSON values, by slug. What was asked for once is kept on the disk, under that fingerprint.

    Raises:
        FormError: they cannot be told.
    """
    place = cache_folder() / "forms" / f"{fingerprint}.json"
    with _ASKING:
        try:
            kept: dict[str, Any] = json.loads(place.read_text("utf-8"))
            return kept
        except (OSError, ValueError):
            found = _asked()
        try:
            make_folder(place.parent)
            write_json(place, found)
        except OSError as error:
            _LOG.warning("the forms are not kept: %s", error)
        return found


def described(slug: str) -> dict[str, Any]:
    """A form as JSON values; imports what the recipe imports."""
    from netopsy.studies import load_recipe
    from netopsy.web.runs.networks import ARCHITECTURES, sizes_of

    recipe = _examination() if slug == EXAMINATION else load_recipe(slug)
    networks = ARCHITECTURES if any(each.kind == "network" for each in recipe.takes) else ()
    return {
        "paper": recipe.paper,
        "title": recipe.title,
        "shows": recipe.shows,
        "takes": [dict(vars(each)) for each in recipe.takes],
        "options": [_written(each) for each in recipe.options],
        "architectures": {name: sizes_of(name) for name in networks},
    }


def _examination() -> PaperRecipe:
    return PaperRecipe(
        paper=EXAMINATION,
        title="Examine a network",
        shows="Every instrument that applies is pointed at the network; the report says in sentences what each saw.",
        takes=(NETWORK,),
        run=_elsewhere,
    )


def _written(option: Option) -> dict[str, Any]:
    told = {"name": option.name, "label": option.label, "default": option.default, "choices": list(option.choices)}
    bounds = {name: value for name, value in (("low", option.low), ("high", option.high)) if abs(value) < 1e300}
    return told | bounds


def _read(found: Mapping[str, Any]) -> Form:
    takes = tuple(Input(**each | {"samples": tuple(each["samples"])}) for each in found["takes"])
    options = tuple(Option(**each | {"choices": tuple(each["choices"])}) for each in found["options"])
    recipe = PaperRecipe(found["paper"], found["title"], found["shows"], takes, _elsewhere, options=options)
    return Form(recipe, found["architectures"])


def _elsewhere(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a recipe is carried out in a process of its own")


def _fingerprint() -> str:
    """Changes with every file that holds a recipe, and with this package."""
    folder = Path(studies.__file__).parent
    files = sorted(folder.glob("*/*_recipe.py")) + sorted(Path(__file__).parent.glob("*.py"))
    told = [netopsy.__version__, str(sorted(recipes())), *(_content(each, each.stat().st_mtime_ns) for each in files)]
    return hashlib.blake2b("\0".join(told).encode(), digest_size=12).hexdigest()


@lru_cache(maxsize=1024)
def _content(file: Path, _: int) -> str:
    """Of what the file holds, so that a copy of it does as well; read again where its time is another."""
    return hashlib.blake2b(file.read_bytes(), digest_size=12).hexdigest()


def _asked() -> dict[str, Any]:
    command = [sys.executable, "-m", "netopsy.web.runs.forms"]
    around = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    try:
        done = subprocess.run(command, env=around, capture_output=True, timeout=PATIENCE, check=True)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        _LOG.error("the forms of recipes cannot be made: %s", type(error).__name__)
        raise FormError("forms") from None
    return found


def main() -> None:
    """Print all forms in one line of JSON; a recipe that cannot be imported is told in the log and left out."""
    found = {}
    for slug in (*recipes(), EXAMINATION):
        try:
            found[slug] = described(slug)
        except Exception as error:  # a recipe can be wrong in any way
            print(f"{slug}: {type(error).__name__}: {error}", file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
