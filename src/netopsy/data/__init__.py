"""Data sets as tensors in memory: embedded, generated, from image folders and from the Hugging Face Hub.

Graphs are in `netopsy.data.graphs`, apart from the rest so that only who uses them waits for scipy's sparse matrices.
"""

from netopsy.data.augment import crop_and_flip
from netopsy.data.batches import batch_indices, batches_per_epoch, epoch_order, index_batches
from netopsy.data.canvases import Canvases, canvases
from netopsy.data.concept_images import ConceptImages, concept_images
from netopsy.data.dataset import Dataset
from netopsy.data.embedded import digits, digits_split, lfw_subset
from netopsy.data.folders import ImageListing, image_folder, list_images
from netopsy.data.generators import gaussian_blobs, swiss_roll, two_circles, two_moons
from netopsy.data.hub import hub_dataset
from netopsy.data.load import EMBEDDED, load_data
from netopsy.data.normalisation import Normalisation
from netopsy.data.patches import photograph_patches
from netopsy.data.photographs import PHOTOGRAPHS, TEXTURES, photograph, photographs
from netopsy.data.scenes import SCENE_CLASSES, LabelledScenes, scenes

__all__ = [
    "EMBEDDED",
    "PHOTOGRAPHS",
    "SCENE_CLASSES",
    "TEXTURES",
    "Canvases",
    "ConceptImages",
    "Dataset",
    "ImageListing",
    "LabelledScenes",
    "Normalisation",
    "batch_indices",
    "batches_per_epoch",
    "canvases",
    "concept_images",
    "crop_and_flip",
    "digits",
    "digits_split",
    "epoch_order",
    "gaussian_blobs",
    "hub_dataset",
    "image_folder",
    "index_batches",
    "lfw_subset",
    "list_images",
    "load_data",
    "photograph",
    "photograph_patches",
    "photographs",
    "scenes",
    "swiss_roll",
    "two_circles",
    "two_moons",
]
