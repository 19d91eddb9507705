"""Train a network in random subspaces."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="intrinsic-dimension",
    title="Find how few directions your network can be trained in",
    shows="The accuracy of fresh copies that are trained along a few random directions only, and how many of them "
    "come close to ordinary training.",
    takes=(NETWORK,),
    instruments=("intrinsic_dimension",),
)
