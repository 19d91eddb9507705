"""The shape of a network's loss."""
