"""Are learnt widths and depths worth their search? Dong and Yang 2019 re-tested.

Searches to several budgets on digits; then searched sizes against random and uniform ones of equal cost on patches of
photographs, each trained anew with a teacher and without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset, crop_and_flip, digits_split, photograph_patches
from netopsy.lab import Cell, Part, Rows, Study, Tables, exact, gain, most, paired_difference
from netopsy.lab.judging import above
from netopsy.lab.subjects.tickets import load
from netopsy.sparsity.transformable_architecture_search import (
    SearchSettings,
    Shape,
    ShapeSpace,
    TASResult,
    distill,
    random_shapes,
    tas_search,
    uniform_shape,
)

SEARCHED, PADDED, UNIFORM, DENSE = "searched", "searched with zeros", "uniform", "dense"
DISTILLED, LABELS = "with a teacher", "labels alone"
LEAD, SPARE = 0.3, 0.06
"""Points that a search has to win, and the share of a budget that it may miss."""
RANDOM_TOLERANCE, LEAST_SPREAD = 0.02, 0.02


@dataclass(frozen=True)
class Setting:
    """Data and network."""

    data: str
    widths: tuple[int, ...] = (8, 16, 32)
    blocks: int = 2
    channels: int = 1
    classes: int = 10
    size: int = 8

    @property
    def space(self) -> ShapeSpace:
        """All sizes."""
        options = {"channels": self.channels, "classes": self.classes, "size": self.size}
        return ShapeSpace.resnet(self.widths, self.blocks, **options)

    @property
    def augment(self) -> Any:
        """Only the Hub's images are shifted and mirrored."""
        return crop_and_flip if self.data.startswith("hub:") else None

    def parts(self, images: int, tested: int, seed: int) -> tuple[Dataset, Dataset]:
        """Training and test part, where the networks are; of patches as many as are asked for."""
        if self.data == "patches":
            parts = photograph_patches(images, tested, size=self.size, seed=derive(seed, "patches"))
            train, test = (Dataset(standardised(part.inputs), part.targets, part.classes) for part in parts)
        elif self.data == "digits":
            train, test = digits_split(sizes=(1297, 500))
            train = train.standardise()
            test = test.standardise(train)
        else:
            train, _, test = load(self.data)
        return train.to(best_device()), test.to(best_device())


_CIFAR = {"widths": (16, 32, 64), "channels": 3, "size": 32}
SETTINGS = {
    "digits": Setting("digits"),
    "patches": Setting("patches", classes=16, size=12),
    "resnet20-cifar10": Setting("hub:uoft-cs/cifar10", blocks=3, **_CIFAR),  # type: ignore[arg-type]
    "resnet32-cifar10": Setting("hub:uoft-cs/cifar10", blocks=5, **_CIFAR),  # type: ignore[arg-type]
    "resnet56-cifar10": Setting("hub:uoft-cs/cifar10", blocks=9, **_CIFAR),  # type: ignore[arg-type]
    "resnet32-cifar100": Setting("hub:uoft-cs/cifar100", blocks=5, classes=100, **_CIFAR),  # type: ignore[arg-type]
}


def standardised(images: Tensor) -> Tensor:
    """Every patch with mean 0 and standard deviation 1; nearly even ones stay faint."""
    centred = images - images.mean((1, 2, 3), keepdim=True)
    return centred / centred.std((1, 2, 3), keepdim=True).clamp(min=LEAST_SPREAD)


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    budget_setting: str = "digits"
    budgets: tuple[float, ...] = (0.3, 0.5, 0.7)
    budget_epochs: int = 15
    setting: str = "patches"
    ratio: float = 0.3
    images: int = 4000
    """Patches to learn from."""
    searched: int | None = 1600
    """Those of them that a search sees, again and again; None: all."""
    tested: int = 1600
    """Patches to be tested on."""
    search_epochs: int = 11
    epochs: int = 2
    """Of training."""
    batch_size: int = 100
    arch_lr: float = 0.02
    """Larger than the paper's, since the searches have few steps."""
    randoms: int = 3
    """Networks of random sizes for every searched one."""
    seeds: int = 5
    budget_seeds: int = 3
    within: int = 8
    """Searches, of all, that have to meet their budget."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell for every search to a budget, and for every seed of the comparison."""
    shared = {"batch_size": config.batch_size, "arch_lr": config.arch_lr}
    for seed in range(config.seeds):
        yield Cell.of(
            networks,
            setting=config.setting,
            ratio=config.ratio,
            images=config.images,
            searched=config.searched,
            tested=config.tested,
            search_epochs=config.search_epochs,
            epochs=config.epochs,
            randoms=config.randoms,
            seed=seed,
            **shared,
        )
    for ratio in config.budgets:
        for seed in range(config.budget_seeds):
            setting, epochs = config.budget_setting, config.budget_epochs
            yield Cell.of(
                searches, setting=setting, ratio=ratio, images=config.images, epochs=epochs, seed=seed, **shared
            )


