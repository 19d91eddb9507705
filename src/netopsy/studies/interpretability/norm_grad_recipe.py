"""Draw saliency maps of a network, and check them."""

from netopsy.lab.recipes import NETWORK, PaperRecipe

RECIPE = PaperRecipe(
    paper="norm-grad",
    title="See where in an image your network looks",
    shows="Saliency maps of held-out images, whether answers change when what they mark is masked, and which kind "
    "of map depends on the class it is asked about.",
    takes=(NETWORK,),
    instruments=("saliency", "class-sensitivity"),
)
