"""Prove that a network's answers do not change."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="safety-verification",
    title="Prove how far your network's answers are safe",
    shows="By how much each pixel of an image may change with a proof that the answer stays, and at what change an "
    "attack succeeds.",
    takes=(NETWORK,),
    instruments=("safety-verification",),
)
