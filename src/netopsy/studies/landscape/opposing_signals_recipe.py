"""Find samples that pull a network in opposite directions."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="opposing-signals",
    title="Find the samples that pull your network in opposite directions",
    shows="How sharply the loss bends around the trained weights, and the two groups of samples whose gradients "
    "point opposite ways there.",
    takes=(NETWORK,),
    instruments=("loss-shape", "opposing-signals"),
)
