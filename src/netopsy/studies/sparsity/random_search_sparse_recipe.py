"""Remove hidden units from a network."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="random-search-sparse",
    title="Find how narrow your network could be",
    shows="The accuracy with ever fewer hidden units, the best of several random sets beside sets chosen by a rule, "
    "and what that saves.",
    takes=(NETWORK,),
    instruments=("width",),
)
