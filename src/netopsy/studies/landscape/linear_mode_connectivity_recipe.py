"""Train networks twice, and look at the loss on the straight line between them."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import nn

from netopsy.core.drawing import PALETTE, figure, style
from netopsy.core.finding import Finding, Picture
from netopsy.core.parameters import State
from netopsy.core.seeds import derive
from netopsy.data import Dataset, digits_split
from netopsy.lab.recipes import Option, PaperRecipe
from netopsy.landscape.linear_mode_connectivity import (
    Barrier,
    apply_permutation,
    forks,
    loss_barrier,
    permutation_spec,
    state_losses,
    weight_matching,
)
from netopsy.models import mlp
from netopsy.training import Recipe, fit_many

BATCH = 64
EPOCHS = 20
LAYERS = 5
"""Hidden; in shallower networks runs from one start hardly ever have a ridge between them."""
SHARED, APART, ALIGNED = "one start", "two starts", "two starts, units aligned"
COLORS = dict(zip((SHARED, APART, ALIGNED), PALETTE, strict=False))


def run(*, shared: int, width: int, seed: int) -> Finding:
    """The barrier between runs from one start, between runs from two, and after their units are brought into order."""
    train, test = digits_split(seed, (1347, 450))
    epoch = len(train) // BATCH
    recipe = Recipe(steps=EPOCHS * epoch, batch_size=BATCH, optimizer="sgd", lr=0.05, momentum=0.9)
    model = _network(width, seed, 0)
    [fork] = forks(model, train, recipe, [shared * epoch], seed=seed)
    a, b = (child[recipe.steps] for child in fork.children)
    one, other = _apart([model, _network(width, seed, 1)], train, recipe, seed)
    spec = permutation_spec(model, train.inputs[:2])
    turned = apply_permutation(spec, weight_matching(spec, one, other, seed=seed), other)
    pairs = {SHARED: (a, b), APART: (one, other), ALIGNED: (one, turned)}
    found = {name: loss_barrier(model, *ends, train) for name, ends in pairs.items()}
    middle = {name: _error_half_way(model, *ends, test) for name, ends in pairs.items()}
    parted = f"part after {shared} epochs" if shared else "part at once"
    return Finding(
        sentence=f"Between runs that start alike and {parted} the loss rises by {found[SHARED].height:.2f}, between "
        f"runs that start apart by {found[APART].height:.2f}, and by {found[ALIGNED].height:.2f} once the units of one "
        "are in the order of the other's.",
        reading="Each curve goes from one trained network to another in a straight line through all weights. A ridge "
        "means that their average is no good network; no ridge, that both lie in one valley. Bringing units into "
        "another order changes nothing that a network computes. These are small networks on digits, one pair of each "
        "kind: other seeds give other heights.",
        pictures=(
            Picture.of(_picture(found), "The training loss on the way between two networks, for pairs of three kinds"),
        ),
        figures={f"barrier, {name}": round(barrier.height, 4) for name, barrier in found.items()},
        table=(
            ("pair", "barrier of the loss", "test error half way"),
            *((name, f"{barrier.height:.3f}", f"{100 * middle[name]:.1f} %") for name, barrier in found.items()),
        ),
        code="from netopsy.data import digits_split\n"
        "from netopsy.landscape.linear_mode_connectivity import align, loss_barrier\n"
        "from netopsy.models import mlp\n"
        "from netopsy.training import Recipe, fit\n\n"
        "train, _, test = digits_split()\n"
        f"one, other = (mlp([64, *[{width}] * {LAYERS}, 10], seed=seed) for seed in (0, 1))\n"
        "for number, model in enumerate((one, other)):\n"
        f"    fit(model, train, Recipe(steps={recipe.steps}, batch_size={BATCH}), seed=number)\n"
        "before = loss_barrier(one, one.state_dict(), other.state_dict(), train).height\n"
        "aligned = align(one, other, train.inputs[:2])\n"
        "after = loss_barrier(one, one.state_dict(), aligned, train).height",
    )


def _network(width: int, seed: int, number: int) -> nn.Sequential:
    return mlp([64, *[width] * LAYERS, 10], initialisation="he_normal", seed=derive(seed, "weights", number))


def _apart(models: list[nn.Sequential], train: Dataset, recipe: Recipe, seed: int) -> list[State]:
    """The states after training, each with an order of batches of its own."""
    orders = [derive(seed, "order", number) for number in range(len(models))]
    runs = fit_many(models, train, recipe, seeds=orders, keep_states=[recipe.steps])
    return [run.states[recipe.steps] for run in runs]


def _error_half_way(model: nn.Module, a: State, b: State, test: Dataset) -> float:
    """Of the average of two networks, on images that neither was trained on."""
    average = {name: (value + b[name]) / 2 for name, value in a.items()}
    errors = state_losses(model, [average], test).errors
    assert errors is not None
    return float(errors[0])


@style()
def _picture(found: dict[str, Barrier]) -> Figure:
    drawn, ax = figure(5.6, 3.4)
    for name, barrier in found.items():
        ax.plot(barrier.shares, barrier.losses, color=COLORS[name], label=name)
    ax.set(xlabel="share of the way from one network to the other", ylabel="training loss (nats)", ylim=(0, None))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return drawn


RECIPE = PaperRecipe(
    paper="linear-mode-connectivity",
    title="Walk in a straight line from one trained network to another",
    shows="Whether the loss rises between two networks trained on digits: when they share the beginning of training, "
    "when they share nothing, and when their units are brought into one order.",
    takes=(),
    run=run,
    options=(
        Option("shared", "Epochs of training that the runs from one start share", 0, low=0, high=20),
        Option("width", "Units of each hidden layer", 32, low=8, high=256),
    ),
)
