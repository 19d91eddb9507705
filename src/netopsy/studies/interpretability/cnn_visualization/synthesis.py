"""What the cnn-visualization study synthesises: preferred images, judged by a second network, and inverted layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.modes import device_of
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images
from netopsy.core.split import run_to
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
    balanced_weights,
    invert_representation,
    maximise_activation,
    reconstruct,
    total_variation,
    train_upconv_inverter,
)
from netopsy.interpretability.cnn_visualization.regularisers import Regulariser
from netopsy.lab import Rows
from netopsy.lab.costs import growth
from netopsy.lab.plots import to_text
from netopsy.models import small_conv_net
from netopsy.studies.interpretability.cnn_visualization.networks import trained
from netopsy.studies.interpretability.cnn_visualization.plan import (
    DECODER,
    GENERATOR,
    LAYERS_OF,
    NONE,
    ORIGINAL,
    SEARCH,
    TOGETHER,
    InversionSetting,
    MaximisationSetting,
    Setting,
)


def maximisation(seed: int, network: Setting, setting: MaximisationSetting) -> Rows:
    """Rows of the measures judged (a class and condition each), natural, and preferred (pictures of the first run)."""
    ours, judge = trained(network, seed), trained(network, derive(seed, "judge"))
    rows: list[Any] = list(_natural(ours.model, judge.model, ours.test.inputs, ours.test.targets))
    shape, classes = tuple(ours.test.inputs.shape[1:]), ours.test.class_count
    mean = ours.train.inputs.mean((0, 2, 3))[:, None, None]
    for condition, regularisers in conditions(setting).items():
        prior = None
        if condition == GENERATOR:
            layer = LAYERS_OF[network.network][-2]
            images = ours.train.inputs[: setting.decoder_images]
            decoder = train_upconv_inverter(
                ours.model, layer, images, epochs=setting.decoder_epochs, lr=setting.decoder_lr, seed=seed
            )
            prior = GeneratorPrior(FromStandardCodes(decoder), decoder.code_shape)
        found = maximise_activation(
            ours.model,
            range(classes),
            shape,
            steps=setting.steps,
            starts=setting.starts,
            regularisers=regularisers,
            mean=mean,
            prior=prior,
            seed=derive(seed, "noise"),
        )
        rows += _judged(judge.model, ours.model, found.images, condition, ours.test.classes)
        if seed == 0:
            rows += [
                {"measure": "preferred", "condition": condition, "class": ours.test.classes[one], "picture": picture}
                for one, picture in enumerate(map(to_text, found.best().mean(1)))
            ]
    return rows


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


class FromStandardCodes(nn.Module):
    """A decoder whose codes have mean 0 and standard deviation 1, as a prior's have."""

    def __init__(self, decoder: UpconvNet) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, codes: Tensor) -> Images:
        """Images, held within the range of a pixel."""
        images: Images = self.decoder(codes * self.decoder.code_scale + self.decoder.code_mean)
        return images.clamp(0, 1)


def _natural(ours: nn.Module, judge: nn.Module, images: Images, labels: Tensor) -> Iterator[dict[str, Any]]:
    """What both networks make of photographs, and how rough those are."""
    inputs, targets = images.to(device_of(ours)), labels.to(device_of(ours))
    for who, model in (("own", ours), ("judge", judge)):
        with torch.no_grad():
            given = torch.cat([model(some).softmax(1) for some in inputs.split(250)])
        yield {"measure": "natural", "condition": who, "value": float(given.gather(1, targets[:, None]).mean())}
    roughness = total_variation(images)
    for name, share in (("rough low", 0.1), ("rough middle", 0.5), ("rough high", 0.9)):
        yield {"measure": "natural", "condition": name, "value": float(roughness.quantile(share))}


