"""Find the paths that carry a class through a network."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="causal-paths",
    title="Find the paths that carry a class through your network",
    shows="Which few filters, from the first layer to the answer, a class depends on: found by cutting connections "
    "on some images, tested on others.",
    takes=(NETWORK,),
    instruments=("causal-paths",),
)
