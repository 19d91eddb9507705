"""Compare the geometry of a network's layers."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="representational-geometry",
    title="See whether your network's layers follow classes or inputs",
    shows="How closely the distances between samples in each layer agree with those of the inputs, and with those "
    "of the labels.",
    takes=(NETWORK,),
    instruments=("geometry",),
)
