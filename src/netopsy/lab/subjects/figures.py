"""Networks that name colour, texture and shape of a figure: their units are what concepts are sought in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from netopsy.core.seeds import derive
from netopsy.data.concept_images import ConceptImages, concept_images
from netopsy.models import small_conv_net
from netopsy.training import Recipe, evaluate, fit


@dataclass(frozen=True)
class FigureSetting:
    """How many images of figures, which network, and how it is trained."""

    train_images: int = 3000
    test_images: int = 2000
    size: int = 48
    widths: tuple[int, ...] = (16, 24, 24)
    """The last layer is dissected; it has as many units as there are concepts."""
    strides: tuple[int, ...] = (2, 2, 1)
    epochs: int = 6
    lr: float = 1e-2

    @property
    def last(self) -> str:
        """The name of the last layer with positions."""
        return f"features.act{len(self.widths)}"


def named_figures(setting: FigureSetting, seed: int) -> tuple[nn.Module, ConceptImages, float]:
    """A network trained to name colour, texture and shape of a figure, never where it is; images new to it; the
    share of names it gets right there."""
    train = concept_images(setting.train_images, size=setting.size, seed=derive(seed, "train"))
    test = concept_images(setting.test_images, size=setting.size, seed=derive(seed, "test"))
    model = figure_network(setting, train, derive(seed, "init"))
    steps = max(1, setting.epochs * setting.train_images // 50)
    recipe = Recipe(steps=steps, batch_size=50, lr=setting.lr, schedule="onecycle", loss="bce")
    fit(model, train.dataset(), recipe, seed=derive(seed, "order"))
    outputs = evaluate(model, test.dataset(), loss="bce").outputs
    assert test.figures is not None
    sizes = [len(names) for names in test.names.values()]
    answers = torch.stack([part.argmax(1) for part in outputs.split(sizes, 1)], 1)
    return model.eval(), test, float((answers == test.figures).float().mean())


def figure_network(setting: FigureSetting, concepts: ConceptImages, seed: int) -> nn.Module:
    classes = sum(len(names) for names in concepts.names.values())
    return small_conv_net(setting.widths, setting.strides, channels=3, classes=classes, seed=seed).eval()
