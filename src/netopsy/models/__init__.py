"""A small zoo of networks whose layers have readable names and whose weights follow from a seed."""

from netopsy.models.conv import conv_net, small_conv_net
from netopsy.models.initialisation import SCHEMES, initialise
from netopsy.models.mlp import lenet_300_100, mlp

__all__ = ["SCHEMES", "conv_net", "initialise", "lenet_300_100", "mlp", "small_conv_net"]
