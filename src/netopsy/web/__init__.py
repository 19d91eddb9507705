"""The same things in a browser; needs the extra ``web``."""
