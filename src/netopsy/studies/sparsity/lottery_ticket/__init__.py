"""The Lottery Ticket Hypothesis (arXiv 1803.03635), re-tested."""

from netopsy.lab import Study
from netopsy.studies.sparsity.lottery_ticket.draw import draw
from netopsy.studies.sparsity.lottery_ticket.judge import judge
from netopsy.studies.sparsity.lottery_ticket.measure import networks, plan
from netopsy.studies.sparsity.lottery_ticket.plan import PRESETS

STUDY = Study("lottery-ticket", PRESETS, plan, (networks,), judge, draw)
"""``netopsy reproduce lottery-ticket``."""
