"""Attack a network by questions alone."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="feature-guided-attack",
    title="Find how few pixels change your network's answer",
    shows="The fewest pixels whose change changes an answer, found without gradients from salient points of the "
    "image, beside what random regions find.",
    takes=(NETWORK,),
    instruments=("feature-guided-attack",),
)
