"""What the cnn-visualization study synthesises: preferred images, judged by a second network, and inverted layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.modes import device_of
from netopsy.core.seeds import derive, generator
from netopsy.core.split import run_to
from netopsy.data import Dataset
from netopsy.interpretability.cnn_visualization import (
    IMAGE_PRIORS,
    ClipSmallContribution,
    ClipSmallNorm,
    GaussianBlur,
    GeneratorPrior,
    Jitter,
    L2Decay,
    LayerUnits,
    TotalVariation,
    UpconvNet,
    invert_representation,
    maximise_activation,
    reconstruct,
    total_variation,
    train_upconv_inverter,
)
from netopsy.interpretability.cnn_visualization.regularisers import Regulariser
from netopsy.interpretability.cnn_visualization.strengths import image_error, invert_at_best_strength
from netopsy.interpretability.top_images import top_images
from netopsy.lab import Rows
from netopsy.lab.costs import growth
from netopsy.lab.pictures import to_text
from netopsy.lab.subjects.patches import LAYERS_OF, PatchSetting, Trained, trained
from netopsy.models import small_conv_net
from netopsy.studies.interpretability.cnn_visualization.plan import (
    DECODER,
    GENERATOR,
    NONE,
    ORIGINAL,
    PHOTOGRAPH,
    SEARCH,
    TOGETHER,
    Decoder,
    InversionSetting,
    MaximisationSetting,
)


def maximisation(seed: int, network: PatchSetting, setting: MaximisationSetting) -> Rows:
    """Rows of the measures judged (a class and condition each), natural, and preferred (pictures of the first run)."""
    ours, judge = trained(network, seed), trained(network, derive(seed, "judge")).model
    layer, scores = LAYERS_OF[network.network][-2:]
    yield from _natural({"own": ours.model, "judge": judge}, ours.test)
    made = {PHOTOGRAPH: ours.test.inputs[top_images(ours.model, scores, ours.test.inputs, k=1).indices[:, 0].cpu()]}
    for condition, regularisers in conditions(setting).items():
        prior = GeneratorPrior.of(_decoder(ours, layer, setting.decoder, seed)) if condition == GENERATOR else None
        found = maximise_activation(
            ours.model,
            range(ours.test.class_count),
            tuple(ours.test.inputs.shape[1:]),
            steps=setting.steps,
            starts=setting.starts,
            regularisers=regularisers,
            mean=ours.train.inputs.mean((0, 2, 3))[:, None, None],
            prior=prior,
            seed=derive(seed, "noise"),
        )
        for name, values in zip(ours.test.classes, _judged(ours.model, judge, found.images), strict=True):
            yield {"measure": "judged", "condition": condition, "class": name, **values}
        made[condition] = found.best()
    if seed == 0:
        for condition, images in made.items():
            for name, image in zip(ours.test.classes, images.mean(1), strict=True):
                yield {"measure": "preferred", "condition": condition, "class": name, "picture": to_text(image)}


def conditions(setting: MaximisationSetting) -> dict[str, Sequence[Regulariser]]:
    """What each condition adds to plain gradient ascent."""
    blur, variation, jitter = GaussianBlur(), TotalVariation(setting.tv_weight), Jitter()
    return {
        NONE: (),
        "decay": (L2Decay(),),
        "small norm": (ClipSmallNorm(),),
        "small contribution": (ClipSmallContribution(),),
        "blur": (blur,),
        "TV": (variation,),
        "jitter": (jitter,),
        TOGETHER: (blur, variation, jitter),
        GENERATOR: (),
    }


def _decoder(ours: Trained, layer: str, of: Decoder, seed: int) -> UpconvNet:
    images = ours.train.inputs[: of.images]
    return train_upconv_inverter(ours.model, layer, images, epochs=of.epochs, lr=of.lr, width=of.width, seed=seed)


def _natural(models: Mapping[str, nn.Module], test: Dataset) -> Iterator[dict[str, Any]]:
    """What the networks make of photographs, and how rough those are."""
    for who, model in models.items():
        inputs, targets = test.inputs.to(device_of(model)), test.targets.to(device_of(model))
        with torch.no_grad():
            given = torch.cat([model(some).softmax(1) for some in inputs.split(250)])
        yield {"measure": "natural", "condition": who, "value": float(given.gather(1, targets[:, None]).mean())}
    roughness = total_variation(test.inputs)
    for name, share in (("rough low", 0.1), ("rough middle", 0.5), ("rough high", 0.9)):
        yield {"measure": "natural", "condition": name, "value": float(roughness.quantile(share))}


@torch.no_grad()
def _judged(ours: nn.Module, judge: nn.Module, images: Tensor) -> list[dict[str, float]]:
    """For each class what both networks make of its preferred images, on average over the starts."""
    count, flat = images.shape[:2], images.flatten(0, 1)
    scores, others = ours(flat), judge(flat)
    by_class = {"value": others.softmax(1), "own": scores.softmax(1), "score": scores}
    found = {name: each.unflatten(0, count).diagonal(dim1=0, dim2=2).mean(0) for name, each in by_class.items()}
    found["roughness"] = total_variation(flat).view(count).mean(1)
    return [{name: float(values[one]) for name, values in found.items()} for one in range(count[0])]


def inversion(seed: int, network: PatchSetting, setting: InversionSetting) -> Rows:
    """Rows of the measures inverted and expected (an image and layer each), strength, and rebuilt (pictures)."""
    ours = trained(network, seed)
    images = ours.test.inputs[: setting.images].to(device_of(ours.model))
    pictures = {(ORIGINAL, ORIGINAL): images}
    for depth, layer in enumerate(LAYERS_OF[network.network]):
        noise: Any = {"steps": setting.steps, "lr": setting.lr, "seed": derive(seed, "noise", layer)}
        found, errors, strengths = invert_at_best_strength(ours.model, layer, images, setting.strengths, **noise)
        for strength, error in zip(setting.strengths, errors.mean(1).tolist(), strict=True):
            yield {"measure": "strength", "layer": layer, "strength": strength, "value": error}
        decoder = _decoder(ours, layer, setting.decoder, derive(seed, "decoder"))
        expected = reconstruct(ours.model, layer, decoder, images)
        code, after = (run_to(ours.model, layer, each).detach().flatten(1) for each in (images, expected))
        lost = (after - code).square().sum(1) / code.square().sum(1)
        for measure, made, feature_errors in (("inverted", found, errors.amin(0)), ("expected", expected, lost)):
            values = {"value": image_error(made, images), "feature_error": feature_errors, "strength": strengths}
            for one in range(len(images)):
                at = {"measure": measure, "image": one, "layer": layer, "depth": depth}
                yield at | {name: float(each[one]) for name, each in values.items()}
        pictures[SEARCH, layer], pictures[DECODER, layer] = found, expected
    if seed == 0:
        for (way, layer), made in pictures.items():
            for one, image in enumerate(made[: setting.shown].mean(1)):
                yield {"measure": "rebuilt", "way": way, "layer": layer, "image": one, "picture": to_text(image)}


def synthesis_cost(by: str, sizes: tuple[int, ...]) -> Rows:
    """Milliseconds for a step of eight images of 32 pixels a side, or of other sides or as many images at once."""
    return growth(lambda size: _ways(**{by: size}), sizes, rounds=2)


def _ways(side: int = 32, images: int = 8) -> dict[str, Callable[[], object]]:
    model, tries = small_conv_net(seed=0).eval(), torch.rand(images, 1, side, side, generator=generator(0))
    units, shape = LayerUnits("features.norm3", [number % 24 for number in range(images)]), (1, side, side)
    penalties: dict[str, Any] = {"lambda_alpha": 1e-3, "lambda_tv": 1e-3, "steps": 1}
    return {
        "maximisation": partial(maximise_activation, model, units, shape, steps=1, regularisers=IMAGE_PRIORS),
        "inversion": partial(invert_representation, model, "features.norm3", tries, **penalties),
    }
