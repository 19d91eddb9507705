"""The papers: what each is about, which methods it gives and which claims it makes; needs only the standard library."""

from netopsy.catalogue.entries import ROOMS, Claim, Paper, Status, claim, in_room, paper, papers

__all__ = ["ROOMS", "Claim", "Paper", "Status", "claim", "in_room", "paper", "papers"]
