"""What studies examine: small trained networks, kept on disk by their key, and labelled graphs.

The package itself names nothing: take ``kept``, ``images``, ``networks`` and the others from it.
"""
