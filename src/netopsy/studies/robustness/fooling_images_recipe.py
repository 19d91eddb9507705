"""Evolve images that fool a network."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="fooling-images",
    title="Make images that fool your network",
    shows="Noise and patterns, evolved class by class, of which the network is certain though they show nothing.",
    takes=(NETWORK,),
    instruments=("fooling-images",),
)
