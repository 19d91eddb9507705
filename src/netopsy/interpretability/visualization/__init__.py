"""Ways of looking inside a convolutional network: Qin et al. 2018 (arXiv 1804.11191)."""