def searches(setting: str, ratio: float, images: int, epochs: int, batch_size: int, arch_lr: float, seed: int) -> Rows:
    """One search: what its network costs, as a share of the full one."""
    train, _ = SETTINGS[setting].parts(images, images, seed)
    settings = SearchSettings(epochs=epochs, batch_size=batch_size, arch_lr=arch_lr)
    found = _searched(setting, train, ratio, settings, seed)
    yield {"share": found.ratio, "last": float(found.history.ratio[-1]), "epoch": found.epoch}


def networks(
    setting: str,
    ratio: float,
    images: int,
    searched: int | None,
    tested: int,
    search_epochs: int,
    epochs: int,
    batch_size: int,
    arch_lr: float,
    randoms: int,
    seed: int,
) -> Rows:
    """Sizes of equal cost from a search, from chance and from one fraction; each trained anew in both ways."""
    own = SETTINGS[setting]
    space = own.space
    train, test = own.parts(images, tested, seed)
    settings = SearchSettings(epochs=search_epochs, batch_size=batch_size, arch_lr=arch_lr)
    padded = SearchSettings(epochs=search_epochs, batch_size=batch_size, arch_lr=arch_lr, aggregate="pad")
    found = _searched(setting, train[:searched], ratio, settings, seed)
    shapes = {SEARCHED: found.shape, UNIFORM: uniform_shape(space, found.flops)}
    drawn = random_shapes(space, found.flops, tol=RANDOM_TOLERANCE, n=randoms, seed=derive(seed, "random"))
    shapes |= {_random(number): shape for number, shape in enumerate(drawn)}

    def trained(shape: Shape, name: str, teacher: nn.Module | None) -> tuple[nn.Module, dict[str, Any]]:
        model = space.build(shape, seed=derive(seed, "init", name)).to(best_device())
        options = {"epochs": epochs, "batch_size": batch_size, "augment": own.augment, "seed": derive(seed, name)}
        run = distill(model, teacher, train, evaluation={"test": test}, **options)
        how = LABELS if teacher is None else DISTILLED
        accuracy = 100 * float(run.history.accuracy["test"][-1])
        return model, {"sizes": name, "training": how, "share": space.flops(shape) / space.flops(), "value": accuracy}

    teacher, row = trained(space.full, DENSE, None)
    yield row
    for name, shape in shapes.items():
        yield trained(shape, name, None)[1]
        yield trained(shape, name, teacher)[1]
    yield trained(_searched(setting, train[:searched], ratio, padded, seed).shape, PADDED, teacher)[1]


def _searched(setting: str, train: Dataset, ratio: float, settings: SearchSettings, seed: int) -> TASResult:
    own, start = SETTINGS[setting], derive(seed, "search")
    return tas_search(own.space, train, flops_ratio=ratio, settings=settings, augment=own.augment, seed=start)


