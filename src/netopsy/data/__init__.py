"""Data sets as tensors in memory: embedded, generated, from image folders and from the Hugging Face Hub."""

from netopsy.data.batches import batch_indices, batches_per_epoch, epoch_order, index_batches
from netopsy.data.dataset import Dataset
from netopsy.data.embedded import digits, digits_split, lfw_subset
from netopsy.data.normalisation import Normalisation

__all__ = [
    "Dataset",
    "Normalisation",
    "batch_indices",
    "batches_per_epoch",
    "digits",
    "digits_split",
    "epoch_order",
    "index_batches",
    "lfw_subset",
]
