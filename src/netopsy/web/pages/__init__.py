"""The pages, each a module with a ``router``."""
