"""A whole region decided by a complete solver, rival by rival, after bounds and quick attempts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from netopsy.robustness.safety_verification.program import Program, TooLarge, build
from netopsy.robustness.safety_verification.question import Found, Question
from netopsy.robustness.safety_verification.solvers import Limits, Solver

STEPS = 12
"""Of descent from each corner, before a solver is asked."""


@dataclass
class Decided:
    """How it ended."""

    found: Found | None = None
    whole: bool = False
    reason: str = ""
    by_bounds: int = 0
    """Rivals that bounds alone kept away."""


def decide(question: Question, solver: Solver | None, limits: Limits) -> Decided:
    """Keep rivals away by bounds, look for a counterexample by descent, and ask the solver about the rest.

    Without a solver what bounds leave open stays so.
    """
    lead, corner = question.leads(question.intervals)
    left = [place for place, one in enumerate(lead[0].tolist()) if not one > 0]
    done = Decided(by_bounds=len(question.rivals) - len(left))
    if left and (found := question.broken(descend(question, corner[0][left], left))) is not None:
        done.found = found
        return done
    if left and solver is None:
        done.reason = f"bounds leave {len(left)} of {len(question.rivals)} classes open"
        return done
    return _solve(question, solver, left, lead[0], limits, done) if solver is not None and left else _whole(done)


def _whole(done: Decided) -> Decided:
    done.whole = True
    return done


def _solve(question: Question, solver: Solver, left: list[int], lead: Tensor, limits: Limits, done: Decided) -> Decided:
    if not all(bool((one.low.isfinite() & one.high.isfinite()).all()) for one in question.intervals):
        done.reason = "the network's numbers may grow beyond double precision"
        return done
    try:
        program: Program = build(question.need_network(), question.intervals)
    except TooLarge as reason:
        done.reason = str(reason)
        return done
    for place in sorted(left, key=lambda each: float(lead[each])):  # the likeliest counterexample first
        rival = question.rivals[place]
        answer = solver(program, question.predicted, rival, float(question.margins[rival]), limits)
        if answer.proved:
            continue
        done.reason = done.reason or answer.reason
        if answer.witness is not None:
            tried = question.inside(torch.stack([answer.witness, *_descended(question, answer.witness, place)]))
            if (found := question.broken(tried)) is not None:
                done.found, done.reason = found, ""
                return done
        if limits.over:
            return done
    done.whole = not done.reason
    return done


def _descended(question: Question, witness: Tensor, place: int) -> list[Tensor]:
    return list(descend(question, witness.reshape(1, *question.centre.shape), [place]).double().flatten(1))


def descend(question: Question, starts: Tensor, places: list[int]) -> Tensor:
    """Points of the box where the lead over each of the rivals is small: starts, centre, and ends of a descent.

    By the sign of the gradient, as in `netopsy.training.attack.pgd`, but of one lead and in any box.
    """
    network, box = question.need_network(), question.box
    rivals = [question.rivals[each] for each in places]
    now, width = starts.clone(), box.high - box.low
    best, least = starts.clone(), torch.full((len(starts),), torch.inf, dtype=torch.float64)
    rows = torch.arange(len(rivals))
    for step in range(STEPS):
        now = now.detach().requires_grad_()
        with torch.enable_grad():
            scores = network(now)
            lead = scores[:, question.predicted] - scores[rows, rivals]
            (slope,) = torch.autograd.grad(lead.sum(), now)
        better = lead < least
        best[better], least = now.detach()[better], torch.minimum(lead.detach(), least)
        now = now.detach() - width * slope.sign() * 0.5 / (1 + step)
        now = torch.minimum(torch.maximum(now, box.low), box.high)
    return question.inside(torch.cat([best, starts]))
