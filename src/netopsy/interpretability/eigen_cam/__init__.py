"""What dominates a layer: the projection of its activations on their first principal direction.

Muhammad and Yeasin, Eigen-CAM: Class Activation Map using Principal Components, IJCNN 2020, arXiv:2008.00299.

Every place of a layer's grid is a point whose coordinates are the channels; the map is how far each point lies along
the direction in which they lie farthest from the origin. Neither a class nor a gradient is needed, so nothing behind
the layer can spoil the map; nor can the map choose one of two objects. The methods it is compared with are here, too.

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.interpretability.eigen_cam.baselines import channel_mean_map, energy_map, grad_cam_plus_plus
from netopsy.interpretability.eigen_cam.cam import average_layers, eigen_cam, eigen_grad_cam, last_grid_layer
from netopsy.interpretability.eigen_cam.projection import PrincipalMaps, eigen_cam_from_activations
from netopsy.interpretability.layer_maps import TokenGrid, token_grid

__all__ = [
    "PrincipalMaps",
    "TokenGrid",
    "average_layers",
    "channel_mean_map",
    "eigen_cam",
    "eigen_cam_from_activations",
    "eigen_grad_cam",
    "energy_map",
    "grad_cam_plus_plus",
    "last_grid_layer",
    "token_grid",
]
