"""Mine visual patterns from a network's last filters."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="pattern-net",
    title="Mine the visual patterns of your network's classes",
    shows="Which few filters of the last convolution fire together on images of one class and hardly on others, "
    "with the places where they do.",
    takes=(NETWORK,),
    instruments=("patterns",),
)
