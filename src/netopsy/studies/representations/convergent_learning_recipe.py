"""Match the units of a network with each other."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="convergent-learning",
    title="Find the units of your network that repeat others",
    shows="How many units of a layer say what another unit of it says already, by correlations over held-out images.",
    takes=(NETWORK,),
    instruments=("redundancy",),
)
