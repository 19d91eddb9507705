import torch

from netopsy.core.seeds import derive
from netopsy.data.concept_images import concept_images
from netopsy.lab.subjects.figures import FigureSetting, named_figures

FIGURES = FigureSetting(60, 60, size=16, widths=(4, 6), strides=(2, 1), epochs=1)


def test_the_network_is_trained_to_name_what_it_is_dissected_on_and_not_shown_it():
    model, concepts, accuracy = named_figures(FIGURES, 0)
    assert 0 <= accuracy <= 1
    assert not model.training
    again = concept_images(60, size=16, seed=derive(0, "test"))
    assert torch.equal(concepts.images, again.images)
    assert not torch.equal(concept_images(60, size=16, seed=derive(0, "train")).images, again.images)
