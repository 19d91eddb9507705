"""Take an answer to a picture apart into concepts; and a network's classes, over held-out images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.capture import layer_activations
from netopsy.core.drawing import INK, PALETTE, figure, figure_grid, style
from netopsy.core.errors import require
from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive, generator
from netopsy.interpretability.concept_lens import ConceptLens, deletion_curve
from netopsy.interpretability.eigen_cam import last_grid_layer
from netopsy.interpretability.overlay import overlay
from netopsy.lab.covered_picture import spread
from netopsy.lab.given import Image, Network
from netopsy.lab.image_inputs import ReadAs
from netopsy.lab.one_picture import OPTIONS, Asked, ask
from netopsy.lab.recipes import IMAGE, NETWORK, Option, PaperRecipe
from netopsy.robustness.queries import Queries

FEWEST, MOST, DRAWS, SHOWN, EXAMPLES = 8, 120, 20, 3, 3
"""Images of the class that are needed and used; random orders; concepts that are drawn, and examples of each."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The concepts of a class, and what they mean to the answer to one picture."""

    lens: ConceptLens
    images: Tensor
    """Held out, of the class that the network gives."""
    importance: Float[Tensor, "concepts"]
    kept: Float[Tensor, "steps"]
    """Confidence with the 0, 1, ... most important concepts of the picture taken away."""
    by_chance: Float[Tensor, "draws steps"]
    """The same in random order."""

    @property
    def half(self) -> int:
        """How many concepts are half of all."""
        return len(self.importance) // 2


def run(network: Network, picture: Image, *, read_as: ReadAs, shows: str, concepts: int, seed: int) -> Finding:
    """The concepts of the class that the network gives, each one's part in this answer, and what is left without."""
    asked = ask(network, picture, read_as=read_as, shows=shows)
    layer = last_grid_layer(asked.model, asked.image[None])
    found = _parts(asked, network, layer, concepts, seed)
    share = found.importance / found.importance.abs().sum().clamp_min(1e-12)
    order = found.importance.argsort(descending=True).tolist()
    left, chance = float(found.kept[found.half]), found.by_chance[:, found.half]
    strongest = f"concept {order[0]} of {len(order)} ({100 * float(share[order[0]]):.0f} % of the evidence)"
    carried = "carry the answer" if left < float(chance.min()) else "carry no more of it than others"
    return Finding(
        sentence=f"{asked.said} It rests most on {strongest}. Without the more important half of them a confidence of "
        f"{left:.2f} is left, without a random half {spread(chance)}, so they {carried}.",
        verdict="doubtful" if asked.wrong else "plain",
        reading=f"{asked.reading} The activations at {layer} for {len(found.images)} held-out images that the network "
        f"answers {asked.name} are factored into directions that only add up: the concepts, which have numbers and no "
        "names. A bar is a concept's part in the evidence for this answer; beside it, where it is in your picture and "
        "the held-out images with most of it: what these have in common is yours to see, and it may be nothing. "
        f"The control takes concepts away in {DRAWS} random orders. With all concepts the confidence is "
        f"{float(found.kept[0]):.2f}; what is missing to that of the whole layer the concepts do not hold.",
        pictures=(
            asked.shown(),
            Picture.of(
                _drawn(asked, found, share),
                f"Bars of each concept's part in the answer; the {SHOWN} strongest over the picture and over examples",
                "The first of each row is the picture, the others are held-out images with most of the concept.",
            ),
            Picture.of(
                _curves(asked, found),
                f"The confidence in {asked.name} as concepts are taken away, the most important first and at random",
            ),
        ),
        figures=asked.figures
        | {"images of the class": len(found.images), "without the more important half": round(left, 4)}
        | {"without a random half, mean": round(float(chance.mean()), 4)},
        table=(
            ("concept", "share of the evidence", "confidence without it and all above"),
            *(
                (str(number), f"{100 * float(share[number]):.0f} %", f"{float(found.kept[place]):.2f}")
                for place, number in enumerate(order, start=1)
            ),
        ),
        code=f"{asked.code}\n\n"
        "from netopsy.interpretability.concept_lens import ConceptLens\n\n"
        f"own = data.images[model(data.images).argmax(1) == {asked.answer}][:{MOST}]\n"
        f"lens = ConceptLens(model, {layer!r}, {len(order)}, method={found.lens.method!r}, seed={seed}).fit(own)\n"
        f"print(lens.importance(image[None], {asked.answer}))\n"
        "maps = lens.concept_maps(image[None])",
    )


