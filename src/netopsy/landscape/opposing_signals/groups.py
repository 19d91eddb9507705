"""Which examples oppose each other: those whose loss rises most in a spike, and those whose loss falls most."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.errors import require
from netopsy.core.seeds import check_seed


@dataclass(frozen=True, eq=False)
class Groups:
    """Two groups of examples."""

    up: Int[Tensor, "k"]
    """Those whose loss rises most, the largest rise first."""
    down: Int[Tensor, "m"]
    """Those whose loss falls most, the largest fall first."""
    step: int
    """Loss is compared before and after the step of this number, counted from 0; -1 for groups of another origin."""
    delta: Float[Tensor, "n"]
    """The change of every example's loss in that step."""

    @property
    def both(self) -> Int[Tensor, "members"]:
        """All members."""
        return torch.cat([self.up, self.down])


@checked
def opposing_groups(
    losses: Float[Tensor, "points n"], *, step: int | None = None, k: int | None = None, warmup: int = 0
) -> Groups:
    """The ``k`` examples whose loss rises most in one step and the ``k`` whose loss falls most.

    Source: section 2 of the paper. How many examples it takes is unconfirmed; it shows about a dozen of each.

    Args:
        losses: of every example (columns) along training (rows), as `record_losses` keeps them.
        step: from row ``step`` to the next; by default where the mean loss rises most.
        k: size of each group; by default 2% of the examples, at least 10 where there are twice as many.
        warmup: rows before this one are not looked at when ``step`` is sought.

    Raises:
        InputError: losses that are not finite or fewer than two rows or examples, a step out of range, no rise of the
            mean loss, or groups that would overlap.

    >>> found = opposing_groups(torch.tensor([[1.0, 1.0, 1.0, 1.0], [3.0, 0.5, 1.0, 0.9]]), k=1)
    >>> found.up.tolist(), found.down.tolist(), found.step
    ([0], [1], 0)
    """
    shape = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
    good = isinstance(losses, Tensor) and losses.ndim == 2 and losses.is_floating_point() and min(losses.shape) > 1
    require(good, f"losses must be floats [steps + 1, samples], at least two of each, got {shape}")
    check_finite(losses, "losses")
    rows, count = losses.shape
    size = min(max(10, count // 50), count // 2) if k is None else k
    whole = isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= count // 2
    require(whole, f"k must be an int between 1 and half of the {count} examples, got {k!r}")
    if step is None:
        at = isinstance(warmup, int) and not isinstance(warmup, bool) and 0 <= warmup <= rows - 2
        require(at, f"warmup must be an int between 0 and {rows - 2}, got {warmup!r}")
        rises = losses.double().mean(1).diff()[warmup:]
        require(rises.max() > 0, "the mean loss never rises; give the step to compare at, or train at a larger rate")
        step = warmup + int(rises.argmax())
    inside = isinstance(step, int) and not isinstance(step, bool) and 0 <= step <= rows - 2
    require(inside, f"step must be an int between 0 and {rows - 2}, got {step!r}")
    delta = losses[step + 1] - losses[step]
    order = delta.argsort(descending=True, stable=True)
    return Groups(order[:size], order.flip(0)[:size], step, delta)


@checked
def separate_pairs(
    groups: Groups, features: Float[Tensor, "n *features"], *, pairs: int = 2, seed: int = 0
) -> list[Groups]:
    """Several simultaneous pairs told apart: members of both groups that share a feature make a pair.

    K-means (scikit-learn's) on the features of all members together, since opposing examples look alike and differ in
    their labels; clusters without a member of either side are left out.

    Args:
        groups: from `opposing_groups`.
        features: of every example, such as the penultimate layer's activations.
        pairs: clusters to look for.
        seed: for the start of k-means.

    Raises:
        InputError: features that do not cover the members or are not finite, more clusters than members.

    >>> groups = Groups(torch.tensor([0, 1]), torch.tensor([2, 3]), 0, torch.zeros(4))
    >>> features = torch.tensor([[0.0], [9.0], [0.1], [9.1]])
    >>> sorted((pair.up.tolist(), pair.down.tolist()) for pair in separate_pairs(groups, features))
    [([0], [2]), ([1], [3])]
    """
    check_groups(groups)
    check_seed(seed)
    members = groups.both
    covered = isinstance(features, Tensor) and features.ndim > 1 and len(features) > int(members.max())
    require(covered, f"features must have a row for every example, at least {int(members.max()) + 1}")
    check_finite(features, "features")
    whole = isinstance(pairs, int) and not isinstance(pairs, bool) and 1 <= pairs <= len(members)
    require(whole, f"pairs must be an int between 1 and the number of members, {len(members)}, got {pairs!r}")
    from sklearn.cluster import KMeans

    own = features[members].detach().flatten(1).double().cpu().numpy()
    of = torch.from_numpy(KMeans(pairs, n_init=10, random_state=seed % 2**32).fit_predict(own).astype("int64"))
    up, down = of[: len(groups.up)], of[len(groups.up) :]
    found = [Groups(groups.up[up == i], groups.down[down == i], groups.step, groups.delta) for i in range(pairs)]
    return sorted(
        (each for each in found if len(each.up) and len(each.down)), key=lambda each: len(each.both), reverse=True
    )


def check_groups(groups: object, count: int | None = None) -> None:
    """Raise `InputError` unless they are two groups of examples, all of them among ``count``."""
    require(isinstance(groups, Groups), f"groups must be Groups, got {type(groups).__name__}")
    assert isinstance(groups, Groups)
    require(len(groups.up) > 0 and len(groups.down) > 0, "groups must have a member on either side")
    highest = int(groups.both.max())
    require(count is None or highest < count, f"groups name example {highest}, but there are only {count}")
