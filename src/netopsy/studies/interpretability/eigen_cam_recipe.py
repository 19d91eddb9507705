"""Run Eigen-CAM on a network."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="eigen-cam",
    title="See what your network looks at, without gradients",
    shows="The first principal component of a layer's activations over held-out images, and how far it tells classes.",
    takes=(NETWORK,),
    instruments=("eigen-cam",),
)
