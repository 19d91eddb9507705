"""Rewind a pruned network to the start, and to an early step."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="late-rewinding",
    title="Rewind your pruned network to an early step",
    shows="Whether a sparse network that is put back to an early step of training is more stable, and more "
    "accurate, than one that is put back to the start.",
    takes=(NETWORK,),
    instruments=("rewinding",),
)
