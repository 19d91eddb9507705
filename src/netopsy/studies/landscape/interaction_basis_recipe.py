"""Count the directions of a network's weights that matter."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="interaction-basis",
    title="Count the directions of your network's weights that matter",
    shows="Along how many directions of each layer's weights nothing would change: the ranks of its activations and "
    "of the gradients that come back.",
    takes=(NETWORK,),
    instruments=("free-directions",),
)
