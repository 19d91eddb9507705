"""Ask a network's units what they stand for, in four ways."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="cnn-visualization",
    title="See what the units of your network stand for",
    shows="The images that classes and units like best, what each layer still knows of an image, what in an image "
    "excites a unit, and which colours, textures and shapes units detect.",
    takes=(NETWORK,),
    instruments=("preferred-images", "reconstruction", "projections", "dissection"),
)
