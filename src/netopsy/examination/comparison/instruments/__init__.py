"""Instruments for two networks: one file each, found by its place."""
