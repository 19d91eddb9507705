"""Tasks of noisy clusters, one a condition, with binary labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from scipy.linalg import hadamard
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import derive, generator
from netopsy.representations.representational_geometry.kernels import aligned_kernel, label_kernel
from netopsy.representations.similarity import kernel_alignment


@dataclass(frozen=True)
class Task:
    """Conditions, their labels, and the noise around them."""

    means: Float[Tensor, "conditions features"]
    labels: Float[Tensor, "conditions bits"]
    """-1 or 1."""
    noise: float
    """Standard deviation of every feature around its mean."""

    @property
    def input_kernel(self) -> Float[Tensor, "conditions conditions"]:
        """Inner products of the means."""
        means = self.means.double()
        return means @ means.T

    @property
    def alignment(self) -> float:
        """Centred alignment of the means' kernel with that of the labels."""
        return kernel_alignment(self.input_kernel, label_kernel(self.labels)).item()

    def sample(
        self, count: int, *, seed: int | torch.Generator = 0
    ) -> tuple[Float[Tensor, "samples features"], Int[Tensor, " samples"]]:
        """Noisy inputs, each of a random condition, and the number of that condition."""
        require(count >= 1, f"count must be at least 1, got {count}")
        random = generator(seed)
        conditions = torch.randint(len(self.means), (count,), generator=random)
        noise = torch.randn(count, self.means.shape[1], generator=random)
        return self.means[conditions] + self.noise * noise, conditions


@checked
def aligned_task(
    conditions: int = 32,
    bits: int = 1,
    alignment: float | int = 0.0,
    *,
    n_features: int = 100,
    noise: float | int = 1.0,
    rank: int | None = None,
    scale: float | int = 0.5,
    seed: int = 0,
) -> Task:
    """Clusters whose means have a kernel of a set alignment with balanced, orthogonal labels (Hadamard columns).

    Raises:
        InputError: conditions that are no power of 2, more bits than columns, fewer features than dimensions, negative
            noise, or see `aligned_kernel`.

    >>> round(aligned_task(8, 2, 0.25, n_features=20).alignment, 5)
    0.25
    """
    power = conditions >= 2 and conditions & (conditions - 1) == 0
    require(power, f"conditions must be a power of 2, got {conditions}")
    require(1 <= bits < conditions, f"bits must lie between 1 and {conditions - 1}, got {bits}")
    require(n_features >= conditions - 1, f"n_features must be at least {conditions - 1}, got {n_features}")
    _check_noise(noise)
    random = generator(derive(seed, "task"))
    columns = 1 + torch.randperm(conditions - 1, generator=random)[:bits]
    labels = torch.from_numpy(hadamard(conditions)).float()[:, columns]
    kernel = aligned_kernel(labels, alignment, rank=rank, scale=scale, seed=derive(seed, "kernel"))
    values, vectors = torch.linalg.eigh(kernel)
    places = (vectors * values.clamp(min=0).sqrt())[:, 1:]  # the smallest eigenvalue is that of the constant, 0
    normal = torch.randn(n_features, conditions - 1, generator=random, dtype=torch.float64)
    means = math.sqrt(n_features) * places @ torch.linalg.qr(normal).Q.T
    return Task(means.float(), labels, float(noise))


@checked
def nudged_xor(n_features: int = 120, delta: float | int = 0.0, *, noise: float | int = 0.1, seed: int = 0) -> Task:
    """The exclusive or of two bits, moved by ``delta`` along a direction of the label, which makes it separable.

    The means are ``b1 u1 + b2 u2 + delta s u3`` with ``s = b1 b2`` and non-negative directions that share no feature;
    their alignment with the label is ``delta^2 / sqrt(2 + delta^4)``.

    Raises:
        InputError: fewer than 3 features, or negative noise or delta.

    >>> round(nudged_xor(12, 1.0).alignment, 5)
    0.57735
    """
    require(n_features >= 3, f"n_features must be at least 3, got {n_features}")
    require(delta >= 0 and math.isfinite(delta), f"delta must be at least 0, got {delta}")
    _check_noise(noise)
    directions = torch.zeros(3, n_features)
    random = generator(seed)
    for row, part in zip(directions, torch.arange(n_features).tensor_split(3), strict=True):
        values = torch.randn(len(part), generator=random).abs()
        row[part] = math.sqrt(n_features / 3) * values / values.norm()
    bits = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    sign = bits.prod(1, keepdim=True)
    return Task(torch.cat([bits, delta * sign], 1) @ directions, sign, float(noise))


@checked
def unstructured_task(n_features: int = 120, *, noise: float | int = 0.1, seed: int = 0) -> Task:
    """Four random Gaussian means with a balanced label: nearly at the corners of a tetrahedron in high dimension.

    Raises:
        InputError: no feature, or negative noise.

    >>> unstructured_task(50).labels[:, 0].tolist()
    [1.0, 1.0, -1.0, -1.0]
    """
    require(n_features >= 1, f"n_features must be at least 1, got {n_features}")
    _check_noise(noise)
    means = torch.randn(4, n_features, generator=generator(seed))
    return Task(means, torch.tensor([[1.0], [1.0], [-1.0], [-1.0]]), float(noise))


def _check_noise(noise: float | int) -> None:
    require(noise >= 0 and math.isfinite(noise), f"noise must be at least 0, got {noise}")