def _random(number: int) -> str:
    return f"random {number + 1}"


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Paired over the seeds."""
    parts, last = [], []
    for _, row in tables.rows("searches").sort_values(["ratio", "seed"]).iterrows():
        missed = abs(row["share"] / row["ratio"] - 1)
        parts.append(exact(f"miss of {row['ratio']:g}, seed {row['seed']:g}", missed, SPARE))
        last.append(abs(row["last"] / row["ratio"] - 1) <= SPARE)
    beside = {"sizes of the very last epoch within": sum(last)}
    yield "transformable-architecture-search-1", most("budgets that are met", parts, config.within, beside=beside)

    points = tables.wide("networks", index="seed", columns=["training", "sizes"])
    names = [_random(number) for number in range(config.randoms)]
    leads = {how: paired_difference(points[how][SEARCHED], points[how][names].mean(axis=1)) for how in _WAYS}
    taught = points[DISTILLED]
    beside = {
        "without a teacher": leads[LABELS],
        "searched": taught[SEARCHED].mean(),
        "random": taught[names].mean().mean(),
        "less the best of the random ones": paired_difference(taught[SEARCHED], taught[names].max(axis=1)),
        "less uniform": paired_difference(taught[SEARCHED], taught[UNIFORM]),
        "less sizes searched with zeros": paired_difference(taught[SEARCHED], taught[PADDED]),
        "dense": points[LABELS][DENSE].mean(),
    }
    named = "searched less random sizes, points"
    yield "transformable-architecture-search-2", gain(named, leads[DISTILLED], LEAD, beside=beside)

    small = [SEARCHED, UNIFORM, *names]
    taught, plain = (points[how][small] for how in _WAYS)
    won = paired_difference(taught.mean(axis=1), plain.mean(axis=1))
    beside = {name: paired_difference(taught[name], plain[name]) for name in (SEARCHED, UNIFORM)}
    yield "transformable-architecture-search-3", above("with less without a teacher, points", won, 0.0, beside=beside)


_WAYS = (DISTILLED, LABELS)
_LOOK = {
    SEARCHED: (PALETTE[0], "o"),
    PADDED: (PALETTE[3], "D"),
    "random": (PALETTE[1], "^"),
    UNIFORM: (PALETTE[2], "s"),
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Accuracy against cost, and what the searches cost that were given budgets."""
    return {"accuracy": _accuracies(tables), "budgets": _budgets(tables)}


def _accuracies(tables: Tables) -> Figure:
    drawn, axes = figure(6.2, 3.8)
    rows = tables.rows("networks")
    kind = rows["sizes"].str.replace(r" \d+$", "", regex=True)
    for name, (color, marker) in _LOOK.items():
        for how in _WAYS:
            own = rows[(kind == name) & (rows["training"] == how)]
            if not len(own):
                continue
            fill = color if how == DISTILLED else "none"
            label = f"{name}, {how}"
            options: dict[str, Any] = {"color": color, "marker": marker, "markerfacecolor": fill, "linestyle": "none"}
            axes.plot(100 * own["share"], own["value"], alpha=0.5, markersize=4, **options)
            axes.plot(100 * own["share"].mean(), own["value"].mean(), markersize=9, label=label, **options)
    dense = rows[rows["sizes"] == DENSE]["value"].mean()
    axes.axhline(dense, color=INK, linestyle="--", linewidth=1)
    axes.annotate("dense", (0.01, dense), xycoords=("axes fraction", "data"), va="bottom", color=INK, fontsize=8)
    axes.set(xlabel="operations (% of the full network's)", ylabel="test accuracy (%)")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)
    return drawn


def _budgets(tables: Tables) -> Figure:
    drawn, axes = figure(4.4, 3.4)
    rows = tables.rows("searches")
    ends = [0, 100]
    axes.plot(ends, ends, color=INK, linestyle="--", linewidth=1, label="budget")
    axes.fill_between(ends, [0, 100 * (1 - SPARE)], [0, 100 * (1 + SPARE)], color=INK, alpha=0.1)
    axes.plot(100 * rows["ratio"], 100 * rows["share"], "o", color=PALETTE[0], label="chosen")
    axes.plot(100 * rows["ratio"] + 2, 100 * rows["last"], "o", color=PALETTE[1], fillstyle="none", label="last epoch")
    axes.set(xlabel="budget (%)", ylabel="operations (%)", xlim=ends, ylim=ends)
    axes.legend()
    return drawn


STUDY = Study(
    paper="transformable-architecture-search",
    presets={
        "smoke": Config(
            budget_setting="patches",
            budgets=(0.5,),
            budget_epochs=1,
            images=64,
            tested=64,
            search_epochs=1,
            epochs=1,
            batch_size=32,
            randoms=1,
            seeds=3,
            budget_seeds=1,
            within=1,
        ),
        "laptop": Config(),
        "paper": Config(
            budget_setting="resnet32-cifar10",
            budget_epochs=600,
            setting="resnet32-cifar100",
            ratio=0.615,
            searched=None,
            search_epochs=600,
            epochs=300,
            batch_size=256,
            arch_lr=1e-3,
        ),
    },
    plan=plan,
    measures=(networks, searches),
    judge=judge,
    draw=draw,
)