def _parts(asked: Asked, network: Network, layer: str, concepts: int, seed: int) -> Parts:
    images = network.data.images.clamp(0, 1)
    own = images[Queries(asked.model)(images).argmax(1) == asked.answer][:MOST]
    require(
        len(own) >= FEWEST,
        f"the network must answer at least {FEWEST} held-out images {asked.name}, from which its concepts are made, "
        f"and these are {len(own)}",
    )
    seen = layer_activations(asked.model, own, layer)[layer]
    count = min(concepts, seen.shape[1], seen.shape[0] * seen.shape[2] * seen.shape[3])
    method = "nmf" if float(seen.min()) >= 0 else "pca"
    lens = ConceptLens(asked.model, layer, count, method=method, seed=seed).fit(own)  # type: ignore[arg-type]
    image = asked.image[None]
    importance = lens.importance(image, asked.answer)
    codes, confidence = lens.encode(image), lens.score(lambda outputs: outputs.softmax(1)[:, asked.answer])
    random = generator(derive(seed, "orders"))
    orders = [torch.rand(importance.shape, generator=random) for _ in range(DRAWS)]
    with torch.no_grad():
        kept = deletion_curve(confidence, codes, importance)[0]
        by_chance = torch.cat([deletion_curve(confidence, codes, each) for each in orders])
    return Parts(lens, own, importance[0].detach(), kept, by_chance)


@style()
def _drawn(asked: Asked, found: Parts, share: Tensor) -> Figure:
    order = found.importance.argsort(descending=True).tolist()
    best = order[:SHOWN]
    drawn, axes = figure_grid(
        len(best), 2 + EXAMPLES, 7.2, 1.35 * len(best) + 0.3, gridspec_kw={"width_ratios": [1.6, *[1] * (1 + EXAMPLES)]}
    )
    for spare in axes[1:, 0]:
        spare.remove()
    bars = drawn.add_subplot(axes[0, 0].get_gridspec()[:, 0])
    axes[0, 0].remove()
    colors = [PALETTE[1] if number in best else PALETTE[5] for number in order]
    bars.barh(range(len(order)), [100 * float(share[number]) for number in order], color=colors)
    bars.set_yticks(range(len(order)), [str(number) for number in order])
    bars.invert_yaxis()
    bars.set(xlabel="share of the evidence (%)", ylabel="concept")
    own, others = found.lens.concept_maps(asked.image[None])[0], found.lens.concept_maps(found.images)
    for line, number in zip(axes, best, strict=True):
        overlay(asked.image[None], own[[number]], line[1])
        line[1].set_title(f"concept {number}", fontsize=8, loc="left", color=INK)
        most = others[:, number].flatten(1).amax(1).argsort(descending=True)[:EXAMPLES]
        places = list(line[2 : 2 + len(most)])
        overlay(found.images[most], others[most, number], places)
        for spare in line[2 + len(most) :]:
            spare.set_axis_off()
    return drawn


@style()
def _curves(asked: Asked, found: Parts) -> Figure:
    drawn, ax = figure(5.0, 2.7)
    steps = range(len(found.kept))
    ax.plot(steps, found.by_chance.T, color=PALETTE[5], alpha=0.4, linewidth=0.8)
    ax.plot(steps, found.by_chance.mean(0), color=PALETTE[5], label="random order, and its mean")
    ax.plot(steps, found.kept, color=PALETTE[1], marker="o", label="the most important first")
    ax.set(xlabel="concepts taken away", ylabel=f"confidence in {asked.name}", ylim=(-0.03, 1.03))
    ax.legend()
    return drawn


RECIPE = PaperRecipe(
    paper="concept-lens",
    title="See which concepts the answer to your picture is made of",
    shows="The concepts that the answer to your picture rests on, with the images that show them and what is left of "
    "the answer without them; and the same for the network's classes.",
    takes=(NETWORK, IMAGE),
    run=run,
    instruments=("concepts",),
    options=(*OPTIONS, Option("concepts", "How many concepts", 6, low=2, high=20)),
)