def _judged(
    judge: nn.Module, ours: nn.Module, images: Tensor, condition: str, classes: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """For each class what both networks make of its preferred images, on average over the starts."""
    count, starts = images.shape[:2]
    flat = images.flatten(0, 1)
    own = torch.arange(count, device=flat.device).repeat_interleave(starts)[:, None]

    def of_class(values: Tensor) -> list[float]:
        found: list[float] = values.gather(1, own).view(count, starts).mean(1).tolist()
        return found

    with torch.no_grad():
        scores, others = ours(flat), judge(flat)
    found = {"value": of_class(others.softmax(1)), "own": of_class(scores.softmax(1)), "score": of_class(scores)}
    found["roughness"] = total_variation(flat).view(count, starts).mean(1).tolist()
    for one in range(count):
        at = {"measure": "judged", "condition": condition, "class": classes[one]}
        yield at | {name: values[one] for name, values in found.items()}


def inversion(seed: int, network: Setting, setting: InversionSetting) -> Rows:
    """Rows of the measures inverted and expected (an image and layer each), strength, and rebuilt (pictures)."""
    ours = trained(network, seed)
    images = ours.test.inputs[: setting.images].to(device_of(ours.model))
    rows: list[Any] = []
    pictures = {(ORIGINAL, ORIGINAL): images}
    for depth, layer in enumerate(LAYERS_OF[network.network]):
        code = run_to(ours.model, layer, images).detach()
        found, errors, strengths = _inverted(ours.model, layer, images, setting, derive(seed, "noise", layer))
        own = image_error(found, images)
        rows += [
            {"measure": "strength", "layer": layer, "strength": strength, "value": float(error)}
            for strength, error in zip(setting.strengths, errors.mean(1), strict=True)
        ]
        least = errors.amin(0)
        decoder = train_upconv_inverter(
            ours.model,
            layer,
            ours.train.inputs[: setting.decoder_images],
            epochs=setting.decoder_epochs,
            lr=setting.decoder_lr,
            width=setting.decoder_width,
            seed=derive(seed, "decoder"),
        )
        expected = reconstruct(ours.model, layer, decoder, images)
        after = (run_to(ours.model, layer, expected) - code).flatten(1).square().sum(1) / code.flatten(1).square().sum(
            1
        )
        of_decoder = image_error(expected, images)
        for one in range(len(images)):
            at: dict[str, Any] = {"image": one, "layer": layer, "depth": depth}
            for measured, error, kept in (("inverted", own, least), ("expected", of_decoder, after)):
                errors_of = {"value": float(error[one]), "feature_error": float(kept[one])}
                rows.append({"measure": measured, **at, **errors_of, "strength": float(strengths[one])})
        pictures[SEARCH, layer], pictures[DECODER, layer] = found, expected
    if seed == 0:
        rows += [
            {"measure": "rebuilt", "way": way, "layer": layer, "image": one, "picture": to_text(picture)}
            for (way, layer), made in pictures.items()
            for one, picture in enumerate(made[: setting.shown].mean(1))
        ]
    return rows


def image_error(found: Images, images: Images) -> Tensor:
    """``|found - image| / |image|`` of each image."""
    return (found - images).flatten(1).norm(dim=1) / images.flatten(1).norm(dim=1)


def _inverted(
    model: nn.Module, layer: str, images: Images, setting: InversionSetting, seed: int
) -> tuple[Images, Tensor, Tensor]:
    """Every image with its best strength, the feature errors ``[strengths, images]``, and those strengths."""
    size, count = (images.shape[2], images.shape[3]), len(images)
    weights = [balanced_weights(strength, size) for strength in setting.strengths]
    spread = {
        name: torch.tensor([each[name] for each in weights]).repeat_interleave(count).to(images) for name in weights[0]
    }
    tries = images.repeat(len(weights), 1, 1, 1)
    found = invert_representation(
        model,
        layer,
        tries,
        lambda_alpha=spread["lambda_alpha"],
        lambda_tv=spread["lambda_tv"],
        steps=setting.steps,
        lr=setting.lr,
        seed=seed,
    )
    errors = found.feature_error.view(len(weights), count)
    best = errors.argmin(0)
    made = found.images.unflatten(0, (len(weights), count))[best, torch.arange(count, device=best.device)]
    return made, errors, torch.tensor(setting.strengths)[best.cpu()]


def synthesis_cost_by_side(sides: tuple[int, ...]) -> Rows:
    """Milliseconds for a step of eight images by their side."""
    return growth(lambda side: _ways(side, 8), sides, name="side", rounds=2)


def synthesis_cost_by_images(counts: tuple[int, ...]) -> Rows:
    """Milliseconds for a step of so many images of 32 pixels a side."""
    return growth(lambda count: _ways(32, count), counts, name="images", rounds=2)


def _ways(side: int, count: int) -> dict[str, Callable[[], object]]:
    model, images = small_conv_net(seed=0).eval(), torch.rand(count, 1, side, side, generator=generator(0))
    units, shape = LayerUnits("features.norm3", [number % 24 for number in range(count)]), (1, side, side)
    penalties: dict[str, Any] = {"lambda_alpha": 1e-3, "lambda_tv": 1e-3, "steps": 1}
    return {
        "maximisation": partial(maximise_activation, model, units, shape, steps=1, regularisers=IMAGE_PRIORS),
        "inversion": partial(invert_representation, model, "features.norm3", images, **penalties),
    }
