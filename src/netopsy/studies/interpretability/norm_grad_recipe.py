"""Draw saliency maps of a picture, and check them; and the same over held-out images."""

from __future__ import annotations

from netopsy.core.finding import Finding
from netopsy.core.layers import INPUT, spatial_layers
from netopsy.lab.covered_picture import DRAWS, PERCENT, covers, covers_pictures, covers_table
from netopsy.lab.given import Image, Network
from netopsy.lab.image_inputs import ReadAs
from netopsy.lab.one_picture import OPTIONS, ask
from netopsy.lab.recipes import IMAGE, NETWORK, PaperRecipe
from netopsy.lab.saliency_methods import GRADIENT, METHODS
from netopsy.lab.saliency_methods import NORM_GRAD as NAME


def run(network: Network, picture: Image, *, read_as: ReadAs, shows: str, seed: int) -> Finding:
    """The maps of one picture for the network's answer, each checked by covering."""
    asked = ask(network, picture, read_as=read_as, shows=shows)
    image = asked.image[None]
    layer = next(reversed(spatial_layers(asked.model)), INPUT)
    places = dict.fromkeys(METHODS, layer) | {GRADIENT: INPUT}
    maps = {name: draw(asked.model, image, asked.answer, layer=places[name])[0] for name, draw in METHODS.items()}
    covered = covers(asked, maps, seed)
    pointing = [name for name, each in covered.items() if each.points]
    others = f"{len(pointing)} of {len(maps)} kinds of map mark what matters here more than both controls"
    return Finding(
        sentence=f"{asked.said} {NAME} {covered[NAME].said}. {others}.",
        verdict="doubtful" if asked.wrong else "plain",
        reading=f"{asked.reading} The warmer a pixel, the more it counts for {asked.name}, the class that the network "
        f"chose. Maps are taken at {layer or 'the input'}, the gradient at the input. Covering is the check: the "
        f"{PERCENT} of pixels that a map ranks highest take the mean of their uncovered neighbours, against {DRAWS} "
        f"covers at random and {DRAWS} of the map's own shape elsewhere; a map marks what matters where at most one of "
        "either costs as much confidence as its own. One picture is one picture: which kind of map is best over many "
        "stands below.",
        pictures=(asked.shown(), *covers_pictures(asked, maps, covered, seed)),
        figures=asked.figures
        | {f"confidence, covered by {name}": round(each.own, 4) for name, each in covered.items()}
        | {"maps that mark what matters": len(pointing)},
        table=covers_table(asked, covered),
        code=f"{asked.code}\n\n"
        "from netopsy.interpretability.norm_grad import norm_grad\n"
        "from netopsy.interpretability.overlay import overlay\n\n"
        f"overlay(image[None], norm_grad(model, image[None], {asked.answer}, {layer!r}))",
    )


RECIPE = PaperRecipe(
    paper="norm-grad",
    title="See where in your picture a network looks",
    shows="Saliency maps of your picture, whether the answer goes when what they mark is covered, and which kind of "
    "map finds what matters over held-out images.",
    takes=(NETWORK, IMAGE),
    run=run,
    instruments=("saliency", "class-sensitivity"),
    options=OPTIONS,
)
