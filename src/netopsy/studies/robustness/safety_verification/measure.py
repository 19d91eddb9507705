"""Grids enumerated, regions taken to hidden layers, and images changed: one trained network a cell."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netopsy.core.seeds import derive
from netopsy.lab import Cell, Rows
from netopsy.lab.pictures import to_text
from netopsy.lab.subjects.digit_networks import DigitNetwork, digit_images, digit_network
from netopsy.robustness.safety_verification import Region, Verdict, input_region, propagate_region, search, verify
from netopsy.studies.robustness.safety_verification.plan import LAYERS, OPEN, SAFE, SEARCH, SHOWN, SIGN, UNSAFE, Config
from netopsy.training.attack import Attack, pgd


def plan(config: Config) -> Iterable[Cell]:
    """A trained network a cell, for each of the three questions."""
    for network in config.networks:
        setting = DigitNetwork(network=network, steps=config.steps)
        for seed in range(config.seeds):
            own: dict[str, Any] = {"network": network, "setting": setting, "seed": seed, "n_dims": config.n_dims}
            yield Cell.of(
                agreement,
                **own,
                images=config.images,
                spans=config.spans,
                counts=config.counts,
                decided=config.decided,
                nodes=config.nodes,
            )
            yield Cell.of(refinement, **own, images=config.refined, radii=config.radii, nodes=config.nodes)
            yield Cell.of(
                distances, **own, images=config.searched, rounds=config.rounds, layers=LAYERS[network][: config.layers]
            )


def agreement(
    network: str,
    setting: DigitNetwork,
    seed: int,
    n_dims: int,
    images: int,
    spans: tuple[float, ...],
    counts: tuple[int, ...],
    decided: float,
    nodes: int,
) -> Rows:
    """For every image and grid: the search's answer, that of one point at a time, and that for the whole region."""
    model = digit_network(setting, seed)
    for number, image in enumerate(_images(images, seed)):
        for span, count in itertools.product(spans, counts):
            region = input_region(image, n_dims=n_dims, span=span, count=count)
            found = verify(model, image, region, method="grid")
            whole = verify(model, image, region, nodes=nodes) if span * count <= decided + 1e-9 else None
            broken = [each for each in (found, whole) if each is not None and each.broken]
            yield {
                "measure": "agreement",
                "image": number,
                "search": UNSAFE if found.broken else SAFE,
                "one by one": UNSAFE if _broken_one_by_one(model, image, region) else SAFE,
                "region": OPEN if whole is None else _answer(whole),
                "counterexamples": len(broken),
                "invented": sum(not _breaks(model, each) for each in broken),
                "proved": found.proved / region.points,
            }


def _broken_one_by_one(model: nn.Module, image: Tensor, region: Region) -> bool:
    """Every point of the grid, each by itself and each looked at, written without the method's own grid."""
    label = int(model(image[None]).argmax())
    found = False
    with torch.no_grad():
        for steps in itertools.product(*(range(-count, count + 1) for count in region.count)):
            point = image.flatten().double()
            for dim, span, step in zip(region.dims, region.span, steps, strict=True):
                point[dim] = min(1.0, max(0.0, float(point[dim]) + span * step))
            scores = model(point.to(image.dtype).reshape(1, *image.shape))[0]
            best = float(scores[label])
            found = found or any(float(other) >= best for k, other in enumerate(scores) if k != label)
    return found


def _breaks(model: nn.Module, verdict: Verdict) -> bool:
    """Whether the network gives a counterexample another class, or as high a score."""
    assert verdict.counterexample is not None
    with torch.no_grad():
        scores = model(verdict.counterexample[None])[0]
    return float(scores[verdict.found]) >= float(scores[verdict.predicted])


def refinement(
    network: str, setting: DigitNetwork, seed: int, n_dims: int, images: int, radii: tuple[float, ...], nodes: int
) -> Rows:
    """For every image and radius: the answers at the input and at two hidden layers, of whole regions and of grids."""
    model = digit_network(setting, seed)
    for number, image in enumerate(_images(images, seed)):
        for radius in radii:
            regions = [input_region(image, n_dims=n_dims, span=radius)]
            for layer in LAYERS[network]:
                regions.append(propagate_region(model, image, regions[-1], layer, span=0.1))
            for depth, region in enumerate(regions):
                whole = verify(model, image, region, nodes=nodes)
                corners = Region(
                    region.dims,
                    tuple(span * count for span, count in zip(region.span, region.count, strict=True)),
                    (1,) * len(region.dims),
                    region.layer,
                )
                grid = verify(model, image, corners, method="grid", mode="convex" if depth else "line")
                for level, found in (("region", whole), ("grid", grid)):
                    yield {
                        "measure": "refinement",
                        "image": number,
                        "radius": radius,
                        "level": level,
                        "depth": depth,
                        "answer": _answer(found),
                    }


def _answer(verdict: Verdict) -> str:
    return UNSAFE if verdict.broken else SAFE if verdict.status.endswith("safe") else OPEN


def distances(
    network: str, setting: DigitNetwork, seed: int, n_dims: int, images: int, rounds: int, layers: tuple[str, ...]
) -> Rows:
    """How far the search's and the sign method's adversarial examples are from their images, at equal success."""
    model = digit_network(setting, seed)
    _, test = digit_images()
    chosen = _order(len(test), seed)
    right = [int(each) for each in chosen if int(model(test.inputs[each][None]).argmax()) == int(test.targets[each])]
    shown = test.inputs[right[:images]]
    found = [
        search(model, one, layers=("", *layers), n_dims=n_dims, rounds=rounds, seed=derive(seed, "search"))
        for one in shown
    ]
    success = np.mean([one.broken for one in found])
    moved = [one.counterexample if one.counterexample is not None else one.image for one in found]
    ours = torch.stack(moved)
    step, theirs = _sign_method(model, shown, test.targets[right[:images]], float(success))
    if seed == 0:
        for place in range(min(SHOWN, len(shown))):
            yield {"measure": "example", "method": "image", "picture": to_text(shown[place, 0])}
    for method, images_, size in ((SEARCH, ours, np.nan), (SIGN, theirs, step)):
        changed = model(images_).argmax(1) != test.targets[right[:images]]
        change = (images_ - shown)[changed].flatten(1)
        norms = {f"L{order}": change.norm(order, dim=1).mean() for order in (1, 2)}
        row = {"measure": "distance", "method": method, "success": changed.float().mean(), "step": size}
        yield row | norms | {"pixels": (change != 0).sum(1).float().mean()}
        if seed == 0:
            for place in range(min(SHOWN, len(shown))):
                yield {"measure": "example", "method": method, "picture": to_text(images_[place, 0])}


def _sign_method(model: nn.Module, images: Tensor, labels: Tensor, success: float) -> tuple[float, Tensor]:
    """One step along the gradient's sign: the smallest that succeeds as often, or else that succeeds most often."""
    best, kept, most = 0.0, images, -1.0
    for step in np.arange(1, 101) / 100:
        moved = pgd(model, images, labels, Attack(float(step), float(step), 1))
        share = float((model(moved).argmax(1) != labels).float().mean())
        if share > most:
            best, kept, most = float(step), moved, share
        if share >= success:
            break
    return best, kept


def _images(count: int, seed: int) -> Tensor:
    _, test = digit_images()
    return test.inputs[_order(len(test), seed)[:count]]


def _order(count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(derive(seed, "images")))
