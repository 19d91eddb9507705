"""Search a sparse network among trained weights."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="lottery-jackpots",
    title="Find the sparse network inside your trained one",
    shows="How many weights can be switched off, none of the others changed, once it is learned which ones: "
    "accuracy by sparsity.",
    takes=(NETWORK,),
    instruments=("jackpot",),
)
