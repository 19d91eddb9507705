"""Walk to other images while a network's answer stays."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="level-set-traversal",
    title="Find what your network does not notice",
    shows="How far an image can change, even into one of another class, while the network stays as sure of its "
    "answer as before.",
    takes=(NETWORK,),
    instruments=("level-set-traversal",),
)
