"""A whole box proved in pieces: bounds over each, and what they leave open is halved."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from netopsy.robustness.safety_verification.bounds import Interval
from netopsy.robustness.safety_verification.forward_bounds import closest_bounds
from netopsy.robustness.safety_verification.question import Found, Question
from netopsy.robustness.safety_verification.solvers import Limits

MOST, TOGETHER = 20_000, 64
"""Pieces that are looked at without a limit of the caller's, and at a time."""


@dataclass
class Pieces:
    """How a proof in pieces ended."""

    found: Found | None = None
    whole: bool = False
    looked_at: int = 0


def prove_pieces(question: Question, limits: Limits) -> Pieces:
    """Bound the box; halve what stays open, along the widest dimension, until all is proved or the limit is reached."""
    network, done = question.need_network(), Pieces()
    waiting = [question.box]
    most = limits.nodes if limits.nodes is not None else MOST
    while waiting:
        if limits.over or done.looked_at >= most:
            return done
        box = waiting.pop()
        if len(box.low) > TOGETHER:
            waiting.append(Interval(box.low[TOGETHER:], box.high[TOGETHER:]))
            box = Interval(box.low[:TOGETHER], box.high[:TOGETHER])
        done.looked_at += len(box.low)
        lead, corner = question.leads(closest_bounds(network, box))
        sure = (lead > 0).all(1)
        if bool(sure.all()):
            continue
        worst = lead[~sure].argmin(1)
        tried = question.inside(corner[~sure][torch.arange(len(worst)), worst])
        if (found := question.broken(tried)) is not None:
            done.found = found
            return done
        waiting.append(_halved(Interval(box.low[~sure], box.high[~sure])))
    done.whole = True
    return done


def _halved(box: Interval) -> Interval:
    low, high = box.low.flatten(1), box.high.flatten(1)
    dim = (high - low).argmax(1)
    rows = torch.arange(len(low))
    middle = (low[rows, dim] + high[rows, dim]) / 2
    first, second = high.clone(), low.clone()
    first[rows, dim], second[rows, dim] = middle, middle
    shape = box.low.shape[1:]
    return Interval(torch.cat([low, second]).reshape(-1, *shape), torch.cat([first, high]).reshape(-1, *shape))
