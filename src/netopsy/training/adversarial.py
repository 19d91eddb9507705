"""Two networks against each other: one makes images from noise, the other tells them from real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.errors import require
from netopsy.core.modes import check_model, device_of, training
from netopsy.core.progress import track
from netopsy.core.seeds import derive, seeded
from netopsy.core.seeds import generator as random_generator
from netopsy.core.shapes import Images


@dataclass(frozen=True, eq=False)
class Adversarial:
    """How the two losses went; the networks themselves were trained in place."""

    generator_loss: Float[Tensor, "steps"]
    discriminator_loss: Float[Tensor, "steps"]


def fit_adversarial(
    generator: nn.Module,
    discriminator: nn.Module,
    images: Images,
    *,
    latent: int,
    steps: int = 1500,
    batch_size: int = 64,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.0, 0.9),
    seed: int = 0,
) -> Adversarial:
    """Train a generator of images against a discriminator, in place, with the hinge loss and Adam.

    Each step shows the discriminator a batch of real and one of made images, then moves the generator so that the same
    made images get a higher score. Networks are on the device of their own and keep the mode they had.

    Args:
        generator: from noise ``[batch, latent]`` to images of the shape and range of ``images``.
        discriminator: from images to one score each, higher for real ones, ``[batch]``.
        images: the real ones, on any device.
        latent: the number of standard normal values an image is made from.
        steps: of both optimisers.
        betas: of Adam.
        seed: of the noise, the order of the images and dropout; torch's global random state stays as it is.

    Raises:
        InputError: shapes or numbers that do not fit, or losses that are no longer finite.

    Source: the hinge loss of Lim and Ye 2017 and of Miyato et al. 2018 (arXiv 1802.05957), equations 16 and 17.

    >>> from netopsy.models import dcgan_generator, dcgan_discriminator
    >>> networks = dcgan_generator(4, width=4), dcgan_discriminator(width=4)
    >>> len(fit_adversarial(*networks, torch.rand(20, 1, 8, 8), latent=4, steps=3, batch_size=5).generator_loss)
    3
    """
    _check(generator, discriminator, images, latent, steps, batch_size, lr)
    device = device_of(generator)
    noise, order = (random_generator(derive(seed, name)) for name in ("noise", "order"))
    fused = {"lr": lr, "betas": betas, "fused": True}
    optimizers = [torch.optim.Adam(network.parameters(), **fused) for network in (generator, discriminator)]  # type: ignore[arg-type]
    losses = torch.zeros(2, steps, device=device)
    forward = seeded(derive(seed, "forward"))  # what the networks draw themselves, for their dropout
    with torch.enable_grad(), training(generator), training(discriminator), forward:
        for step in track(range(steps), "training a generator"):
            chosen = torch.randint(len(images), (batch_size,), generator=order)
            real = images[chosen.to(images.device)].to(device)
            made = generator(torch.randn(batch_size, latent, generator=noise).to(device))
            scores = discriminator(torch.cat([real, made.detach()]))
            judged = functional.relu(1 - scores[:batch_size]).mean() + functional.relu(1 + scores[batch_size:]).mean()
            _step(optimizers[1], judged)
            # Only the way back through the discriminator is needed now, not the gradient of its weights.
            discriminator.requires_grad_(False)
            fooled = -discriminator(made).mean()
            _step(optimizers[0], fooled)
            discriminator.requires_grad_(True)
            losses[0, step], losses[1, step] = fooled.detach(), judged.detach()
    require(bool(losses.isfinite().all()), "the losses are no longer finite: a smaller lr may help")
    found = losses.cpu()
    return Adversarial(found[0], found[1])


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _check(
    generator: nn.Module,
    discriminator: nn.Module,
    images: Images,
    latent: int,
    steps: int,
    batch_size: int,
    lr: float,
) -> None:
    check_model(generator)
    check_model(discriminator)
    require(
        isinstance(images, Tensor) and images.ndim == 4 and len(images) > 0 and images.is_floating_point(),
        "images must be a float tensor [n, channels, height, width] of at least one image",
    )
    for name, value, least in (("latent", latent, 1), ("steps", steps, 1), ("batch_size", batch_size, 2)):
        require(isinstance(value, int) and value >= least, f"{name} must be an int of at least {least}, got {value!r}")
    require(0 < lr < math.inf, f"lr must be positive and finite, got {lr}")
