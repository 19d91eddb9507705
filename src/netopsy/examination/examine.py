"""Turn every instrument that applies on a trained network."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence

from torch import nn

from netopsy import __version__
from netopsy.core.contained import contained
from netopsy.core.errors import InputError, UnknownNameError, require
from netopsy.core.modes import evaluating
from netopsy.core.seeds import check_seed
from netopsy.data import Dataset
from netopsy.examination.gate import why_not as why_senseless
from netopsy.examination.instrument import instruments as named_instruments
from netopsy.examination.intake import as_dataset
from netopsy.examination.mistakes import mistakes_of
from netopsy.examination.planning import BUDGET
from netopsy.examination.result import Examination
from netopsy.examination.subject import DEPTHS, Depth, Subject, check_can_be_watched
from netopsy.examination.turning import turned
from netopsy.models.initialisation import SCHEMES
from netopsy.training import Recipe


def examine(
    model: nn.Module,
    data: object,
    *,
    train: object = None,
    recipe: Recipe | None = None,
    layers: Sequence[str] = (),
    classes: Sequence[int | str] = (),
    instruments: Sequence[str] = (),
    depth: Depth = "normal",
    budget: float = BUDGET,
    name: str = "",
    initialisation: str | None = None,
    labels: Sequence[str] = (),
    reshape: tuple[int, int] | None = None,
    seed: int = 0,
) -> Examination:
    """Examine a trained classifier on held-out data.

    The model is left as it was. An instrument that breaks does not stop the others: the report says what happened.

    Args:
        model: any `torch.nn.Module` that turns a batch into class scores ``[batch, classes]``.
        data: held-out samples: a `netopsy.data.Dataset`, a pair of tensors ``(inputs, labels)``, a torch data set or
            loader, a table of the library ``datasets``, or what `netopsy.data.load_data` understands (``"digits"``,
            ``"hub:owner/name"``, an image folder).
        train: training data in any of these forms, for instruments that train tickets of the network.
        recipe: how it was trained, for the same.
        layers: layers to look at, as named in ``named_modules()``; by default up to four, spread over the depth.
        classes: class numbers or names to look at.
        instruments: names of the instruments to use; all by default.
        depth: how far the instruments go: "quick", "normal" or "thorough". With the size of the network it fixes how
            many images and steps each of them takes, so that the same network gives the same findings on any machine.
        budget: seconds that all instruments together may take here, judged by one timed batch. The instruments of most
            worth come first; the report says which ones were left out and what would bring them in.
        name: what to call the network.
        labels: names of the network's outputs, one each, by which the classes of the data are found among them.
        reshape: rows and columns of the tokens of ``layers``, for a transformer where they cannot be found out.
        initialisation: the scheme its weights were drawn by, where known, for the controls of a ticket search.

    Raises:
        InputError: a model, data, layer, class or instrument that cannot be used.

    >>> from netopsy.models import mlp
    >>> result = examine(mlp([64, 10]), "digits", instruments=["accuracy"], budget=5.0)
    >>> list(result.findings)
    ['accuracy']
    """
    timed = isinstance(budget, int | float) and budget > 0
    require(timed, f"budget must be a positive number of seconds, got {budget!r}")
    if depth not in DEPTHS:
        raise UnknownNameError("depth", depth, DEPTHS)
    check_seed(seed)
    require(recipe is None or isinstance(recipe, Recipe), f"recipe must be a Recipe, got {type(recipe).__name__}")
    if initialisation is not None and initialisation not in SCHEMES:
        raise UnknownNameError("initialisation scheme", initialisation, SCHEMES)
    for argument, names in (("layers", layers), ("classes", classes), ("instruments", instruments), ("labels", labels)):
        listed = isinstance(names, Sequence) and not isinstance(names, str)
        require(listed, f"{argument} must be a list of them, got {names!r}")
    chosen = named_instruments(instruments)
    held_out = as_dataset(data, "data")
    subject = Subject(
        model,
        held_out,
        train=None if train is None else as_dataset(train, "train", split="train"),
        recipe=recipe,
        name=name,
        layers_wanted=tuple(layers),
        seed=seed,
        initialisation=initialisation,
        depth=depth,
        outputs=tuple(labels),
        reshape=reshape,
    )
    check_can_be_watched(subject.model)
    held_out = subject.data
    start = time.perf_counter()
    subject.choose_classes([_class_number(subject.data, each) for each in classes])
    # Computed weights (spectral norm) change their buffers whenever they are looked at in training mode.
    with contained("the network"), evaluating(subject.model), subject.grid_views():
        senseless = why_senseless(subject)
        readings, absences = turned(chosen, subject, budget, None if instruments else senseless)
        mistakes, warning = mistakes_of(subject), _sentence(senseless)
    seconds = time.perf_counter() - start
    return Examination(
        name=subject.name,
        readings=readings,
        absences=absences,
        facts={
            "network": subject.name,
            "data": f"{held_out.name or 'given data'}, {len(held_out):,} held-out samples",
            "device": str(subject.device),
            "examined": f"{datetime.date.today().isoformat()}, in {seconds:.0f} s",
            "made by": f"netopsy {__version__}",
        },
        seconds=seconds,
        mistakes=mistakes,
        warning=warning,
    )


def _sentence(reason: str | None) -> str:
    return "" if reason is None else f"{reason[:1].upper()}{reason[1:]}."


def _class_number(data: Dataset, given: int | str) -> int:
    if isinstance(given, str) and given in data.classes:
        return data.classes.index(given)
    if isinstance(given, int):
        return given
    try:
        return int(str(given))
    except ValueError:
        if data.classes:
            raise UnknownNameError("class", given, data.classes) from None
        raise InputError(f"class {given!r} must be a number: this data has no class names") from None
