"""Rounds of pruning from one step on, and in each the runs that its tickets are compared with."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from netopsy.core.computed import copied
from netopsy.core.masks import density
from netopsy.core.seeds import derive
from netopsy.sparsity.late_rewinding.distances import masked_cosine, masked_l2
from netopsy.sparsity.late_rewinding.result import RANDOM, REINIT, TICKET
from netopsy.sparsity.late_rewinding.runs import Run, copied_state
from netopsy.sparsity.lottery_ticket import shuffle_masks
from netopsy.sparsity.lottery_ticket.result import MaskSet, State

Row = dict[str, Any]
Starts = tuple[Sequence[State], Sequence[MaskSet]]
"""Weights and masks that a variant of each network starts from."""


@dataclass
class Rounds:
    """Called with the masks of a round, it trains the tickets in place and, in rounds that are compared, in the same
    call what they are compared with: all variants with both orders of the data."""

    models: Sequence[nn.Module]
    run: Run
    step: int
    starts: Sequence[State]
    """Of each network, at the step."""
    seeds: Sequence[tuple[int, int]]
    """The two orders of the data of each network."""
    compared: Container[int]
    """Rounds."""
    evaluate: Callable[[nn.Module], Any] | None = None
    others: Sequence[State] = ()
    """Weights of each network drawn anew, where their masks are to be tried on such."""
    known: tuple[list[Any], list[State]] | None = None
    """Where the first round has been trained already: what its training gave, and where it ended."""
    rows: list[Row] = field(default_factory=list)
    dense: dict[str, list[State]] = field(default_factory=dict)
    """Variant to the end of each dense network."""
    round: int = 0

    def __call__(self, masks: list[MaskSet], _: int) -> tuple[list[Any], list[State | None]]:
        variants, known = self._variants(masks), self.known if self.round == 0 else None
        orders = (0, 1) if self.round in self.compared else (0,)
        trained = {
            (name, order): self.models if (name, order) == (TICKET, 0) else [self._network(start) for start in starts]
            for name, (starts, _masks) in variants.items()
            for order in orders
        }
        missing = [each for each in trained if known is None or each != (TICKET, 0)]
        fits: list[Any] = []
        if missing:
            fits, _states = self.run(
                [model for each in missing for model in trained[each]],
                [pair[order] for _name, order in missing for pair in self.seeds],
                masks=[mask for name, _order in missing for mask in variants[name][1]],
                start=self.step,
            )
        if known is not None:
            fits = known[0]
            for model, end in zip(self.models, known[1], strict=True):
                model.load_state_dict(end)
        for name, variant in variants.items():
            self._compare(name, variant, trained[name, 0], trained.get((name, 1)))
        self.round += 1
        return fits[: len(self.models)], [None] * len(self.models)

    def metric(self, model: nn.Module) -> Any:
        """What was said of one of the networks after the last round."""
        place = next(i for i, own in enumerate(self.models) if own is model)
        return next(
            row["metric"] for row in reversed(self.rows) if row["variant"] == TICKET and row["network"] == place
        )

    def _variants(self, masks: list[MaskSet]) -> dict[str, Starts]:
        found: dict[str, Starts] = {TICKET: (self.starts, masks)}
        if self.round > 0 and self.round in self.compared:
            seeds = [derive(first, "random", self.step, self.round) for first, _second in self.seeds]
            shuffled = [shuffle_masks(mask, seed=seed) for mask, seed in zip(masks, seeds, strict=True)]
            found[RANDOM] = (self.starts, shuffled)
        if self.others and (self.round == 0 or self.round in self.compared):
            found[REINIT] = (self.others, masks)
        return found

    def _network(self, state: State) -> nn.Module:
        model = copied(self.models[0])
        model.load_state_dict(state)
        return model

    def _compare(
        self, name: str, variant: Starts, first: Sequence[nn.Module], second: Sequence[nn.Module] | None
    ) -> None:
        ends = [copied_state(model) for model in first]
        again = None if second is None else [copied_state(model) for model in second]
        if self.round == 0:
            self.dense[name] = ends
        dense = self.dense[TICKET if name == RANDOM else name]
        for i, (start, mask) in enumerate(zip(*variant, strict=True)):
            self.rows.append(
                {
                    "network": i,
                    "step": self.step,
                    "round": self.round,
                    "variant": name,
                    "density": density(mask),
                    "survivors": sum(int(each.sum()) for each in mask.values()),
                    "metric": None if self.evaluate is None else self.evaluate(first[i]),
                    "to_pruning": masked_l2(dense[i], ends[i], mask),
                    "to_data_order": None if again is None else masked_l2(ends[i], again[i], mask),
                    "cosine_pruning": masked_cosine(dense[i], ends[i], start, mask),
                    "cosine_data_order": None if again is None else masked_cosine(ends[i], again[i], start, mask),
                }
            )
