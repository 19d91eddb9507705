"""The studies: one file a paper, `netopsy/studies/ROOM/PAPER.py`, that holds its `STUDY`.

Beside it `PAPER_recipe.py` holds the `RECIPE` by which the paper is run on somebody's own image, graph or network.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netopsy.core.contained import contained
from netopsy.core.errors import InputError, lookup

if TYPE_CHECKING:
    from netopsy.lab.recipes import PaperRecipe
    from netopsy.lab.study import Study

__all__ = ["available", "load", "load_recipe", "recipes"]
ENDING = "_recipe"


def available() -> dict[str, str]:
    """The module of every study by its paper's slug. Nothing is imported to find out.

    A file whose name begins with an underscore is not a study but what the studies of a room share.
    """
    return {slug: module for slug, module in _modules().items() if not module.endswith(ENDING)}


def recipes() -> dict[str, str]:
    """The module of every recipe by its paper's slug. Nothing is imported to find out."""
    end = ENDING.replace("_", "-")
    return {slug.removesuffix(end): module for slug, module in _modules().items() if module.endswith(ENDING)}


def load_recipe(slug: str) -> PaperRecipe:
    """The recipe of a paper.

    Raises:
        UnknownNameError: the paper has none.

    >>> load_recipe("graphlet-orbits").takes[0].kind
    'graph'
    """
    found: PaperRecipe = importlib.import_module(lookup("recipe", slug, recipes())).RECIPE
    return found


def _modules() -> dict[str, str]:
    found = {}
    for room in pkgutil.iter_modules(__path__):
        if room.ispkg:
            for module in pkgutil.iter_modules([str(Path(folder) / room.name) for folder in __path__]):
                if not module.name.startswith("_"):
                    found[module.name.replace("_", "-")] = f"{__name__}.{room.name}.{module.name}"
    return dict(sorted(found.items()))


def load(name: str) -> Study[Any]:
    """The study of a paper, by its slug; or one of your own, as ``package.module:STUDY``.

    Raises `UnknownNameError` for a slug without a study.
    """
    from netopsy.lab.study import Study

    module, attribute = name.split(":", 1) if ":" in name else (lookup("study", name, available()), "STUDY")
    try:
        with contained("it"):
            study = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a module of the caller's own can raise anything
        if ":" not in name:
            raise
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"study {name!r} cannot be loaded: {type(error).__name__}: {reason}") from error
    if not isinstance(study, Study):
        raise InputError(f"study {name!r} must be a netopsy.lab.Study, got {type(study).__name__}")
    return study
