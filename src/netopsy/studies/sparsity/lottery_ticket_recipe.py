"""Prune a network, and search its winning ticket."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="lottery-ticket",
    title="Search your network for a winning ticket",
    shows="How many weights can be pruned at once, and how sparse a network that is set back to its start and "
    "trained again can be at the same accuracy.",
    takes=(NETWORK,),
    instruments=("pruning", "tickets"),
)
