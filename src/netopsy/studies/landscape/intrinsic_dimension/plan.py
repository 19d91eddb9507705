"""Configuration, presets and names of the study of intrinsic dimension."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from netopsy.lab import Cell

PERCEPTRON, LENET = "perceptron", "LeNet"
PLAIN, PERMUTED = "plain", "permuted"
TRUE, SHUFFLED = "true labels", "shuffled labels"
DENSE, SPARSE, FASTFOOD, COORDINATES, NARROW = "dense", "sparse", "fastfood", "random parameters", "narrow network"
SHARE = 0.9
"""Of direct training's accuracy, that is to be reached."""


@dataclass(frozen=True)
class Network:
    """An architecture: the widths of its dense layers, after LeNet's convolutions where there are any."""

    hidden: tuple[int, ...]
    channels: tuple[int, ...] = ()
    kernel: int = 3

    @property
    def name(self) -> str:
        """For tables."""
        return f"{LENET if self.channels else PERCEPTRON} {'-'.join(map(str, self.hidden))}"


@dataclass(frozen=True)
class Training:
    """Of every network of the study, directly and in subspaces."""

    steps: int = 750
    batch_size: int = 64
    direct_rate: float = 1e-3
    rate: float = 0.03
    """Of the coordinates of a subspace."""
    weight_decay: float = 1e-5
    """Of the network's parameters, both ways."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 12
    data: str = "digits"
    networks: tuple[Network, ...] = (Network((16,)), Network((64,)), Network((256,)))
    middle: int = 1
    """Place of the network that projections, labels and pixels are looked at with."""
    widest: int = 2
    """Place of the one that is compressed."""
    lenet: Network = Network((32,), channels=(4, 8))
    dims: tuple[int, ...] = (70, 100, 140, 200, 280)
    lenet_dims: tuple[int, ...] = (60, 110, 200, 360)
    training: Training = Training()
    samples: int = 500
    """To be memorised."""
    label_dims: tuple[int, ...] = (50, 70, 100, 140)
    shuffled_dims: tuple[int, ...] = (200, 400, 800, 1600, 3200)
    """The last was added after a first run, in which one seed of 12 was not yet there at 1600."""
    label_training: Training = Training(steps=1500, batch_size=125, direct_rate=0.005, weight_decay=0.0)
    kinds: tuple[str, ...] = (DENSE, SPARSE)
    """Projections besides Fastfood."""
    rates: tuple[float, ...] = (0.01, 0.1)
    rate_seeds: int = 4
    sizes: tuple[int, ...] = (10_000, 30_000, 100_000, 300_000)
    """Parameters that the cost of a projection is timed for."""


def plan(config: Config) -> Iterable[Cell]:
    """A stack of all seeds and dimensions a cell."""
    from netopsy.studies.landscape.intrinsic_dimension.measure import controls, cost, curves, labels

    seeds, middle = tuple(range(config.seeds)), config.networks[config.middle]
    at = {"data": config.data, "seeds": seeds, "training": config.training}
    given = {"data": config.data, "network": middle, "training": config.label_training, "samples": config.samples}
    for kind, dims in ((TRUE, config.label_dims), (SHUFFLED, config.shuffled_dims)):
        yield Cell.of(labels, labels=kind, dims=dims, seeds=seeds, **given)
    yield Cell.of(controls, network=config.networks[config.widest], dims=config.dims, **at)
    both, plain = (PLAIN, PERMUTED), (PLAIN,)
    ways = [(each, FASTFOOD, both if each == middle else plain, config.dims) for each in reversed(config.networks)]
    ways += [(config.lenet, FASTFOOD, both, config.lenet_dims)]
    ways += [(middle, kind, plain, config.dims) for kind in config.kinds]
    for network, kind, pixels, dims in ways:
        yield Cell.of(curves, network=network, projection=kind, pixels=pixels, dims=dims, **at)
    for rate in config.rates:
        other = replace(config.training, rate=rate)
        given = {"network": middle, "projection": FASTFOOD, "pixels": plain, "dims": config.dims}
        yield Cell.of(curves, **given, data=config.data, seeds=seeds[: config.rate_seeds], training=other)
    yield Cell.of(cost, sizes=config.sizes)


_FC = tuple(Network((width,) * depth) for width in (50, 100, 200, 400) for depth in (1, 2, 3, 4, 5))
_MNIST = Training(steps=43_000, batch_size=128, rate=0.01, weight_decay=1e-4)
PRESETS = {
    "smoke": Config(
        seeds=2,
        networks=(Network((4,)),),
        middle=0,
        widest=0,
        lenet=Network((8,), channels=(2,)),
        dims=(10, 40),
        lenet_dims=(10, 40),
        training=Training(steps=4),
        samples=60,
        label_dims=(10, 40),
        shuffled_dims=(20, 60),
        label_training=Training(steps=4),
        kinds=(DENSE,),
        rates=(),
        sizes=(1000, 2000),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=5,
        data="hub:ylecun/mnist",
        networks=_FC,
        middle=_FC.index(Network((200, 200))),
        widest=_FC.index(Network((400,) * 5)),
        lenet=Network((120, 84), channels=(6, 16), kernel=5),
        dims=(100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1500),
        lenet_dims=(100, 200, 250, 300, 400, 600, 800, 1000, 1200, 1400, 1600, 2000),
        training=_MNIST,
        samples=50_000,
        label_dims=(300, 500, 700, 900, 1200),
        shuffled_dims=(10_000, 50_000, 100_000, 150_000, 190_000),
        label_training=replace(_MNIST, steps=200_000, direct_rate=1e-4, rate=0.003, weight_decay=0.0),
        sizes=(10_000, 100_000, 1_000_000),
    ),
}
