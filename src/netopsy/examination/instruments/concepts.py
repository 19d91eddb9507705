"""The concepts each class rests on, with the images that show them, and the groups of images of one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.capture import layer_activations
from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.progress import track
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.instruments._saliency_methods import why_not as no_images
from netopsy.examination.instruments.eigen_cam import layer_of
from netopsy.examination.subject import Subject
from netopsy.interpretability.concept_lens import (
    ConceptLens,
    c_deletion,
    c_mu_fidelity,
    concept_importance,
    deletion_curve,
    extraction_report,
)
from netopsy.interpretability.concept_lens.layouts import upsampled_codes
from netopsy.interpretability.overlay import overlay

CONCEPTS, FEWEST, MOST = 6, 8, 120
"""Concepts a class; the images of a class that are needed, and that are used at most."""
SHOWN, BEST, EXAMPLES = 4, 2, 3
"""Classes drawn, concepts of each that are shown by images, and images of each."""
ORDERS, DRAWS = 5, 50
"""Random orders that their mean is taken over, and random sets of concepts for the faithfulness of importances."""
PASSES, SHARE = 10.0, 2.0
"""Of one image: activations, importances, and what is behind the layer again and again as concepts go."""


@dataclass(frozen=True, eq=False)
class ClassConcepts:
    """What was found for one class."""

    number: int
    indices: Tensor
    """Of the images that the network takes for the class."""
    lens: ConceptLens
    codes: Tensor
    phi: Tensor
    figures: dict[str, float]

    @property
    def share(self) -> Tensor:
        """Each concept's mean importance as a share of the sum of their sizes."""
        mean = self.phi.mean(0)
        return mean / mean.abs().sum().clamp_min(1e-12)


