"""Search widths and depths of a network."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="transformable-architecture-search",
    title="Find which widths and depths of your network suffice",
    shows="The widths and depths that a search by gradients chooses at half the operations, and their accuracy "
    "beside sizes that take no search.",
    takes=(NETWORK,),
    instruments=("sizes",),
)
