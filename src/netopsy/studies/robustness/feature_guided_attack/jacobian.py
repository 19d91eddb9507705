"""The white-box attack that the game is compared with: by the Jacobian's saliency map, of one pixel a step."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from netopsy.core.shapes import Images, Labels


def jacobian_saliency_attack(
    model: nn.Module, images: Images, labels: Labels, target: int, most: int
) -> Bool[Tensor, "batch pixels"]:
    """Which pixels it sets to the opposite extreme until the class is another; none where it fails.

    Of the pixels whose flip raises the target's score and lowers the sum of the others, by the gradient, it flips the
    one with the greatest product of the two, and asks again; it fails where there is no such pixel, or after ``most``.

    Source: Papernot et al. 2016, arXiv:1511.07528, equation 8, with single pixels instead of pairs, and flips instead
    of steps in one direction.
    """
    flips = (images < 0.5).to(images) - images
    flipped = torch.zeros(len(images), images[0, 0].numel(), dtype=torch.bool)
    done, lost = torch.zeros(len(images), dtype=torch.bool), labels == target
    for _ in range(most):
        now = (images + flips * flipped.view(-1, *images.shape[2:])[:, None]).requires_grad_()
        scores = model(now)
        done |= (scores.argmax(1) != labels) & ~lost
        if bool((done | lost).all()):
            break
        (ours,) = torch.autograd.grad(scores[:, target].sum(), now, retain_graph=True)
        (whole,) = torch.autograd.grad(scores.sum(), now)
        up = (ours * flips).sum(1).flatten(1)
        down = -((whole - ours) * flips).sum(1).flatten(1)
        salient = torch.where((up > 0) & (down > 0) & ~flipped, up * down, 0.0)
        best = salient.max(1)
        lost |= (best.values <= 0) & ~done
        moving = ~done & ~lost
        flipped[moving, best.indices[moving]] = True
    return flipped & done[:, None]


def easiest(model: nn.Module, images: Images, labels: Labels, classes: int, most: int) -> Bool[Tensor, "batch pixels"]:
    """For each image the flips towards the class that takes the fewest; none where no class is reached."""
    found = torch.stack([jacobian_saliency_attack(model, images, labels, each, most) for each in range(classes)])
    counts = found.sum(2)
    best = torch.where(counts > 0, counts, found.shape[2] + 1).argmin(0)
    return found[best, torch.arange(len(images))]
