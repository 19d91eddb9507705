"""Graphs: deep propagation, small subgraphs, links, sparse graphs, local clusters, and what a graph is worth.

One module or package for each paper; the room re-exports nothing.
"""