def _classes(subject: Subject) -> int:
    images = min(MOST, max(FEWEST, len(subject.data) // subject.class_count))
    return subject.affordable(PASSES * images, subject.class_count, share=SHARE)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    images = min(MOST, max(FEWEST, len(subject.data) // subject.class_count))
    return PASSES * images * _classes(subject)


def why_not(subject: Subject) -> str | None:
    """The reason why no concepts can be found, if there is one."""
    if no_images(subject) is not None:
        return "it shows concepts by images, and this network reads none"
    if layer_of(subject) is None:
        return "no layer of this network keeps a grid of positions"
    if int(subject.predictions.bincount().max()) < FEWEST:
        return f"no class is predicted for at least {FEWEST} of the samples"
    return None


def examine(subject: Subject) -> Finding:
    """A concept bank for as many classes as there is time for, and what taking concepts away does."""
    subject = subject.in_single_precision
    layer = layer_of(subject)
    found = _measure(subject, str(layer))
    first = found[0]
    means = {name: sum(each.figures[name] for each in found) / len(found) for name in first.figures}
    strongest = int(first.share.argmax())
    gone, chance = means["kept without the more important half"], means["kept without a random half"]
    name, count = subject.class_name(first.number), first.phi.shape[1]
    graph = first.lens.strategies(
        subject.data.inputs[first.indices],
        first.number,
        labels=subject.labels[first.indices],
        normalise="concept",
        plane="pca",
    )
    pictures = subject.data.images[first.indices].cpu().float()
    groups = f"{len(graph.sizes)} groups" if len(graph.sizes) > 1 else "one group"
    return Finding(
        sentence=(
            f"Without the more important half of its {count} concepts at layer {layer} a class keeps "
            f"{100 * gone:.0f} % of its answers, without a random half {100 * chance:.0f} %; {name} rests most on "
            f"concept {strongest} ({100 * float(first.share[strongest]):.0f} % of its evidence)."
        ),
        glance=f"half of its concepts carry {100 * (chance - gone):.0f} points more of a class than a random half",
        advice="Name the strongest concepts by their images; one that shows only background is a shortcut.",
        reading=(
            "The layer's activations for the images of a class are factored into a few directions that only add up, "
            "its concepts; they have numbers and no names, and each class has its own. A bar is a concept's share of "
            "the evidence for the class (gradient times code, mean over the images; bars to the left speak against "
            "it). Beside it are the images with most of the two strongest concepts, warm where the concept is: what "
            "such a set has in common is yours to see, and it may be nothing. The graph groups the images of one class "
            "by their concepts, each concept brought to the same spread so that one that all images share does not "
            "hide the others; groups are reasons only if their images look as if they were."
        ),
        pictures=(
            Picture.of(
                _draw(subject, found[:SHOWN]),
                f"Concepts of {min(SHOWN, len(found))} classes: bars of importance, and images with the strongest two",
                f"Concepts at {layer}: the share of each in the evidence, and where the two strongest are.",
            ),
            Picture.of(
                graph.plot(pictures),
                f"The images of class {name} by their reasons: {groups}, and the concepts these are made of",
                f"{len(graph.phi)} images that the network takes for {name}: {groups}.",
            ),
        ),
        figures={
            "classes": len(found),
            "concepts a class": count,
            "images": sum(len(each.indices) for each in found),
            **{key: round(value, 4) for key, value in means.items()},
            f"groups of {name}": len(graph.sizes),
        },
        code=(
            "from netopsy.examination import Subject\n"
            "from netopsy.interpretability.concept_lens import ConceptLens\n\n"
            f"own = (Subject(model, data).predictions == {first.number}).nonzero()[:{MOST}, 0]\n"
            f"lens = ConceptLens(model, {layer!r}, n_concepts={count}, method={first.lens.method!r}, "
            f"seed={subject.seed})\n"
            "lens.fit(data.inputs[own])\n"
            f"print(lens.importance(data.inputs[own], {first.number}).mean(0))\n"
            f"graph = lens.strategies(data.inputs[own], {first.number}, normalise='concept', plane='pca')\n"
            "graph.plot(data.images[own])"
        ),
    )


def _measure(subject: Subject, layer: str) -> list[ClassConcepts]:
    counts = subject.predictions.bincount(minlength=subject.class_count)
    order = list(subject.classes_wanted) or counts.argsort(descending=True, stable=True).tolist()
    found: list[ClassConcepts] = []
    wanted = [number for number in order if counts[number] >= FEWEST]
    for number in track(wanted[: _classes(subject)], "finding concepts"):
        indices = (subject.predictions == number).nonzero()[:MOST, 0]
        try:
            found.append(_concepts_of(subject, layer, number, indices))
        except InputError as error:
            raise NotNow(str(error)) from error
    if not found:
        raise NotNow(f"none of the classes asked for is predicted for at least {FEWEST} of the samples")
    return found


def _concepts_of(subject: Subject, layer: str, number: int, indices: Tensor) -> ClassConcepts:
    images = subject.data.inputs[indices]
    parts = images.to(subject.device).split(subject.batch_size)
    seen = torch.cat([layer_activations(subject.model, some, layer)[layer] for some in parts])
    count = min(CONCEPTS, seen.shape[1], seen.shape[0] * seen.shape[2] * seen.shape[3])
    method = "nmf" if float(seen.min()) >= 0 else "pca"
    options: dict[str, Any] = {"method": method, "batch_size": subject.batch_size, "seed": subject.seed}
    lens = ConceptLens(subject.model, layer, count, **options).fit(images)
    rows = seen.movedim(1, -1)
    codes, function = lens.extractor_.encode(rows), lens.score(number)
    phi = concept_importance(function, codes, "gi", seed=subject.seed)
    random = torch.Generator().manual_seed(subject.seed)
    orders = [torch.rand(phi.shape, generator=random).to(phi) for _ in range(ORDERS)]
    same = lens.score(lambda outputs: (outputs.argmax(1) == number).float())
    kept = deletion_curve(same, codes, phi)
    by_chance = torch.stack([deletion_curve(same, codes, each) for each in orders]).mean(0)
    report = extraction_report(rows.flatten(0, -2), lens.extractor_, neighbours=1, most=2)
    return ClassConcepts(
        number,
        indices,
        lens,
        codes.cpu(),
        phi.cpu(),
        {
            "kept with all concepts": float(kept[:, 0].mean()),
            "kept without the more important half": float(kept[:, count // 2].mean()),
            "kept without a random half": float(by_chance[:, count // 2].mean()),
            "C-Deletion": float(c_deletion(function, codes, phi).mean()),
            "C-Deletion in random order": float(
                torch.stack([c_deletion(function, codes, each) for each in orders]).mean()
            ),
            "C-muFidelity": float(c_mu_fidelity(function, codes, phi, draws=DRAWS).nan_to_num().mean()),
            "relative error of the bank": report["relative l2"],
        },
    )


def _draw(subject: Subject, found: list[ClassConcepts]) -> Figure:
    columns = 1 + BEST * EXAMPLES
    widths = [1.9, *[1.0] * (columns - 1)]
    figure, axes = figure_grid(len(found), columns, 8.4, 1.25 * len(found) + 0.35, gridspec_kw={"width_ratios": widths})
    for line, each in zip(axes, found, strict=True):
        _bars(line[0], subject, each)
        best = each.phi.mean(0).argsort(descending=True)[:BEST].tolist()
        images = subject.data.images[each.indices].cpu().float()
        maps = upsampled_codes(each.codes.movedim(-1, 1), (images.shape[2], images.shape[3]))
        for place, concept in enumerate(best):
            activations = maps[:, concept]
            strongest = activations.flatten(1).amax(1).argsort(descending=True)[:EXAMPLES]
            spots = line[1 + place * EXAMPLES : 1 + (place + 1) * EXAMPLES]
            overlay(images[strongest], activations[strongest], spots[: len(strongest)])
            for ax in spots:
                ax.set_axis_off()
            spots[0].set_title(f"concept {concept}", fontsize=8, color=INK, loc="left", pad=2, fontweight="normal")
    axes[-1, 0].set_xlabel("share of the evidence, %")
    return figure


def _bars(ax: Axes, subject: Subject, each: ClassConcepts) -> None:
    share = 100 * each.share
    order = each.phi.mean(0).argsort(descending=True).tolist()
    colors = [PALETTE[0] if place < BEST else PALETTE[5] for place in range(len(order))]
    ax.barh(range(len(order)), share[order].tolist(), color=colors)
    ax.set_yticks(range(len(order)), [str(concept) for concept in order], fontsize=6)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.tick_params(axis="x", labelsize=7)
    ax.set_title(subject.class_label(each.number, 22), fontsize=9)


INSTRUMENT = Instrument(
    name="concepts",
    title="What its classes are made of",
    term="concepts (CRAFT)",
    chapter="what its units mean",
    examine=examine,
    applies=why_not,
    papers=("concept-lens",),
    order=50,
    passes=passes,
    beside=5.0,
    worth=50,
)
