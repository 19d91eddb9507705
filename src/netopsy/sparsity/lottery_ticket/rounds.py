"""The rounds of iterative magnitude pruning, for one network or for a stack of replicas."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netopsy.core.errors import InputError, UnknownNameError, require
from netopsy.core.masks import density, prunable_parameters, revived
from netopsy.core.progress import track
from netopsy.sparsity.lottery_ticket.magnitude import Rate, Scope, check_rate, layer_rates, magnitude_masks
from netopsy.sparsity.lottery_ticket.progress import Rounds
from netopsy.sparsity.lottery_ticket.result import IMPResult, MaskSet, State

Train = Callable[[list[MaskSet], int], tuple[list[Any], list[State | None]]]
"""Trains all networks with their masks from a step on; returns what each run gave and its state at the rewind step."""


@dataclass(frozen=True)
class Schedule:
    """How much is pruned, how often and where, and what the survivors are reset to."""

    rounds: int
    rate: Rate
    scope: Scope
    output_rate_factor: float
    output_layer: str | None
    exclude: Sequence[str]
    rewind_step: int
    reset: bool

    def __post_init__(self) -> None:
        require(isinstance(self.rounds, int) and self.rounds >= 1, f"rounds must be at least 1, got {self.rounds}")
        require(isinstance(self.rewind_step, int), f"rewind_step must be an int, got {self.rewind_step!r}")
        require(self.rewind_step >= 0, f"rewind_step must not be negative, got {self.rewind_step}")
        require(self.scope in ("layer", "global"), f"scope must be 'layer' or 'global', got {self.scope!r}")
        factor = self.output_rate_factor
        require(0 < factor <= 1, f"output_rate_factor must be in (0, 1], got {factor}")

    def rates(self, names: list[str], output: str | None) -> Rate:
        """The rate of each layer, given which one is the output."""
        if self.scope == "global":
            return self.rate
        output = self.output_layer or (output if output in names else None)  # an excluded one has no rate
        return layer_rates(names, self.rate, output=output, output_factor=self.output_rate_factor)


def prune_and_train(
    models: Sequence[nn.Module],
    train: Train,
    schedule: Schedule,
    *,
    output: Callable[[], str | None],
    evaluate: Callable[[nn.Module], Any] | None,
    checkpoint: str | Path | None = None,
    training: Mapping[str, Any] | None = None,
) -> list[IMPResult]:
    """Run the schedule; ``output`` names the output layer's weight once a forward pass has been seen.

    With a ``checkpoint`` the finished rounds are kept there, and an interruption puts the initial weights back, so that
    the same call goes on behind the last finished round; ``training`` tells one training loop from another.
    """
    prunable = [prunable_parameters(model, exclude=schedule.exclude) for model in models]
    names = list(prunable[0])
    if schedule.output_layer is not None and schedule.output_layer not in prunable[0]:
        raise UnknownNameError("output_layer", schedule.output_layer, names)
    check_rate(schedule.rate, prunable[0], schedule.scope)
    require(evaluate is None or callable(evaluate), f"evaluate must be a function of the network, got {evaluate!r}")
    networks = [_template(model) for model in models]
    masks: list[MaskSet] = [{n: torch.ones_like(w, dtype=torch.bool) for n, w in own.items()} for own in prunable]
    starts: list[State | None] = [None if schedule.rewind_step else _copy(model) for model in models]
    found: list[dict[str, list[Any]]] = [
        {key: [] for key in ("masks", "final", "density", "metrics", "fits")} for _ in models
    ]
    about = {"schedule": asdict(schedule), "training": training, "evaluate": evaluate is not None}
    rounds = Rounds(checkpoint, models, about)
    saved = rounds.read()
    finished, last_layer = 0, None
    if saved is not None:
        found, starts, last_layer = saved["found"], saved["starts"], saved["output"]
        finished, masks = len(found[0]["masks"]), [own["masks"][-1] for own in found]
    initial = None if checkpoint is None else [_copy(model) for model in models]
    try:
        if finished:
            _load(models, [own["final"][-1] for own in found])
        for r in track(range(finished, schedule.rounds + 1), "pruning rounds"):
            first = 0
            if r > 0:
                rates = schedule.rates(names, output() or last_layer)
                masks = [
                    magnitude_masks(_weights(model, names), mask, rates, schedule.scope)
                    for model, mask in zip(models, masks, strict=True)
                ]
                if schedule.reset or r == schedule.rounds:
                    _load(models, starts)
                    first = schedule.rewind_step
            fits, reached = train(masks, first)
            starts = [known if known is not None else new for known, new in zip(starts, reached, strict=True)]
            require(
                all(start is not None for start in starts),
                f"the training loop never reported step {schedule.rewind_step} to on_step, which rewinding needs",
            )
            _check_zeros(models, masks, r)
            for model, mask, fit, own in zip(models, masks, fits, found, strict=True):
                own["masks"].append(mask)
                own["final"].append(_copy(model))
                own["density"].append(density(mask))
                own["fits"].append(fit)
                if evaluate is not None:
                    own["metrics"].append(evaluate(model))
            rounds.write(found=found, starts=starts, output=output() or last_layer)
    except BaseException:
        if initial is not None:
            _load(models, initial)
        raise
    return [
        IMPResult(state0=start or {}, network=network, **own)
        for network, start, own in zip(networks, starts, found, strict=True)
    ]


def _check_zeros(models: Sequence[nn.Module], masks: Sequence[MaskSet], r: int) -> None:
    for model, mask in zip(models, masks, strict=True):
        alive = ", ".join(f"{count} of {name}" for name, count in revived(model, mask).items())
        require(
            not alive,
            f"fit brought masked weights back in round {r} ({alive}): it must train the network's own parameters with "
            "a torch.optim optimizer, or call on_step after each step, where they are set to 0 again",
        )


def _template(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise InputError(
            f"model cannot be copied, which tickets need ({type(error).__name__}): layers under torch.nn.utils.prune "
            "or weight_norm hold computed tensors; undo these with prune.remove or remove_weight_norm first"
        ) from error


def _weights(model: nn.Module, names: Sequence[str]) -> State:
    parameters = dict(model.named_parameters())
    return {name: parameters[name].detach() for name in names}


def _load(models: Sequence[nn.Module], states: Sequence[State | None]) -> None:
    for model, state in zip(models, states, strict=True):
        model.load_state_dict(state or {})


def _copy(model: nn.Module) -> State:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
