"""MAP-Elites of raw pixels on digits, against pyribs with one cell a class, and how both encodings grow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from benchmarks.timing import Comparison, Growth
from netopsy.lab.subjects.digit_networks import CLASSES, DigitNetwork, digit_network
from netopsy.robustness.fooling_images import evolve_fooling_images
from netopsy.robustness.queries import Queries

SHAPE, BATCH, GENERATIONS = (1, 8, 8), 200, 50


def benchmarks() -> Iterator[Comparison | Growth]:
    """The same network is asked about as many images on both sides, in batches of the same size."""
    network = digit_network(DigitNetwork(), 0)
    ours = partial(evolve_fooling_images, network, SHAPE, "direct", batch=BATCH)
    check(float(ours(generations=GENERATIONS).confidence.min()), pyribs(network, GENERATIONS))
    yield Comparison(
        "fooling_images",
        partial(ours, generations=GENERATIONS),
        partial(pyribs, network, GENERATIONS),
        target=1.0,
        peer_name="pyribs",
        rounds=7,
    )
    for encoding in ("direct", "cppn"):
        search = partial(evolve_fooling_images, network, SHAPE, encoding)
        yield Growth(
            f"fooling_images_{encoding}_generations",
            {count: partial(search, generations=count, batch=BATCH) for count in (25, 50, 100, 200)},
            size_name="generations",
            rounds=3,
        )
        yield Growth(
            f"fooling_images_{encoding}_batch",
            {count: partial(search, generations=25, batch=count) for count in (50, 100, 200, 400)},
            size_name="batch",
            rounds=3,
        )
    net = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(16, CLASSES))
    for encoding in ("direct", "cppn"):
        yield Growth(
            f"fooling_images_{encoding}_side",
            {
                side: partial(evolve_fooling_images, net, (1, side, side), encoding, generations=10, batch=100)
                for side in (32, 64, 128)
            },
            size_name="side",
            rounds=3,
        )


def pyribs(network: torch.nn.Module, generations: int) -> np.ndarray:
    """The confidences that pyribs reaches: a grid of one cell a class, and an emitter that adds Gaussian noise.

    An image competes in all cells, so each is added once for every class. The archive goes by its measure, the class.
    """
    from ribs.archives import GridArchive
    from ribs.emitters import GaussianEmitter

    genes = int(np.prod(SHAPE))
    archive = GridArchive(solution_dim=genes, dims=[CLASSES], ranges=[(-0.5, CLASSES - 0.5)], seed=0)
    first = np.random.default_rng(0).random((BATCH, genes))
    emitter = GaussianEmitter(
        archive, sigma=0.1, initial_solutions=first, bounds=[(0.0, 1.0)] * genes, batch_size=BATCH, seed=0
    )
    asked, cells = Queries(network), np.tile(np.arange(CLASSES), BATCH)[:, None]
    for _ in range(generations + 1):
        solutions = emitter.ask()
        scores = asked.probabilities(torch.from_numpy(solutions).float().reshape(-1, *SHAPE)).numpy()
        archive.add(np.repeat(solutions, CLASSES, 0), scores.ravel(), cells)
    return np.asarray(archive.data("objective"))


def check(ours: float, theirs: np.ndarray) -> None:
    """Both fill every cell, and ours finds images that are no less certain."""
    assert len(theirs) == CLASSES
    assert ours > float(theirs.min()) - 0.05, f"the least certain class reaches {ours:.3f}, theirs {theirs.min():.3f}"
