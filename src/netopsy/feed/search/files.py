"""The files that search by meaning reads; looking whether they are there loads nothing."""

NAMES = ("ids.npy", "id_starts.npy", "numbers.npy", "rows.npy")
"""Which paper is in which row."""
WHOLE, LISTS = "whole.faiss", "lists.faiss"
"""The vectors of whole texts, and where there are very many, the lists that they are sorted into."""
FILES = (*NAMES, WHOLE, "starts.npy", "scales.npy", "passages.npy")
"""Which are there in any case."""
