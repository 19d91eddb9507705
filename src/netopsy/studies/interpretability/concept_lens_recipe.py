"""Take a network's classes apart into concepts."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="concept-lens",
    title="See which concepts your network's classes are made of",
    shows="The concepts that each class rests on, with the images that show them and how much of the answer each of "
    "them carries.",
    takes=(NETWORK,),
    instruments=("concepts",),
)
