"""Place a network's layers in the information plane."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="information-plane",
    title="Place the layers of your network in the information plane",
    shows="How much information each layer holds about the input and how much about the label, beside the same "
    "network before training.",
    takes=(NETWORK,),
    instruments=("information_plane",),
)
