"""What a network takes images for, and how surely."""

from __future__ import annotations

import torch
from torch import nn

from netopsy.core.modes import device_of
from netopsy.core.shapes import Images, Labels
from netopsy.data import Dataset
from netopsy.training import evaluate


@torch.no_grad()
def answers(model: nn.Module, images: Images) -> Labels:
    """The predicted classes, on the images' device; the images may be of another type than the weights."""
    weights = next(model.parameters())
    parts = [model(some.to(device_of(model), weights.dtype)).argmax(1) for some in images.split(256)]
    return torch.cat(parts).to(images.device)


def probability(model: nn.Module, images: Images, label: int) -> float:
    """The mean probability of the class."""
    with torch.no_grad():
        return float(torch.cat([model(some).softmax(1)[:, label] for some in images.split(256)]).mean())


def auroc(model: nn.Module, data: Dataset, label: int) -> float:
    """How well the class score tells the class from the others."""
    from sklearn.metrics import roc_auc_score

    scores = evaluate(model, data, batch_size=256).outputs[:, label].cpu()
    return float(roc_auc_score((data.targets == label).cpu().numpy(), scores.numpy()))
