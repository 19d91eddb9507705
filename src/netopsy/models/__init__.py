"""A small zoo of networks whose layers have readable names and whose weights follow from a seed."""

from netopsy.models.conv import conv_net, lenet, small_conv_net
from netopsy.models.gan import dcgan_discriminator, dcgan_generator
from netopsy.models.initialisation import SCHEMES, initialise
from netopsy.models.mlp import lenet_300_100, mlp
from netopsy.models.resnet import ResNet, resnet, resnet18
from netopsy.models.unet import UNet, unet
from netopsy.models.upsampling import spectral_discriminator, upsampling_generator
from netopsy.models.vgg import vgg

__all__ = [
    "SCHEMES",
    "ResNet",
    "UNet",
    "conv_net",
    "dcgan_discriminator",
    "dcgan_generator",
    "initialise",
    "lenet",
    "lenet_300_100",
    "mlp",
    "resnet",
    "resnet18",
    "small_conv_net",
    "spectral_discriminator",
    "unet",
    "upsampling_generator",
    "vgg",
]
