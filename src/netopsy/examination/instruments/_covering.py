"""Whether a map points at what the network uses: answers with its peaks covered, against another image's peaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool
from torch import Tensor

from netopsy.core.layers import INPUT
from netopsy.core.progress import track
from netopsy.core.shapes import Images, Maps
from netopsy.examination.instruments._saliency_methods import layers
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.interpretability.norm_grad import combine_layers, norm_grad
from netopsy.lab.covering import covered
from netopsy.lab.saliency_methods import GRADIENT, METHODS
from netopsy.lab.statistics import Estimate, paired_difference

BATCH, MOST, FEWEST = 32, 256, 12
SHARE = 2.0
COMBINED = "all-layer NormGrad"
_NOTE = "covering"


@dataclass(frozen=True, eq=False)
class Covered:
    """Whether each image is answered right when covered by its own map, and by that of another image."""

    masked: Bool[Tensor, "images"]
    other: Bool[Tensor, "images"]

    @property
    def gap(self) -> Estimate:
        """How much more accuracy goes under its own map, with the interval over images of this one network."""
        return paired_difference(self.other.double().numpy(), self.masked.double().numpy())

    @property
    def points(self) -> bool:
        """Whether the map points at what matters: the whole interval of the gap is above 0."""
        return self.gap.low > 0

    @property
    def shares(self) -> tuple[float, float]:
        """Accuracy under its own map and under another image's."""
        return float(self.masked.double().mean()), float(self.other.double().mean())


def names_of(subject: Subject) -> list[str]:
    """The methods that are compared."""
    return [*METHODS, COMBINED] if len(layers(subject)) > 1 else list(METHODS)


def passes_an_image(subject: Subject) -> float:
    """For every method a forward and a backward pass, and two answers to covered images."""
    return 5.0 * len(names_of(subject))


def count_of(subject: Subject) -> int:
    """How many images are covered, at most."""
    return subject.affordable(passes_an_image(subject), MOST, share=SHARE, fewest=FEWEST)


def looked_at(subject: Subject) -> Tensor:
    """The images that are covered: such as the network answers right, or any where there are none."""
    indices = subject.sample(count_of(subject), correct=True)
    return indices if len(indices) else subject.sample(count_of(subject))


def covering(subject: Subject) -> dict[str, Covered]:
    """What covering does, for every method; measured once for a subject."""
    if _NOTE not in subject.notes:
        hits: dict[str, list[Tensor]] = {name: [] for name in names_of(subject)}
        for some in track(looked_at(subject).split(min(BATCH, subject.batch_size)), "covering images"):
            for name in hits:
                maps = maps_of(subject, name, subject.data.inputs[some].to(subject.device))
                hits[name].append(right_when_covered(subject, some, maps))
        subject.notes[_NOTE] = {name: Covered(*torch.cat(right, 1)) for name, right in hits.items()}
    return cast(dict[str, Covered], subject.notes[_NOTE])


def maps_of(subject: Subject, name: str, images: Images) -> Maps:
    """The maps of one method for the classes the network chooses."""
    where, target = layers(subject), evaluate_outputs(subject.model, images).argmax(1)
    if name == COMBINED:
        by_layer = norm_grad(subject.model, images, target, list(where))
        assert isinstance(by_layer, dict)
        return combine_layers(by_layer)
    if name == GRADIENT:  # the classic gradient map is the one at the input
        return METHODS[name](subject.model, images, target, layer=INPUT)
    return METHODS[name](subject.model, images, target, layer=where[-1])


def right_when_covered(subject: Subject, indices: Tensor, maps: Maps) -> Tensor:
    """``[2, batch]``: whether each image is answered right when covered by its own map, and by its neighbour's."""
    images, labels = subject.data.inputs[indices], subject.labels[indices]
    maps = maps.to(images.device)
    other = maps.roll(1, 0) if len(maps) > 1 else maps.flip(1, 2)
    answers = [evaluate_outputs(subject.model, covered(images, each)).argmax(1) for each in (maps, other)]
    return torch.stack(answers) == labels


def less_than_guessing(subject: Subject, masked: float) -> str:
    """A warning where covering leaves fewer right than guessing among the classes would."""
    guess = 1 / subject.class_count
    if masked >= guess:
        return ""
    return (
        f" Covering leaves fewer right than guessing would ({100 * guess:.1f} %): a covered image misleads it, "
        "and the number says more of the cover than of what lay under it."
    )
