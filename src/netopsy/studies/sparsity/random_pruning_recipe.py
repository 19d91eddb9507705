"""Compare pruning criteria with random choice."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="random-pruning",
    title="Compare the weights that pruning criteria would keep",
    shows="What share of each layer's weights random, magnitude and gradient criteria would keep, and how far they "
    "agree on which.",
    takes=(NETWORK,),
    instruments=("criteria",),
)
