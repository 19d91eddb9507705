"""Run Eigen-CAM on a picture, and on held-out images."""

from __future__ import annotations

from netopsy.core.capture import layer_activations
from netopsy.core.finding import Finding
from netopsy.interpretability.eigen_cam import eigen_cam_from_activations, last_grid_layer
from netopsy.interpretability.maps import rescaled, resized
from netopsy.lab.covered_picture import DRAWS, PERCENT, covers, covers_pictures, covers_table
from netopsy.lab.given import Image, Network
from netopsy.lab.image_inputs import ReadAs
from netopsy.lab.one_picture import OPTIONS, ask
from netopsy.lab.recipes import IMAGE, NETWORK, PaperRecipe

NAME = "Eigen-CAM"


def run(network: Network, picture: Image, *, read_as: ReadAs, shows: str, seed: int) -> Finding:
    """The map of one picture, and whether its peaks are what the answer rests on."""
    asked = ask(network, picture, read_as=read_as, shows=shows)
    image = asked.image[None]
    layer = last_grid_layer(asked.model, image)
    found = eigen_cam_from_activations(layer_activations(asked.model, image, layer)[layer].detach())
    maps = {NAME: rescaled(resized(found.maps, (image.shape[2], image.shape[3])))[0]}
    covered = covers(asked, maps, seed)
    share = float(found.explained[0])
    return Finding(
        sentence=f"{asked.said} {NAME} {covered[NAME].said}.",
        verdict="doubtful" if asked.wrong else "plain",
        reading=f"{asked.reading} The map is taken at {layer}: the warmer a place, the further its activations lie "
        f"along the one direction that holds {100 * share:.0f} % of the layer's sum of squares. No class was asked "
        "about and nothing behind the layer was used, so it shows what stands out to the network, whatever it answers. "
        f"Covering is the check: the {PERCENT} of pixels that are highest take the mean of their uncovered "
        f"neighbours, against {DRAWS} covers at random and {DRAWS} of the map's own shape elsewhere. On a digit any "
        "map that marks ink does better than chance.",
        pictures=(asked.shown(), *covers_pictures(asked, maps, covered, seed)),
        figures=asked.figures
        | {"share of the first direction": round(share, 4), "confidence, covered": round(covered[NAME].own, 4)},
        table=covers_table(asked, covered),
        code=f"{asked.code}\n\n"
        "from netopsy.interpretability.eigen_cam import eigen_cam\n"
        "from netopsy.interpretability.overlay import overlay\n\n"
        f"overlay(image[None], eigen_cam(model, image[None], {layer!r}))",
    )


RECIPE = PaperRecipe(
    paper="eigen-cam",
    title="See what stands out to a network, without gradients",
    shows="The first principal component of a layer's activations for your picture, whether the answer goes when what "
    "it marks is covered, and the same over held-out images.",
    takes=(NETWORK, IMAGE),
    run=run,
    instruments=("eigen-cam",),
    options=OPTIONS,
)
