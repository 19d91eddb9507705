"""Level set traversal: walking to another image without leaving a network's confidence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.modes import device_of
from netopsy.core.progress import Task
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images, Labels
from netopsy.robustness.checks import Bounds
from netopsy.robustness.level_set_traversal.checks import check_count, check_number, check_pairs
from netopsy.robustness.level_set_traversal.result import TraversalResult
from netopsy.robustness.level_set_traversal.walking import Ended, OnReject, Pairs, Settings, walk


@checked
def level_set_traversal(
    model: nn.Module,
    source: Images,
    label: Labels,
    target: Images,
    *,
    steps: int = 400,
    step_size: float | int = 1e-2,
    adv_step: float | int = 2e-3,
    conf_tol: float | int = 0.2,
    init_noise: float | int = 2 / 255,
    bounds: Bounds | None = (0, 1),
    on_reject: OnReject = "hold",
    project: bool = True,
    record_every: int = 0,
    batch_size: int = 256,
    seed: int | torch.Generator = 0,
) -> TraversalResult:
    """Walk from each source towards its target inside the region where the network keeps its confidence in the label.

    With g the gradient of the cross-entropy of the label at x, a step is made of what g does not speak against: of the
    way v to the target, the part orthogonal to g; and a small move down the gradient, kept in an accumulator a::

        v' = (target - x) - (<g, v> / <g, g>) g      a = clip(a + adv_step / 2 g, -adv_step, adv_step)
        x' = clip(x + step_size v' - a, bounds)      accepted if p(source) - p(x') < conf_tol, image by image

    One forward and one backward pass a step: the pass that tries x' is the next step's where x' is accepted, and the
    gradient before it still holds where not. Where a is at its limit the walk ends up to ``adv_step / step_size`` from
    the target, in every pixel: a hundredth is more fitting than the default's 0.2 on small images.

    Args:
        model: a classifier that returns scores or probabilities; images are standardised inside it. It runs in
            evaluation mode and is left as it was.
        source, target: images ``[batch, channels, height, width]``, one target a source.
        label: the class of each source. A source that the network does not recognise stays where it is.
        steps, step_size, adv_step, conf_tol: as published (m, eta, epsilon and delta).
        init_noise: the walk starts at the source plus uniform noise of this size; confidence is compared with the
            source's own.
        bounds: the range of the pixels; ``None`` for no limits.
        on_reject: "hold": an image whose step is rejected stays and tries again, with an accumulator that goes on, as
            in the authors' code; "stop": its walk is over and the accumulator grows by adv_step g, as in the paper's
            pseudo-code.
        project: take the orthogonal part; with ``False`` and an ``adv_step`` of 0 it is `straight_line`.
        record_every: keep the images of every so many steps; 0 keeps none.
        batch_size: pairs that walk together at most; they do not influence one another.
        seed: of the noise.

    Raises:
        InputError: images of different shapes, outside ``bounds`` or not finite, a label that is no class, no source
            that the network recognises, a gradient that is not finite, an option out of its range.

    Source: Balasubramanian et al. 2023 (arXiv 2310.19889), Algorithm 1; the numbers are those of the authors' code
    (the place of the equations in the paper unconfirmed).

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False)).double()
    >>> net[1].weight.data = torch.tensor([[3.0, 4.0, 0.0, 0.0], [0.0] * 4], dtype=torch.double)
    >>> source = torch.tensor([[[[0.2, 0.1], [0.0, 0.0]]]], dtype=torch.double)
    >>> target = torch.tensor([[[[0.9, 0.8], [1.0, 0.0]]]], dtype=torch.double)
    >>> found = level_set_traversal(net, source, torch.tensor([0]), target, adv_step=0, init_noise=0, bounds=None)
    >>> round(float(found.final_conf - found.source_conf), 9), found.final[0, 0, 0].round(decimals=2).tolist()
    (0.0, [0.31, 0.02])
    """
    settings = Settings(steps, step_size, adv_step, conf_tol, bounds, on_reject, project, record_every)
    check_pairs(source, label, target, bounds)
    check_number(init_noise, "init_noise", least=0)
    check_count(batch_size, "batch_size")
    noise = _noise(source, init_noise, generator(seed))
    device, parts = device_of(model), []
    starts = range(0, len(source), batch_size)
    with Task("walking through the level set", steps * len(starts)) as task:
        for start in starts:
            rows = slice(start, start + batch_size)
            pairs = Pairs(*(each[rows].detach().to(device) for each in (source, label, target, noise)))
            parts.append(walk(model, pairs, settings, task))
    return _joined(parts, source, label, target, settings)


@checked
def straight_line(model: nn.Module, source: Images, label: Labels, target: Images, **options: Any) -> TraversalResult:
    """The control of `level_set_traversal`: straight to the target, with the same steps, noise and acceptance.

    Some closeness is free, since confidence also survives part of the straight way. ``options`` are those of
    `level_set_traversal`. It stops where a step is rejected, since it would only try the same step again.

    Raises:
        InputError: what `level_set_traversal` refuses.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> images = torch.rand(2, 1, 2, 2)
    >>> found = straight_line(net, images, net(images).argmax(1), images.flip(0), conf_tol=1.0)
    >>> float(found.remaining.max()) < 0.1
    True
    """
    for name in ("project", "adv_step"):
        require(name not in options, f"{name} must be left out: the straight line has none")
    return level_set_traversal(model, source, label, target, project=False, adv_step=0, **options)


def _noise(source: Images, size: float | int, random: torch.Generator) -> Images:
    """Drawn image by image, so that the first of a batch get the same however many follow."""
    wide = torch.float64 if source.dtype == torch.float64 else torch.float32
    if size == 0:
        return torch.zeros(source.shape, dtype=wide)
    drawn = [torch.rand(one.shape, generator=random, dtype=wide, device=random.device) for one in source]
    return (2 * torch.stack(drawn) - 1) * size


def _joined(parts: list[Ended], source: Images, label: Labels, target: Images, settings: Settings) -> TraversalResult:
    def whole(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts]).to(source.device)

    kept = whole("kept")
    require(kept.any(), f"source must hold an image that the network recognises as its label, got none of {len(kept)}")
    images = confidences = None
    if settings.record_every:
        images = torch.cat([torch.stack(part.images, 1) for part in parts]).to(source)
        confidences = torch.cat([torch.stack(part.confidences, 1) for part in parts]).to(source.device)
    return TraversalResult(
        source=source.detach(),
        label=label,
        target=target.detach(),
        final=whole("final").to(source.dtype),
        kept=kept,
        source_conf=whole("source_conf"),
        final_conf=whole("final_conf"),
        accepted=whole("accepted"),
        recorded=settings.recorded,
        images=images,
        confidences=confidences,
    )
