"""Find the units of a small image generator that make an object, and switch them off."""

from __future__ import annotations

import torch
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive
from netopsy.data.scenes import SCENE_CLASSES
from netopsy.interpretability.gan_dissection import dissect, edit_layer, observe, removals, top_sets
from netopsy.interpretability.maps import bilinear
from netopsy.lab.pictures import mosaic
from netopsy.lab.recipes import Option, PaperRecipe
from netopsy.lab.subjects.scene_generators import Actors, SceneSetting, Segmenter, trained_generator, trained_segmenter

SETTING = SceneSetting(steps=300, lr=2e-3, segmenter=Segmenter(steps=150))
"""Half a minute of training, once; the networks are kept."""
OBJECTS = ("sun", "house", "tree")
LAYERS = ("layer2", "layer3", "layer4", "layer5")
DISSECTED, COUNTED, SHOWN = 300, 100, 6
RANDOM = 20
"""Sets of as many units, drawn at random, to hold the chosen ones against."""
DIMMED = 0.3
"""How bright an image is where a unit is low."""


def run(*, what: str, layer: str, units: int, seed: int) -> Finding:
    """The units that agree best with an object, and what of it is gone once they are off."""
    setting = SETTING
    segmenter = trained_segmenter(setting.segmenter, setting.side)
    actors = Actors(trained_generator(setting, 0), segmenter, setting, derive(seed, "measured"))
    number = SCENE_CLASSES.index(what)
    report = dissect(actors.generator, layer, segmenter, actors.z("dissected", DISSECTED), labels=SCENE_CLASSES)
    iou = report.iou[:, number].cpu().float()
    require(units < len(iou), f"units must be at most {len(iou) - 1}, one less than {layer} has, got {units}")
    [chosen] = top_sets(iou, [units])
    random = torch.Generator().manual_seed(derive(seed, "sets"))
    others = [top_sets(torch.rand(len(iou), generator=random), [units])[0] for _ in range(RANDOM)]
    removed = removals(actors.generator, layer, segmenter, actors.z("removed", COUNTED), torch.stack([chosen, *others]))
    gone, chance = float(removed.share[0, number]), float(removed.share[1:, number].mean())
    best = int(iou.argmax())
    drawn = mosaic(_rows(actors, layer, best, float(report.level[best, number]), chosen), inches=0.8)
    drawn.axes[0].set_anchor("E")  # the names of rows are on the left
    return Finding(
        sentence=f"With {units} of {len(iou)} units of {layer} switched off, those that agree best with the {what}, "
        f"{_percent(gone)} of its pixels are gone; with as many random ones {_percent(chance)}.",
        reading=f"The generator makes scenes of {setting.side} by {setting.side} pixels and was trained here for a "
        "short while. A unit agrees with an object as far as its map, brought to the size of the image, and the "
        "object's pixels overlap (IoU). That the object goes with the units says that they cause it; below 0 % there "
        "is more of it than before. The other objects in the table say what else the units do.",
        pictures=(
            Picture.of(
                drawn,
                f"Images with a {what} as the generator makes them, where unit {best} of {layer} is high, and the same "
                f"images with {units} units switched off",
            ),
        ),
        figures={
            "IoU of the best unit": round(float(iou.max()), 4),
            "share removed": round(gone, 4),
            "share removed by random units": round(chance, 4),
        },
        table=(
            ("object", "pixels before", "share removed", "by random units"),
            *(
                (name, f"{before:.1f}", _percent(own), _percent(other))
                for name, before, own, other in zip(
                    SCENE_CLASSES,
                    removed.before.tolist(),
                    removed.share[0].tolist(),
                    removed.share[1:].mean(0).tolist(),
                    strict=True,
                )
            ),
        ),
        code="import torch\n"
        "from netopsy.interpretability.gan_dissection import dissect, unit_removal\n"
        "from netopsy.studies.interpretability.gan_dissection_recipe import SETTING\n"
        "from netopsy.lab.subjects.scene_generators import trained_generator, trained_segmenter\n\n"
        "generator = trained_generator(SETTING, 0)\n"
        "segmenter = trained_segmenter(SETTING.segmenter, SETTING.side)\n"
        f"z = torch.randn({DISSECTED}, SETTING.latent)\n"
        f'report = dissect(generator, "{layer}", segmenter, z)\n'
        f'unit_removal(generator, "{layer}", segmenter, z, report.best({number}, {units}), {number})',
    )


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"


def _rows(actors: Actors, layer: str, unit: int, level: float, chosen: Tensor) -> dict[str, list[Tensor]]:
    """The images in which a unit is highest: as made, dimmed where it is low, and without the chosen units."""
    z = actors.z("pictures", COUNTED)
    seen, images = observe(actors.generator, layer, actors.segmenter, z), actors.images(z)
    side = actors.setting.side
    order = seen.maps[:, unit].amax((1, 2)).argsort(descending=True, stable=True)[:SHOWN].cpu()
    high = bilinear(seen.maps[order, unit][:, None].float(), (side, side))[:, 0] > level
    with edit_layer(actors.generator, layer, chosen):
        without = actors.images(z[order])
    made = images[order] / 2 + 0.5
    masked = made * (DIMMED + (1 - DIMMED) * high.float()[:, None])
    return {
        "as made": list(made),
        f"where unit {unit} is high": list(masked),
        f"{int(chosen.sum())} units off": list(without / 2 + 0.5),
    }


RECIPE = PaperRecipe(
    paper="gan-dissection",
    title="Take an object out of an image generator",
    shows="Which hidden units of a small generator of scenes make the sun, the houses or the trees, and what is left "
    "of them with those units off.",
    takes=(),
    run=run,
    options=(
        Option("what", "The object", "house", choices=OBJECTS),
        Option("layer", "The layer whose units are looked at", "layer4", choices=LAYERS),
        Option("units", "Units to switch off", 8, low=1, high=20),
    ),
)
